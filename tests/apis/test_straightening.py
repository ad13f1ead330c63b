# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Faces that are inverted once more in alignment, and completed."""

import copy
from dataclasses import replace

import pytest
import torch

from mmgen_bdinvert.apis import (
    align,
    edit_batch,
    init_inverter,
    load_config,
    render,
    straighten,
    transform,
)
from mmgen_bdinvert.apis.straightening import found_motions
from mmgen_bdinvert.evaluation import psnr
from mmgen_bdinvert.geometry import GeometricTransform, inverse, transform_image, validity_mask
from mmgen_bdinvert.io import image_to_tensor
from mmgen_bdinvert.models import DetailCodeEncoder
from mmgen_bdinvert.models.inverters import WPlusInverter
from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter
from mmgen_bdinvert.models.inverters.completion import Completion
from projects.toon_faces import draw_face

HALF = GeometricTransform(shift=(0.5, 0.0))


@pytest.fixture(scope='module')
def inverter(make_inverter):
    return make_inverter(num_steps=3, detail_space='pnorm')


@pytest.fixture(scope='module')
def code(inverter, sample_w_plus):
    return inverter.generator.split(sample_w_plus(inverter.generator, 3))


def test_only_base_codes_change(inverter, code):
    straight = straighten(inverter, code, HALF)
    assert torch.equal(straight.detail, code.detail)
    assert not torch.allclose(straight.base, code.base)
    assert torch.equal(straighten(inverter, code, HALF).base, straight.base)


def test_a_code_of_w_plus_loses_what_the_base_code_then_holds(inverter, sample_w_plus):
    code = inverter.generator.whole_code(sample_w_plus(inverter.generator, 1))
    assert code.colours is not None and code.coarse is not None
    straight = straighten(inverter, code, HALF)
    assert straight.colours is None and straight.coarse is None
    assert torch.equal(straight.detail, code.detail)


