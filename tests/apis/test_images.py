# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.apis import to_batch
from mmgen_bdinvert.io import ImageReadError, image_to_tensor, read_image

RED = np.full((8, 8, 3), (255, 0, 0), dtype=np.uint8)


@pytest.fixture(params=['path', 'text', 'PIL', 'array', 'list', 'tensor'])
def kind(request, tmp_path):
    """Return one picture as everything that is accepted."""

    def make(rgb):
        path = tmp_path / 'x.png'
        Image.fromarray(rgb).save(path)
        return {
            'path': path,
            'text': str(path),
            'PIL': Image.fromarray(rgb),
            'array': rgb,
            'list': [rgb],
            'tensor': image_to_tensor(rgb),
        }[request.param]

    return make


def test_red_stays_red_in_both_orders(kind):
    rgb, bgr = (to_batch(kind(RED), 8, order) for order in ('rgb', 'bgr'))
    assert rgb[0, :, 3, 3].tolist() == [1, -1, -1]
    assert bgr[0, :, 3, 3].tolist() == [-1, -1, 1]


def test_every_kind_gives_the_same_values(kind, picture):
    rgb = picture()
    expected = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(to_batch(kind(rgb), 32, 'rgb'), expected)


@pytest.mark.parametrize('fit', ['crop', 'pad', 'squash'])
@pytest.mark.parametrize(('width', 'height'), [(40, 24), (24, 40), (40, 40)])
def test_pictures_are_fitted_as_files_are(tmp_path, picture, fit, width, height):
    rgb = picture(0, width, height)
    Image.fromarray(rgb).save(tmp_path / 'x.png')
    expected = image_to_tensor(read_image(tmp_path / 'x.png', 16, fit=fit))
    for image in (tmp_path / 'x.png', Image.fromarray(rgb), rgb):
        assert torch.equal(to_batch(image, 16, 'rgb', fit), expected)


@pytest.mark.parametrize('fit', ['crop', 'pad', 'squash'])
@pytest.mark.parametrize(('width', 'height'), [(40, 24), (24, 40)])
def test_tensors_are_fitted_like_pictures(picture, fit, width, height):
    rgb = picture(0, width, height)
    from_picture = to_batch(rgb, 16, 'rgb', fit)
    from_tensor = to_batch(image_to_tensor(rgb), 16, 'rgb', fit)
    # Lanczos on 8 bits against an antialiased triangle: alike, other fits are not.
    gap = (from_tensor - from_picture).abs().mean()
    for other in {'crop', 'pad', 'squash'} - {fit}:
        assert gap < 0.4 * (from_tensor - to_batch(rgb, 16, 'rgb', other)).abs().mean()


def test_bars_of_a_tensor_have_the_mean_colour_of_its_edges():
    image = torch.zeros(1, 3, 4, 8)
    image[:, 0, 0], image[:, 0, -1] = 1.0, 0.5
    padded = to_batch(image, 8, 'rgb', 'pad')
    assert torch.allclose(padded[0, 0, [0, 1, 6, 7]], torch.tensor(0.75))
    assert torch.equal(padded[0, :, 2:6], image[0])


def test_a_mixed_list_keeps_its_order(tmp_path, picture):
    Image.fromarray(picture(1)).save(tmp_path / 'x.png')
    batch = to_batch([picture(0), tmp_path / 'x.png', Image.fromarray(picture(2))], 32, 'bgr')
    for i in range(3):
        assert torch.equal(batch[i : i + 1], to_batch(picture(i), 32, 'bgr'))


def test_a_pil_image_is_turned_upright():
    sideways = Image.fromarray(np.repeat(np.array([[RED[0, 0], [0, 0, 255]]], np.uint8), 2, 0))
    exif = sideways.getexif()
    exif[0x0112] = 6  # turn clockwise to show
    batch = to_batch(sideways, 2, 'rgb')
    assert batch[0, 0].tolist() == [[1, 1], [-1, -1]]


def test_transparent_and_grey_pil_images_become_rgb():
    assert to_batch(Image.new('RGBA', (4, 4), (255, 0, 0, 0)), 4, 'rgb').unique().tolist() == [1]
    assert to_batch(Image.new('L', (4, 4), 255), 4, 'rgb').unique().tolist() == [1]


@pytest.mark.parametrize(
    ('images', 'error', 'message'),
    [
        (np.zeros((8, 8), np.uint8), ValueError, r'uint8 \(H, W, 3\), but got uint8 \(8, 8\)'),
        (np.zeros((8, 8, 3)), ValueError, 'but got float64'),
        (np.zeros((0, 8, 3), np.uint8), ValueError, r'\(0, 8, 3\)'),
        (torch.zeros(3, 8, 8), ValueError, r'shape \(n, 3, H, W\), but got \(3, 8, 8\)'),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, 'torch.uint8'),
        (torch.full((1, 3, 8, 8), 255.0), ValueError, r'lies in \[-1, 1\], but got \[255, 255\]'),
        (torch.full((1, 3, 8, 8), float('nan')), ValueError, 'nan'),
        (7, TypeError, 'but got int'),
        ([7], TypeError, 'but got int'),
        ([], ValueError, 'At least one image'),
        ('no/such.png', ImageReadError, r'such\.png'),
    ],
)
def test_anything_else_is_one_sentence(images, error, message):
    with pytest.raises(error, match=message) as info:
        to_batch(images, 8, 'rgb')
    assert '\n' not in str(info.value)


def test_an_unknown_fit_is_refused_even_where_it_would_change_nothing():
    with pytest.raises(ValueError, match="crop, pad, squash, but got 'stretch'"):
        to_batch(RED, 8, 'rgb', 'stretch')
