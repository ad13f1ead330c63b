# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What StrictRunner does besides; ``tests/tools`` run it with encoders and in several processes."""

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.engine import StrictRunner


@pytest.fixture()
def gan(runner_defaults, generator_config):
    """Return a Runner with a tiny GAN."""

    def make(**settings):
        channels = generator_config(16)['channels']
        model = dict(
            type='StyleGAN2',
            data_preprocessor=dict(type='GANDataPreprocessor'),
            generator=generator_config(16),
            discriminator=dict(type='NarrowStyleGAN2Discriminator', in_size=16, channels=channels),
        )
        return StrictRunner.from_cfg(Config(dict(model=model, **runner_defaults(**settings))))

    return make


@pytest.fixture()
def generator_only(gan, tmp_path):
    """Write a checkpoint whose discriminator is lost, with every weight at 0.5."""
    state = gan().model.state_dict()
    weights = {k: torch.full_like(v, 0.5) for k, v in state.items() if k.startswith('generator.')}
    torch.save({'state_dict': weights}, tmp_path / 'generator_only.pth')
    return str(tmp_path / 'generator_only.pth')


def test_a_gan_may_start_from_part_of_a_checkpoint(gan, generator_only):
    runner = gan(load_from=generator_only)
    before = runner.model.discriminator.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    runner.load_or_resume()
    assert all((p == 0.5).all() for p in runner.model.generator.parameters())
    after = runner.model.discriminator.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_gan_does_not_resume_from_part_of_a_checkpoint(gan, generator_only):
    runner = gan(load_from=generator_only, resume=True)
    with pytest.raises(ValueError, match='does not fit this StyleGAN2: .* missing .*discriminator'):
        runner.load_or_resume()
    assert not all((p == 0.5).all() for p in runner.model.generator.parameters())
