# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import torch

from mmgen_bdinvert.models.visibility import visibility


def jacobian_lengths(generator, statistics, samples):
    """Measure each column of the Jacobian with ordinary automatic differentiation."""
    rng, total = torch.Generator().manual_seed(0), 0
    for _ in range(samples):
        w = generator.mapping(torch.randn(1, generator.style_dim, generator=rng))
        code = generator.split(generator.to_w_plus(w))

        def render(v, base=code.base):
            return generator(base, statistics.unwhiten(v)).flatten()

        columns = torch.autograd.functional.jacobian(render, statistics.whiten(code.detail))
        total = total + columns[:, 0].square().sum(0)  # [PLD] -> [LD]
        for _ in range(64):  # what the function draws in between
            torch.randn(1, 3, generator.resolution, generator.resolution, generator=rng)
    return (total / total.mean()).sqrt()


def test_probes_give_the_lengths_of_the_jacobians_columns(make_generator, fit_statistics):
    generator = make_generator()
    statistics = fit_statistics(generator)
    found = visibility(generator, statistics, samples=2, probes=64)
    expected = jacobian_lengths(generator, statistics, 2)
    assert found.shape == (generator.num_detail, generator.style_dim)
    assert expected.max() > 3 * expected.min()  # there is something to tell apart
    torch.testing.assert_close(found, expected, rtol=0.35, atol=0.05)
    torch.testing.assert_close(found.square().mean(), torch.tensor(1.0))
