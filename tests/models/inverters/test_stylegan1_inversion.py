# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Encoder training, inversion and editing do with a StyleGAN1 what they are for."""

import pytest
import torch

from mmgen_bdinvert.apis import edit, straighten, transform
from mmgen_bdinvert.evaluation import psnr
from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.models import (
    BaseCodeEncoder,
    BaseCodeEncoderTrainer,
    BaseDetailGenerator,
    RegularizedInverter,
    WPlusInverter,
)
from mmgen_bdinvert.models.losses.latent import base_code_distance

PIXEL = dict(type='PixelMSELoss', loss_weight=10.0)
OPTIMISATION = dict(optimizer=dict(type='Adam', lr=0.05), num_steps=200)
CELL = GeometricTransform(shift=(1 / 16, 0))  # one cell of the base code to the right
MIDDLE = slice(8, 24)  # of the picture's 32 pixels


@pytest.fixture(scope='module')
def generator(make_stylegan1):
    return BaseDetailGenerator(make_stylegan1(width=18, noise=0.02), base_size=16)


@pytest.fixture(scope='module')
def training(generator):
    """Train an encoder for half a hundred iterations: the trainer, and its losses."""
    torch.manual_seed(0)
    encoder = BaseCodeEncoder(*generator.base_shape[:2], widths=(8, 16, 16))
    trainer = BaseCodeEncoderTrainer(generator, encoder, losses=dict(pixel=PIXEL)).train()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.005)
    losses = []
    for step in range(50):
        loss = trainer(torch.arange(8 * step, 8 * step + 8), mode='loss')['loss_pixel']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return trainer.eval(), losses


@pytest.fixture(scope='module')
def make_inverter(generator, training, fit_statistics):
    def make(base_weight=0.1):
        losses = dict(
            pixel=PIXEL,
            base=dict(type='BaseCodeDistance', loss_weight=base_weight),
            detail=dict(type='PNormLoss', loss_weight=0.01),
        )
        return RegularizedInverter(
            generator,
            training[0].encoder,
            statistics=fit_statistics(generator),
            losses=losses,
            **OPTIMISATION,
        )

    return make


def test_base_codes_are_normalised_where_the_generator_does_unless_the_loss_says_so(
    make_inverter, make_generator, make_encoder, training
):
    assert make_inverter().losses['base'].normalized is True
    said = dict(base=dict(type='BaseCodeDistance', normalized=False), pixel=PIXEL)
    generator, encoder = training[0].generator, training[0].encoder
    for build in (RegularizedInverter, BaseCodeEncoderTrainer):
        assert build(generator, encoder, losses=said).losses['base'].normalized is False
        usual = dict(base=dict(type='BaseCodeDistance'))
        assert build(generator, encoder, losses=usual).losses['base'].normalized is True
        other = build(make_generator(), make_encoder(), losses=usual)
        assert other.losses['base'].normalized is False


@pytest.fixture(scope='module')
def moved_images(generator):
    """Make RGB images with the generator and move them by whole pixels."""
    rng = torch.Generator().manual_seed(99)
    with torch.no_grad():
        w = generator.mapping(torch.randn(3, generator.style_dim, generator=rng))
        images = generator.to_rgb(generator.synthesis(generator.to_w_plus(w, 0.7))).clamp(-1, 1)
    move = GeometricTransform(shift=(0.25, 0.125))
    return transform_image(images, move, padding_mode='reflection')


@pytest.fixture(scope='module')
def result(make_inverter, generator, moved_images):
    return make_inverter().invert(generator.to_rgb(moved_images))


def test_a_straightened_face_keeps_its_detail_code(make_inverter, result, generator):
    straight = straighten(make_inverter(), result.code, GeometricTransform(shift=(0.25, 0.125)))
    assert torch.equal(straight.detail, result.code.detail)
    assert torch.isfinite(generator.render(straight)).all()
    assert not torch.allclose(straight.base, result.code.base)


