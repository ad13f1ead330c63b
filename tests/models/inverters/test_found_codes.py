# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The code of an inversion gives the image that was found, saved, edited and moved too."""

import pytest
import torch

from mmgen_bdinvert.apis import animate, edit, render, transform
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.models import (
    BaseDetailGenerator,
    NoiseProjector,
    PivotalTuningInverter,
    WPlusInverter,
)
from mmgen_bdinvert.structures import LatentCode

FAST = dict(
    losses=dict(pixel=dict(type='PixelMSELoss')), num_steps=8, optimizer=dict(type='Adam', lr=0.1)
)
UP = torch.linspace(-1, 1, 16)


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    generator = make_generator(seed=4)
    return generator.synthesis(sample_w_plus(generator, count=2, seed=5)).clamp(-1, 1).detach()


@pytest.fixture(
    scope='module', params=['regularized', 'w+', 'w', 'w+ of StyleGAN1', 'projector', 'tuning']
)
def found(request, make_generator, make_stylegan1, make_inverter, images):
    """An inverter, and what it found."""
    generator = make_generator()
    if request.param == 'regularized':
        inverter = make_inverter()
    elif request.param == 'tuning':
        slow = dict(FAST, optimizer=dict(type='Adam', lr=0.02))
        inverter = PivotalTuningInverter(make_inverter(num_steps=5), **slow)
    elif request.param == 'projector':
        inverter = NoiseProjector(generator, noise_weight=0.0, **FAST)
    else:
        if 'StyleGAN1' in request.param:
            generator = BaseDetailGenerator(make_stylegan1(), 8)
        inverter = WPlusInverter(generator, one_style=request.param == 'w', **FAST)
    return inverter, inverter.invert(images)


def test_a_saved_code_renders_the_reconstruction(found, tmp_path):
    inverter, result = found
    result.code.save(tmp_path / 'code.safetensors')
    code = LatentCode.load(tmp_path / 'code.safetensors', inverter.generator)
    with torch.no_grad():
        image = inverter.generator.render(code)
    torch.testing.assert_close(image, result.reconstruction, rtol=1e-4, atol=1e-4)


def test_an_edited_code_renders_the_edit(found):
    inverter, result = found
    direction = Direction(UP, layers=[2, 5])  # of the detail code
    with torch.no_grad():
        expected = inverter.render(inverter.edit(result.variables, direction, 0.4))
        image = inverter.generator.render(edit(inverter, result.code, direction, 0.4))
    torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-4)
    assert (image - result.reconstruction).abs().max() > 0.01


def test_pictures_and_videos_begin_with_the_reconstruction(found):
    inverter, result = found
    code = result.code[0]
    pictures = render(inverter, result.code, batch_size=1)
    frames = list(animate(inverter, code, directions=[Direction(UP)], frames=3))
    assert (frames[0][::6, ::6] == pictures[0]).all()
    rgb = inverter.generator.to_rgb(result.reconstruction)[0].permute(1, 2, 0)
    rgb = (rgb.clamp(-1, 1) + 1) * 127.5
    assert abs(pictures[0] - rgb.numpy()).max() <= 1


def test_images_of_a_batch_keep_what_is_their_own(found):
    inverter, result = found
    turned = LatentCode.cat([result.code[1], result.code[0]])
    with torch.no_grad():
        image = inverter.generator.render(turned)
    torch.testing.assert_close(image, result.reconstruction.flip(0), rtol=1e-4, atol=1e-4)


def test_colours_move_along(make_generator, sample_w_plus):
    """A motion loses no more than what a base code's own motion does."""
    generator = make_generator(base_size=16, out_size=64)
    with torch.no_grad():  # noise stays where it is, and hides the rest
        for name, weight in generator.generator.named_parameters():
            if 'noise_injector' in name:
                weight.zero_()
    code = generator.whole_code(sample_w_plus(generator, count=4))
    move = GeometricTransform(shift=(0.125, 0))  # two cells of the base code, one of the colours
    with torch.no_grad():
        target = transform_image(generator.render(code), move)
        moved = transform(generator, code, move)
        errors = [
            (generator.render(moved) - target).square().mean(),
            (generator(moved.base, moved.detail) - target).square().mean(),
            (generator(moved.base, moved.detail, code.colours) - target).square().mean(),
        ]
    assert errors[0] < 0.5 * min(errors[1:])
    still = transform(generator, code, GeometricTransform())
    assert torch.equal(still.colours, code.colours) and torch.equal(still.base, code.base)


def test_changes_that_do_not_fit_are_refused(make_generator, make_stylegan1, found):
    inverter, result = found
    if not result.code.changes:
        pytest.skip('this inversion changes nothing')
    name, value = next(iter(result.code.changes.items()))
    for changes, message in (
        ({'unknown': value}, "changes 'unknown', which this generator does not have"),
        ({name: value[:, None]}, 'use the config it was made with'),
    ):
        code = LatentCode(result.code.base, result.code.detail, changes=changes)
        with pytest.raises(ValueError, match=message):
            render(inverter, code)
