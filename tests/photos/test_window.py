# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.io.images import make_square
from mmgen_bdinvert.photos import Window, centre_window, cut


@pytest.fixture(scope='module')
def photo():
    """Smooth, and different everywhere."""
    y, x = np.mgrid[0:200, 0:300] / 50
    planes = (np.sin(x + y), np.cos(1.3 * x - y), np.sin(0.7 * y) * np.cos(x))
    return Image.fromarray((127 + 100 * np.stack(planes, -1)).astype(np.uint8))


def test_convention_of_the_corner_and_the_angle():
    window = Window(10, 20, 40)
    corners = torch.tensor([[-1.0, -1], [1, -1], [1, 1]])
    assert window.to_photo(corners).tolist() == [[10, 20], [50, 20], [50, 60]]
    turned = Window(10, 20, 40, 90)  # counter-clockwise as seen: its upper left is the lower left
    expected = torch.tensor([[10.0, 60], [10, 20], [50, 20]]).double()
    torch.testing.assert_close(turned.to_photo(corners), expected)


def test_there_and_back():
    window = Window(-3, 7.5, 33, 21)
    points = torch.rand(5, 2, dtype=torch.float64)
    torch.testing.assert_close(window.to_window(window.to_photo(points)), points)


def test_a_whole_square_is_what_fit_crop_gives(photo):
    expected = np.array(make_square(photo, 64, 'crop'))
    seen = cut(photo, centre_window(*photo.size), 64).astype(int)
    assert np.abs(seen - expected).max() <= 1


@pytest.mark.parametrize('angle', [1e-9, 360.0])
def test_both_ways_of_sampling_agree(photo, angle):
    straight = cut(photo, Window(40.0, 30.0, 128), 64).astype(int)
    assert np.abs(cut(photo, Window(40.0, 30.0, 128, angle), 64) - straight).max() <= 2


def test_a_turned_window_turns_what_it_shows(photo):
    upright, turned = (cut(photo, Window(60, 40, 120, a), 60) for a in (0, 90))
    # The window is turned counter-clockwise, so its content is turned clockwise.
    assert np.abs(turned.astype(int) - np.rot90(upright, -1)).max() <= 2


def test_beyond_the_border_the_edge_is_repeated(photo):
    seen = cut(photo, Window(-50, 50, 100), 50)
    assert (seen[:, :20] == seen[:, :1]).all()
    inside = cut(photo, Window(0, 50, 50), 25).astype(int)
    assert np.abs(seen[3:22, 28:47] - inside[3:22, 3:22]).max() <= 3


def test_a_large_window_is_reduced_without_aliasing():
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255
    seen = cut(Image.fromarray(stripes), Window(50, 50, 900, 0.001), 32)
    assert np.abs(seen.astype(int) - 127).max() <= 3


@pytest.mark.parametrize(
    ('window', 'match'),
    [
        ((300, 0, 50), 'lies in its photo of 300x200, but got 300 0 50'),
        ((-50, -50, 50), 'lies in its photo'),
        ((-300, -300, 5000), 'at most 4 times'),
    ],
)
def test_windows_of_no_photo(photo, window, match):
    with pytest.raises(ValueError, match=match):
        cut(photo, Window(*window), 16)


@pytest.mark.parametrize('window', [(0, 0, 0), (0, 0, -20), (0, 0, 15), (0, float('nan'), 30)])
def test_windows_of_no_size(window):
    with pytest.raises(ValueError, match='a window'):
        Window(*window)


def test_a_tiny_photo():
    with pytest.raises(ValueError, match='16 pixels a side or more, but got 40x15'):
        cut(Image.new('RGB', (40, 15)), Window(0, 0, 16), 8)