@pytest.mark.long
def test_encoder_training_lowers_its_loss_on_images_it_has_not_seen(training, generator):
    trainer, losses = training
    assert sum(losses[-5:]) / 5 < 0.5 * losses[0]
    with torch.no_grad():
        seeds = torch.arange(10**9, 10**9 + 8)
        samples = trainer(seeds, mode='predict')
        w_plus, images = trainer.sample(seeds)
        guess = trainer.encoder(generator.to_rgb(images))
        true = generator.split(w_plus).base
    output, target = (
        torch.stack([s.get(k) for s in samples]) for k in ('reconstruction', 'target')
    )
    assert PIXEL['loss_weight'] * (output - target).square().mean() < 0.5 * losses[0]
    # Mean and scale of the channels reach no pixel: training cannot teach them, nobody measures.
    distance = base_code_distance(guess, true, normalized=True)
    measured = torch.stack([sample.base_distance for sample in samples])
    torch.testing.assert_close(measured, distance)


def test_moved_images_are_recovered_far_better_than_by_w_plus(
    make_inverter, generator, moved_images, result
):
    statistics, images = make_inverter().statistics, generator.to_rgb(moved_images)
    baseline = WPlusInverter(generator, losses=dict(pixel=PIXEL), **OPTIMISATION).invert(images)
    ours, w_plus = (psnr(r.reconstruction, images) for r in (result, baseline))
    assert ours.min() > 25 and (ours - w_plus).min() > 5
    # And the style vectors stay where the generator's own are, which those of W+ do not.
    norms = [statistics.whiten(r.code.detail).square().mean() for r in (result, baseline)]
    assert norms[0] < 5 and norms[1] > 100


def test_the_base_code_is_held_near_the_guess_of_the_encoder(
    make_inverter, generator, moved_images, result
):
    free = make_inverter(base_weight=0.0).invert(generator.to_rgb(moved_images))
    with torch.no_grad():
        guess = make_inverter().encoder(moved_images)
    held, loose = (base_code_distance(r.code.base, guess, normalized=True) for r in (result, free))
    assert (held < 0.8 * loose).all()
    torch.testing.assert_close(result.history['base'][-1], 0.1 * held, rtol=1e-3, atol=0)


def test_moving_the_base_code_by_a_cell_moves_the_reconstruction(generator, result):
    code, image = result.code, result.reconstruction
    with torch.no_grad():
        moved = transform(generator, code, CELL)
        picture = generator(moved.base, moved.detail)
        around = generator(code.base.roll(1, 3), code.detail)  # nothing is lost at the border
    expected = transform_image(image, CELL)
    middle = (..., MIDDLE, MIDDLE)
    unmoved = psnr(image[middle], expected[middle])
    # What is filled in at the border changes the statistics of the instance normalisations.
    filled = psnr(picture[middle], expected[middle])
    assert filled.min() > 20 and (filled - unmoved).min() > 3
    assert (psnr(around[middle], image.roll(2, 3)[middle]) - unmoved).min() > 8
    assert torch.equal(moved.detail, code.detail)


def test_a_direction_changes_the_picture_and_leaves_the_base_code(generator, result):
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        direction = generator.mapping(torch.randn(1, 16, generator=rng)) - generator.mean_latent
        edited = edit(generator, result.code, direction[0], 1.0)
        before, after = (generator(c.base, c.detail) for c in (result.code, edited))
    assert torch.equal(edited.base, result.code.base)
    assert ((after - before).abs().mean((1, 2, 3)) > 0.05).all()


def test_the_mean_base_code_is_filled_in_with_the_mean_and_scale_of_each_code(generator, result):
    code = result.code
    louder = generator.code(3 * code.base + 1, code.detail)  # the same pictures
    shift = GeometricTransform(shift=(0.25, 0))
    pictures = [
        generator(moved.base, moved.detail)
        for moved in (transform(generator, c, shift, padding_mode='mean') for c in (code, louder))
    ]
    torch.testing.assert_close(*pictures, atol=2e-3, rtol=0)
