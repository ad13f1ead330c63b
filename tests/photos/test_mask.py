# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math
from argparse import Namespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import edit_files, invert_files, look_of
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.io import ImageReadError, read_image
from mmgen_bdinvert.models.inverters.targets import inpainted
from mmgen_bdinvert.photos import Look, Window
from mmgen_bdinvert.photos.mask import mask_of

WINDOW = Window(20, 10, 80)


@pytest.fixture()
def files(tmp_path):
    """Return a photo, and a mask whose left half is black, to the middle of the window."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    Image.fromarray(noise).resize((200, 120)).save(tmp_path / 'photo.png')
    mask = np.full((120, 200), 255, np.uint8)
    mask[:, :60] = 0
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    return tmp_path / 'photo.png', str(tmp_path / 'mask.png')


def test_an_ellipse_fills_the_window():
    mask = mask_of('ellipse', 64, (200, 120), WINDOW, None)
    assert mask.mean() == pytest.approx(math.pi / 4, abs=0.01)
    assert (mask[0, 0], mask[32, 32]) == (0, 1)


def test_a_face_is_masked_as_it_is_turned():
    square = Window(40, 30, 40, 90)
    mask = mask_of('face', 160, (200, 120), WINDOW, square)
    wide, high = (mask.any(axis).sum() for axis in (0, 1))
    assert wide == pytest.approx(2 * 0.46 * 40 * 2, abs=2)  # it lies on its side
    assert high == pytest.approx(2 * 0.38 * 40 * 2, abs=2)


def test_a_file_is_seen_through_the_window(files):
    mask = mask_of(files[1], 8, (200, 120), WINDOW, None)
    assert np.abs(mask[:, :3]).max() < 0.02 and mask[:, 5:].min() > 0.98


@pytest.mark.parametrize(('kind', 'match'), [('face', '--find'), ('file', '200x120, but .* 40x30')])
def test_masks_that_fit_no_photo(tmp_path, kind, match):
    if kind == 'file':
        kind = str(tmp_path / 'other.png')
        Image.new('L', (40, 30)).save(kind)
    with pytest.raises(ImageReadError, match=match):
        mask_of(kind, 8, (200, 120), WINDOW, None)


def test_a_mask_that_hides_the_window_is_refused(tmp_path):
    """As white for what is to be hidden, which other programs take."""
    mask = np.full((120, 200), 255, np.uint8)
    mask[5:95, 15:105] = 3  # black, of a JPEG
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    with pytest.raises(ImageReadError, match='hides the whole window: a mask is white where'):
        mask_of(str(tmp_path / 'mask.png'), 8, (200, 120), WINDOW, None)


def test_losses_see_the_target_where_a_mask_is_0(inverter):
    generator = torch.Generator().manual_seed(0)
    size = inverter.generator.resolution
    images = 2 * torch.rand(2, 3, size, size, generator=generator) - 1
    mask = torch.zeros(2, 1, size, size)
    mask[1, ..., : size // 2] = 1
    result = inverter.invert(images, mask=mask)
    gap = (mask * (result.reconstruction - images)).square().mean((1, 2, 3))
    weight = inverter.losses['pixel'].loss_weight
    torch.testing.assert_close(result.history['pixel'][-1], weight * gap)
    assert (result.history['perceptual'][:, 0] < 1e-9).all()
    assert (result.history['perceptual'][:, 1] > 1e-6).all()
    assert inverter.invert(images).history['pixel'][0, 0] > 0  # it is not remembered


@pytest.mark.parametrize('shape', [(1, 1, 8, 8), (2, 3, 8, 8)])
def test_a_mask_of_another_shape(inverter, shape):
    size = inverter.generator.resolution
    with pytest.raises(ValueError, match='A mask has the shape'):
        inverter.invert(torch.zeros(2, 3, size, size), mask=torch.ones(shape))


def test_results_and_photo_follow_the_mask(inverter, files, tmp_path):
    photo, mask = files
    look = Look(WINDOW, mask=mask)
    (outcome,) = invert_files(inverter, photo, tmp_path / 'results', look=look)
    assert (outcome.status, outcome.metrics['mask']) == ('done', mask)
    direction = Direction(5 * torch.ones(16), name='up')
    edit_files(inverter, tmp_path / 'results', tmp_path / 'out', directions=[direction])
    changed = (read_image(tmp_path / 'out/photo/photo.png') != read_image(photo)).any(2)
    assert changed[:, 70:].any() and not changed[:, :59].any()


def test_figures_and_verdicts_are_of_what_counts(inverter, files, tmp_path, monkeypatch):
    """What lies below the black half of the mask changes neither."""
    judged = []

    def record(inverter, images, output, code, faces):
        judged.append((images, output))
        return ['fits'] * len(images)

    monkeypatch.setattr('mmgen_bdinvert.jobs.batch_inversion.verdicts_of', record)
    # The one that predicts better is not always the filled image.
    monkeypatch.setattr(type(inverter), 'fill_hidden', lambda self, *given: inpainted(*given))
    photo, mask = files
    pixels = read_image(photo).copy()
    pixels[:, :60] = 255
    Image.fromarray(pixels).save(tmp_path / 'white.png')
    look = Look(WINDOW, mask=mask)
    kept, white = invert_files(inverter, [photo, tmp_path / 'white.png'], tmp_path / 'o', look=look)
    for name in ('psnr', 'mse', 'perceptual'):
        assert white.metrics[name] == pytest.approx(kept.metrics[name], rel=0.05)
    (images, output) = judged[0]
    middle = images.shape[-1] // 2
    filled = images[..., : middle - 1]  # from an edge that was interpolated
    assert (filled[0] - filled[1]).abs().max() < 0.1 < filled.std()
    error = (output.clamp(-1, 1) - images).square().mean((1, 2, 3))
    assert kept.metrics['mse'] == pytest.approx(float(error[0]) / 0.5, rel=0.1)


def test_a_mask_of_another_size_fails_its_photo_alone(inverter, files, tmp_path):
    other = tmp_path / 'other.png'
    Image.new('RGB', (200, 130)).save(other)
    look = Look(WINDOW, mask=files[1])
    outcomes = invert_files(inverter, [other, files[0]], tmp_path / 'out', look=look)
    assert [o.status for o in outcomes] == ['failed', 'done']
    assert 'a mask is as large as its photo of 200x130' in outcomes[0].reason


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(mask='ellipse'), '--mask belongs to --window or --find'),
        (dict(mask='none.png', window=[0, 0, 50]), 'does not exist'),
        (dict(window_margin=0.2), '--window-margin, --no-face and settings of face_finder belong'),
        (dict(cfg_options=['face_finder.threshold=0.5']), 'belong to --find, which is missing'),
        (dict(window=[1.0, 2.0]), 'X Y SIZE \\[ANGLE\\], but got 2 numbers'),
        (dict(window=[0, 0, 0]), '16 pixels or more'),
    ],
)
def test_options_that_make_no_sense(options, match):
    none = ('find', 'window', 'window_margin', 'no_face', 'mask', 'cfg_options')
    given = dict.fromkeys(none)
    with pytest.raises(ValueError, match=match):
        look_of(Namespace(**{**given, **options}), Config())


def test_a_given_window_has_no_face_to_mask():
    with pytest.raises(ValueError, match='needs --find, but a window was given'):
        Look(WINDOW, mask='face')
