# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import torch

from mmgen_bdinvert.models.visibility import visibility


def jacobian_lengths(generator, statistics, step=1e-2):
    """Measure each column of four images' Jacobians by central differences."""
    z = torch.randn(4, generator.style_dim, generator=torch.Generator().manual_seed(0))
    code, total = generator.split(generator.to_w_plus(generator.mapping(z))), 0
    size = generator.num_detail * generator.style_dim
    steps = step * torch.eye(size).unflatten(1, (generator.num_detail, -1))  # [LD, L, D]
    for base, v in zip(code.base.split(1), statistics.whiten(code.detail).split(1)):
        base = base.expand(size, -1, -1, -1)
        ahead, behind = (generator(base, statistics.unwhiten(v + s)) for s in (steps, -steps))
        columns = (ahead - behind).flatten(1) / (2 * step)
        total = total + columns.square().sum(1).unflatten(0, (generator.num_detail, -1))
    return (total / total.mean()).sqrt()


@torch.no_grad()
def test_probes_give_the_lengths_of_the_jacobians_columns(make_generator, fit_statistics):
    generator = make_generator(out_size=16)
    statistics = fit_statistics(generator)
    found = visibility(generator, statistics, samples=4, probes=64)
    expected = jacobian_lengths(generator, statistics)
    assert found.shape == (generator.num_detail, generator.style_dim)
    assert expected.max() > 3 * expected.min()  # there is something to tell apart
    torch.testing.assert_close(found, expected, rtol=0.35, atol=0.05)
    torch.testing.assert_close(found.square().mean(), torch.tensor(1.0))
