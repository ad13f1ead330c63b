# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import torch

from mmgen_bdinvert.models.visibility import visibility


def jacobian_lengths(generator, statistics):
    """Measure each column of four images' Jacobians with ordinary automatic differentiation."""
    z = torch.randn(4, generator.style_dim, generator=torch.Generator().manual_seed(0))
    code, total = generator.split(generator.to_w_plus(generator.mapping(z))), 0
    for base, v in zip(code.base.split(1), statistics.whiten(code.detail).split(1)):

        def render(v, base=base):
            return generator(base, statistics.unwhiten(v)).flatten()

        columns = torch.autograd.functional.jacobian(render, v)
        total = total + columns[:, 0].square().sum(0)  # [PLD] -> [LD]
    return (total / total.mean()).sqrt()


def test_probes_give_the_lengths_of_the_jacobians_columns(make_generator, fit_statistics):
    generator = make_generator(out_size=16)
    statistics = fit_statistics(generator)
    found = visibility(generator, statistics, samples=4, probes=64)
    expected = jacobian_lengths(generator, statistics)
    assert found.shape == (generator.num_detail, generator.style_dim)
    assert expected.max() > 3 * expected.min()  # there is something to tell apart
    torch.testing.assert_close(found, expected, rtol=0.35, atol=0.05)
    torch.testing.assert_close(found.square().mean(), torch.tensor(1.0))
