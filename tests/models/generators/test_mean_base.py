# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import torch


def test_it_is_the_mean_of_the_base_codes(make_generator):
    generator = make_generator()
    rng = torch.Generator().manual_seed(0)
    z = torch.cat([torch.randn(32, 16, generator=rng) for _ in range(4)])
    with torch.no_grad():
        base = generator.split(generator.to_w_plus(generator.mapping(z))).base
    assert generator.mean_base.shape == (1, *generator.base_shape)
    torch.testing.assert_close(generator.mean_base, base.mean(0, keepdim=True), rtol=0, atol=1e-5)
    # The samples differ, and the mean keeps what they share at each place.
    assert (generator.mean_base - base).square().mean() < base.square().mean()
    assert generator.mean_base.std((2, 3)).max() > 0.01


def test_it_follows_the_weights(make_generator):
    generator = make_generator()
    before = generator.mean_base
    assert torch.equal(generator.mean_base, before)
    generator.load_state_dict(make_generator(seed=3).state_dict())
    assert torch.equal(generator.mean_base, make_generator(seed=3).mean_base)
    assert not torch.equal(generator.mean_base, before)
    assert generator.double().mean_base.dtype == torch.float64
