# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos of any size, and the windows of them."""

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.photos import Window, centre_window, cut
from mmgen_bdinvert.studio import Studio
from mmgen_bdinvert.studio.photo import CENTRE


def test_a_photo_is_looked_at_where_the_largest_face_is(studio, wide):
    photo = studio.read_photo(wide)
    assert [face.square.size for face in photo.faces] == [80, 60]
    assert photo.place.window == photo.faces[0].window() == Window(22, 52, 96)
    assert photo.place.square == photo.faces[0].square and not photo.prepared
    assert list(photo.choices) == ['1', '2', CENTRE] and photo.chosen == '1'
    assert np.array_equal(photo.square, cut(decode(wide), photo.place.window, 32))
    assert photo.size == (300, 200) and photo.preview.shape == (200, 300, 3)


def test_without_a_finder_or_a_face_it_is_the_centre(studio, inverter, wide, tmp_path):
    photo = Studio(inverter).read_photo(wide)
    assert photo.place.window == centre_window(300, 200) and photo.chosen == CENTRE
    assert photo.place.square is None
    Image.new('RGB', (100, 150)).save(tmp_path / 'high.png')
    photo = studio.read_photo(tmp_path / 'high.png')
    assert photo.faces == () and photo.place.window == Window(0, 25, 100)


@pytest.mark.parametrize(
    ('size', 'prepared'), [((64, 64), True), ((65, 65), False), ((64, 63), False)]
)
def test_small_squares_are_prepared(inverter, tmp_path, size, prepared):
    Image.new('RGB', size).save(tmp_path / 'x.png')
    assert Studio(inverter).read_photo(tmp_path / 'x.png').prepared is prepared


def test_a_large_photo_is_shown_small_and_kept_at_its_size(studio, tmp_path):
    Image.new('RGB', (3000, 2000), 'red').save(tmp_path / 'x.jpg')
    photo = studio.read_photo(tmp_path / 'x.jpg')
    assert photo.size == (3000, 2000) and photo.preview.shape == (640, 960, 3)


def test_a_photo_that_lies_on_its_side_is_upright(studio, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (200, 300)).save(tmp_path / 'x.jpg', exif=exif)
    assert studio.read_photo(tmp_path / 'x.jpg').size == (300, 200)


def test_photos_of_phones_are_read(studio, tmp_path):
    reason = "needs pillow-heif: pip install 'mmgen_bdinvert[heif]'"
    pytest.importorskip('pillow_heif', reason=reason).register_heif_opener()
    Image.new('RGB', (300, 200), 'red').save(tmp_path / 'x.heic')
    photo = studio.read_photo(tmp_path / 'x.heic')
    assert photo.size == (300, 200) and photo.chosen == '1'


def test_a_window_is_about_the_face_in_its_middle(studio, wide):
    photo = studio.read_photo(wide)
    small, large = (face.square for face in photo.faces[::-1])
    for window, square in (
        (Window(180, 20, 100, 30), small),
        (Window(20, 40, 110), large),
        (Window(75, 60, 100), None),  # the larger one lies at its left side
        (Window(100, 100, 50), None),
    ):
        moved = studio.looked_at(photo, window)
        assert (moved.place.window, moved.place.square, moved.chosen) == (window, square, None)
        assert np.array_equal(moved.square, cut(decode(wide), window, 32))


@pytest.mark.parametrize('window', [Window(400, 0, 50), Window(-500, -500, 1300)])
def test_a_window_elsewhere_is_refused(studio, wide, window):
    photo = studio.read_photo(wide)
    with pytest.raises(ValueError, match='a window'):
        studio.looked_at(photo, window)


def test_a_photo_that_is_too_small_is_refused(studio, tmp_path):
    Image.new('RGB', (15, 200)).save(tmp_path / 'x.png')
    with pytest.raises(ValueError, match='16 pixels a side or more, but got 15x200'):
        studio.read_photo(tmp_path / 'x.png')


def test_a_photo_that_was_removed_meanwhile_is_said_to_be(studio, tmp_path):
    path = tmp_path / 'x.png'
    Image.new('RGB', (100, 150)).save(path)
    photo = studio.read_photo(path)
    path.unlink()
    with pytest.raises(ValueError, match=r'^x.png is no longer here, .*: open it again'):
        studio.looked_at(photo, Window(0, 0, 50))