def test_the_second_inversion_is_of_a_whole_face(inverter, code, monkeypatch):
    seen, original = {}, OptimizationInverter.invert

    def invert(self, images, mask):
        if isinstance(self, Completion):
            result = original(self, images, mask=mask)
            seen.update(shown=mask, completed=result.reconstruction.clamp(-1, 1))
            return result
        seen.update(images=images, mask=mask, known=self.known_detail)
        return original(self, images, mask=mask)

    monkeypatch.setattr(OptimizationInverter, 'invert', invert)
    straighten(inverter, code, HALF, num_steps=2)
    generator = inverter.generator
    side = generator.resolution
    # The face went right by half the image: moved back, its right half has left the photo.
    left, right = slice(0, side // 2), slice(side // 2, side)
    assert seen['shown'][..., left].min() == 1 and seen['shown'][..., right].max() == 0
    assert seen['mask'][..., left].min() == 1 and 0 < seen['mask'][..., right].max() < 1
    with torch.no_grad():
        rendered = generator.render(code).clamp(-1, 1)
    torch.testing.assert_close(seen['images'][..., left], rendered[..., right])
    assert torch.equal(seen['images'][..., right], seen['completed'][..., right])
    assert torch.equal(seen['known'], code.detail) and inverter.known_detail is None
    # What the photo does not show of its window, or a mask hides, is not known either.
    shown = torch.ones(1, 1, side, side)
    shown[..., : side // 4, :] = 0
    straighten(inverter, code, HALF, shown=shown, num_steps=1)
    assert seen['shown'][..., : side // 4, :].max() == 0
    assert seen['shown'][..., side // 4 + 1 :, left].min() == 1
    # Nothing is completed of a face that is shown whole.
    seen.clear()
    straighten(inverter, code, GeometricTransform(scale=0.8), num_steps=1)
    assert 'completed' not in seen and seen['mask'].min() == 1


@pytest.mark.parametrize('with_statistics', [True, False])
def test_a_completion_fits_what_is_seen_with_the_detail_codes_as_they_are(
    inverter, code, make_inverter, sample_w_plus, with_statistics
):
    if not with_statistics:
        pixel = dict(type='PixelMSELoss')
        inverter = make_inverter(losses=dict(pixel=pixel), statistics=None)
    inverter = copy.copy(inverter)
    inverter.optimizer, inverter.keep_best = dict(type='ImageLBFGS', history=50), True
    generator = inverter.generator
    w_plus = sample_w_plus(generator, 2)
    with torch.no_grad():
        images = generator.synthesis(w_plus).clamp(-1, 1)
    seen = torch.ones_like(images[:, :1])
    seen[..., generator.resolution // 2 :] = 0
    detail = w_plus[:, generator.first_detail :]
    errors = []
    for steps in (0, 40):
        inverter.num_steps = steps
        result = Completion(inverter, detail).invert(images, mask=seen)
        errors.append(((result.reconstruction - images) * seen).square().mean((1, 2, 3)))
    assert torch.equal(result.code.detail, detail)
    assert (errors[1] < 0.75 * errors[0]).all()


def test_clipped_detail_codes_stay_as_they_are(make_inverter, code):
    clipped = make_inverter(num_steps=3, detail_space='pnorm', clip=0.1)
    result = clipped.with_detail(code.detail).invert(clipped.generator.render(code).clamp(-1, 1))
    torch.testing.assert_close(result.code.detail, code.detail, rtol=0, atol=1e-5)
    assert clipped.clip == 0.1 and clipped.fixed == ()


def test_each_code_by_its_own_motion(inverter, code):
    motions = [HALF, GeometricTransform(rotate=30), GeometricTransform(scale=0.7)]
    together = straighten(inverter, code, motions, num_steps=2)
    for i, motion in enumerate(motions):
        alone = straighten(inverter, code[i], motion, num_steps=2)
        torch.testing.assert_close(together.base[i], alone.base[0], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match='3 codes need as many motions, but got 2'):
        straighten(inverter, code, motions[:2])


def test_what_cannot_be_straightened_is_said(inverter, code):
    rival = WPlusInverter(inverter.generator, losses=dict(pixel=dict(type='PixelMSELoss')))
    with pytest.raises(ValueError, match='a RegularizedInverter is needed.*WPlusInverter'):
        straighten(rival, code, HALF)
    with pytest.raises(ValueError, match='leaves 0% of image 1 in view'):
        straighten(inverter, code, [HALF, GeometricTransform((1.5, 0.0)), HALF])
    with pytest.raises(ValueError, match='Only a detail encoder finds the motion'):
        straighten(inverter, code)
    noise = next(k for k in inverter.generator.generator.state_dict() if 'noise' in k)
    value = inverter.generator.generator.state_dict()[noise].expand(3, 1, 1, -1, -1)
    with pytest.raises(ValueError, match='tuned weights or noise maps is not inverted again'):
        straighten(inverter, replace(code, changes={noise: value}), HALF)
    assert len(straighten(inverter, code[:0], HALF)) == 0


def test_the_detail_encoder_says_how_faces_left_alignment(inverter, code, tmp_path, monkeypatch):
    """And a contact sheet has one column of aligned faces, however each of them was moved."""
    generator = inverter.generator
    encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim, 32, (4, 6), 8)
    encoder.adapt(generator)
    motions = [GeometricTransform((0.1, 0.2), 30, 0.8), GeometricTransform((-0.2, 0), -10)]
    frames = iter([motion.matrix()[None, :2].float() for motion in motions])
    monkeypatch.setattr(encoder, 'locate', lambda images: next(frames))
    monkeypatch.setattr(encoder, 'forward', lambda images: code.detail[: len(images)])
    monkeypatch.setattr(inverter, 'detail_encoder', encoder)
    for i in range(2):
        code[i].save(tmp_path / f'{i}.safetensors')
    rows, found = [], []
    monkeypatch.setattr(edit_batch.Sheet, 'add', lambda sheet, name, row: rows.append(list(row)))

    def straightened(inverter, code, motion, shown):
        found.append((motion, shown))
        return transform(inverter, code, inverse(motion))

    monkeypatch.setattr(edit_batch, 'straighten', straightened)
    files = sorted(tmp_path.glob('*.safetensors'))
    edit_batch.edit_files(inverter, files, tmp_path / 'out', align='auto', complete=True)
    assert rows == 2 * [['before', 'aligned\ncompleted']]
    for (motion, shown), expected in zip(found, motions):
        torch.testing.assert_close(motion.matrix(), expected.matrix(), rtol=0, atol=1e-5)
        assert shown is None  # of a code alone it is not known what a photo showed


def test_a_drawn_face_that_the_border_cuts_is_completed():
    """Of a face in the embedded domain: nearer to the aligned drawing than a moved base code."""
    motion = GeometricTransform(shift=(0.22, 0.1), rotate=12)
    inverter = init_inverter(load_config('bdinvert_inv_toon128', {'model.num_steps': 8}, 'quick'))
    generator = inverter.generator
    drawn = [image_to_tensor(draw_face('h203', 128, transform=m)[0]) for m in (None, motion)]
    code = inverter.invert(generator.to_rgb(drawn[1])).code
    straight = straighten(inverter, code, motion)
    assert torch.equal(straight.detail, code.detail)
    back = inverse(motion)
    values = {}
    for name, result in (('moved', align(inverter, code, motion)), ('completed', straight)):
        picture = image_to_tensor(render(inverter, result)[0])
        values[name] = float(psnr(picture, drawn[0]))
        hidden = ~validity_mask(back, 128)
        error = ((picture - drawn[0]) / 2).square() * hidden
        values[f'{name}, hidden'] = float(error.sum() / hidden.sum())
    assert values['completed'] > values['moved'] + 2  # dB
    assert values['completed, hidden'] < 0.5 * values['moved, hidden']
    with torch.no_grad():
        images = generator.to_rgb(drawn[1])
        (found,) = found_motions(inverter, images)
    again = transform_image(transform_image(drawn[0], motion), inverse(found))
    assert abs(found.rotate - 12) < 8 and abs(found.scale - 1) < 0.12
    assert psnr(again, drawn[0]) > psnr(drawn[1], drawn[0]) + 3
