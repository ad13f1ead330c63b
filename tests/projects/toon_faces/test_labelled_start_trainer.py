# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Supervised start of a generator from labelled drawings."""

import pytest
import torch
from mmgen.structures import GenDataSample

from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from projects.toon_faces import LabelledStartTrainer
from projects.toon_faces.grow import grow

LOSSES = dict(pixel=dict(type='PixelL1Loss', loss_weight=2.0))


def small_generator(size=16, width=8):
    channels = {s: width for s in (4, 8, 16, 32) if s <= size}
    return NarrowStyleGANv2Generator(size, 16, channels, num_mlps=4, default_style_mode='single')


def samples_with(labels):
    samples = [GenDataSample() for _ in labels]
    for sample, row in zip(samples, labels):
        sample.set_field(row, 'labels')
        sample.set_field(torch.full((4,), torch.nan), 'motion')  # left to chance
    return samples


def test_a_grown_generator_draws_what_the_small_one_drew():
    torch.manual_seed(0)
    small, large = small_generator(16), small_generator(32, width=12)
    grow(large, small.state_dict())
    w = torch.randn(2, 16)
    with torch.no_grad():
        for i in range(small.num_injected_noises):
            noise = getattr(small, f'injected_noise_{i}')
            getattr(large, f'injected_noise_{i}').copy_(noise)
        a = small([w], input_is_latent=True, randomize_noise=False)
        b = large([w], input_is_latent=True, randomize_noise=False)
        expected = large.to_rgbs[-1].upsample(a)
    torch.testing.assert_close(b, expected, atol=1e-5, rtol=1e-5)


def test_training_teaches_the_labels_colours():
    torch.manual_seed(0)
    trainer = LabelledStartTrainer(
        small_generator(), LOSSES, [2, 2], margin=0.25, readout_latents=64
    )
    labels = torch.randint(0, 2, (32, 2))
    images = torch.zeros(32, 3, 16, 16)
    images[:, :2] = labels[:, :, None, None] * 1.6 - 0.8  # label 0 is the blue, 1 the green
    optimizer = torch.optim.Adam(trainer.parameters(), lr=0.02, betas=(0.9, 0.99))
    for _ in range(150):
        losses = trainer(images, samples_with(labels), 'loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert set(losses) == {'loss_pixel', 'loss_readout'}
    trainer.eval()
    with torch.no_grad():
        blue, green, _ = trainer(images, samples_with(labels)).mean((2, 3)).T
    for colour, label in ((blue, labels[:, 0]), (green, labels[:, 1])):
        assert ((colour > 0) == (label > 0)).float().mean() > 0.9


def test_mixed_styles_carry_detail_labels_behind_the_crossover_only():
    torch.manual_seed(0)
    trainer = LabelledStartTrainer(
        small_generator(), LOSSES, [2, 2], detail_labels=[1], crossovers=(2, 3)
    )
    named = trainer.noise.num_named
    trainer.generator.style_mapping = torch.nn.Identity()  # w is z, which names its labels
    labels = torch.randint(0, 2, (400, 2))
    styles = trainer.styles(labels, torch.full((400, 4), torch.nan), mixed=True)
    assert styles.shape == (400, trainer.generator.num_latents, 16) and named == 6
    agree = ((styles[..., :2] > 0) == labels[:, None].bool()).float().mean(0)  # [L2]
    torch.testing.assert_close(agree[:2, 0], torch.ones(2), atol=0.04, rtol=0)
    torch.testing.assert_close(agree[3:, 1], torch.ones(3), atol=0.04, rtol=0)
    # Half of the samples are mixed, and leave the label that is not theirs to chance.
    torch.testing.assert_close(agree[:2, 1], torch.full((2,), 0.75), atol=0.07, rtol=0)
    torch.testing.assert_close(agree[3:, 0], torch.full((3,), 0.75), atol=0.07, rtol=0)
    assert 0.75 < agree[2, 0] < 0.97 and 0.75 < agree[2, 1] < 0.97  # the crossover is at 2 or at 3


def test_larger_drawings_are_reduced_to_the_generator_s_size():
    trainer = LabelledStartTrainer(small_generator(), LOSSES, [2])
    labels, images = torch.zeros(1, 1, dtype=torch.long), torch.rand(1, 3, 32, 32)
    sample = trainer(images, samples_with(labels), 'predict')[0]
    assert sample.reconstruction.shape == (3, 16, 16)
    expected = images.reshape(3, 16, 2, 16, 2).mean((2, 4)).flip(0)  # BGR -> RGB
    torch.testing.assert_close(sample.target, expected)
    with pytest.raises(ValueError, match="but got 'sample'"):
        trainer(images, samples_with(labels), 'sample')
