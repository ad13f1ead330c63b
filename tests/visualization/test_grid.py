# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.visualization import comparison, contact_sheet, image_grid

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour, height=64, width=64):
    return np.full((height, width, 3), colour, np.uint8)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(sheet, colour):
    """Top, left, height and width of the rectangle of exactly this colour."""
    rows, columns = np.nonzero((sheet == colour).all(axis=-1))
    top, left = rows.min(), columns.min()
    height, width = rows.max() + 1 - top, columns.max() + 1 - left
    assert len(rows) == height * width, 'not one full rectangle'
    return int(top), int(left), int(height), int(width)


def dark(area):
    """Where there is ink (text or frame) on the white paper."""
    return (area < 140).all(axis=-1)


class TestComparison:
    def test_tiles_stand_side_by_side_in_order(self):
        sheet = comparison({'target': plain(RED), 'start': plain(GREEN), 'result': plain(BLUE)})
        assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
        tops, lefts, heights, widths = zip(*(box(sheet, c) for c in (RED, GREEN, BLUE)))
        assert set(heights) == set(widths) == {192} and len(set(tops)) == 1
        assert lefts[1] - lefts[0] == lefts[2] - lefts[1] > 192

    @pytest.mark.parametrize(
        'side, tile', [(8, 192), (64, 192), (100, 200), (128, 256), (192, 192), (256, 256)]
    )
    def test_small_pictures_grow_by_whole_factors_to_192(self, side, tile):
        assert box(comparison({'x': plain(RED, side, side)}), RED)[2:] == (tile, tile)

    def test_enlarging_repeats_pixels_exactly(self):
        picture = noise(64, 64)
        sheet = comparison({'frame': plain(RED), 'x': picture})
        top, left, _, _ = box(sheet, RED)
        second = box(comparison({'frame': plain(RED), 'x': plain(GREEN)}), GREEN)[1]
        tile = sheet[top : top + 192, second : second + 192]
        np.testing.assert_array_equal(tile, picture.repeat(3, axis=0).repeat(3, axis=1))
        assert second > left

    def test_a_given_tile_reduces(self):
        assert box(comparison({'x': plain(RED, 256, 256)}, tile=100), RED)[2:] == (100, 100)

    def test_pictures_of_different_sizes_get_equal_tiles(self):
        sheet = comparison({'a': plain(RED, 32, 32), 'b': plain(GREEN, 256, 256)})
        assert box(sheet, RED)[2:] == box(sheet, GREEN)[2:] == (256, 256)

    def test_pictures_that_are_not_square_are_centred(self):
        sheet = comparison({'a': plain(GREEN), 'b': plain(RED, 32, 64)})
        top, _, _, _ = box(sheet, GREEN)
        assert box(sheet, RED)[0] == top + 48 and box(sheet, RED)[2:] == (96, 192)

    def test_captions_are_drawn_above_their_tiles(self):
        sheet = comparison({'target': plain(RED), '': plain(GREEN)})
        top, left, _, _ = box(sheet, RED)
        other = box(sheet, GREEN)[1]
        ink = dark(sheet[: top - 1])
        assert ink[:, left : left + 192].sum() > 50
        assert not ink[:, other - 1 :].any()
        centre = np.nonzero(ink)[1].mean()
        assert centre == pytest.approx(left + 96, abs=6)

    def test_captions_differ(self):
        sheets = [comparison({label: plain(RED)}) for label in ('target', 'result')]
        assert (sheets[0] != sheets[1]).any()

    @pytest.mark.parametrize('label', ['é', 'ж', '×', '−', '±', 'λ'])
    def test_letters_beyond_ascii_are_not_drawn_as_the_box_of_a_missing_one(self, label):
        # Pillow's default font has few of them.
        missing = comparison({'\uffff': plain(RED)})
        assert (comparison({label: plain(RED)}) != missing).any()

    def test_long_captions_stay_within_their_tile(self):
        sheet = comparison({'many words ' * 20: plain(RED), '': plain(GREEN)})
        top, left, _, _ = box(sheet, RED)
        columns = np.nonzero(dark(sheet[: top - 1]))[1]
        assert left <= columns.min() and columns.max() < left + 192

    def test_a_second_line_and_a_title_make_room(self):
        tops = [
            box(comparison({'a': plain(RED)}), RED)[0],
            box(comparison({'a\n29.1 dB': plain(RED)}), RED)[0],
            box(comparison({'a\n29.1 dB': plain(RED)}, title='photo'), RED)[0],
        ]
        assert tops[0] < tops[1] < tops[2]

    def test_wrong_input(self):
        with pytest.raises(ValueError, match='at least one picture must be given'):
            comparison({})
        with pytest.raises(ValueError, match=r"picture 'a' must be uint8 \(H, W, 3\), but got fl"):
            comparison({'a': np.zeros((4, 4, 3))})
        with pytest.raises(ValueError, match='tile must be at least 16 pixels, but got 3'):
            comparison({'a': plain(RED)}, tile=3)


class TestContactSheet:
    def test_rows_and_columns(self):
        rows = [{'a': plain(RED), 'b': plain(GREEN)}, {'a': plain(BLUE), 'b': plain((9, 9, 9))}]
        sheet = contact_sheet(rows)
        red, green, blue, last = (box(sheet, c) for c in (RED, GREEN, BLUE, (9, 9, 9)))
        assert red[0] == green[0] < blue[0] == last[0]
        assert red[1] == blue[1] < green[1] == last[1]
        assert red[2:] == (192, 192)

    def test_large_pictures_are_reduced(self):
        sheet = contact_sheet([{'a': plain(RED, 1024, 1024)}] * 2)
        assert sheet.shape[0] < 500

    def test_a_missing_picture_leaves_its_place_empty(self):
        rows = [{'a': plain(RED), 'b': plain(GREEN)}, {'b': plain(BLUE)}]
        sheet = contact_sheet(rows)
        assert box(sheet, BLUE)[1] == box(sheet, GREEN)[1]
        top, left = box(sheet, BLUE)[0], box(sheet, RED)[1]
        assert (sheet[top + 5 : top + 50, left + 5 : left + 187] == 245).all()

    def test_row_names_stand_left_of_their_rows(self):
        rows = [{'a': plain(RED)}, {'a': plain(GREEN)}]
        bare, named = contact_sheet(rows), contact_sheet(rows, ['', 'face_2'])
        assert named.shape[1] > bare.shape[1] and named.shape[0] == bare.shape[0]
        red, green = box(named, RED), box(named, GREEN)
        names = dark(named[:, : red[1] - 1])
        assert not names[: green[0]].any()
        rows_of_ink = np.nonzero(names)[0]
        assert rows_of_ink.mean() == pytest.approx(green[0] + 96, abs=8)

    def test_long_names_do_not_push_the_pictures_away(self):
        sheet = contact_sheet([{'a': plain(RED)}], ['word_' * 100])
        assert box(sheet, RED)[1] < 260
        assert not dark(sheet[:, :5]).any()

    def test_rows_beyond_the_limit_are_counted_not_shown(self):
        rows = [{'a': plain(GREEN, 16, 16)}] * 50
        complete = contact_sheet(rows, tile=16)
        sheet = contact_sheet([*rows, {'a': plain(BLUE)}], tile=16)
        assert not (sheet == BLUE).all(axis=-1).any()
        bottom = np.nonzero((sheet == GREEN).all(axis=-1))[0].max() + 3
        assert (sheet[bottom:] < 200).any()  # the note
        assert not (complete[bottom:] < 200).any()
        assert complete.shape[0] < sheet.shape[0]

    def test_wrong_input(self):
        with pytest.raises(ValueError, match='at least one picture must be given'):
            contact_sheet([])
        with pytest.raises(ValueError, match=r'names must be as many as rows \(1\), but got 2'):
            contact_sheet([{'a': plain(RED)}], ['x', 'y'])
        with pytest.raises(ValueError, match='tile must be at least 16 pixels, but got 3'):
            contact_sheet([{'a': plain(RED)}], tile=3)


class TestImageGrid:
    def test_places(self):
        pictures = [noise(4, 6, seed) for seed in range(5)]
        grid = image_grid(pictures, 2)
        assert grid.shape == (3 * 6 - 2, 2 * 8 - 2, 3) and grid.flags.c_contiguous
        for i, picture in enumerate(pictures):
            top, left = i // 2 * 6, i % 2 * 8
            np.testing.assert_array_equal(grid[top : top + 4, left : left + 6], picture)
        assert (grid[12:, 8:] == 255).all() and (grid[4:6] == 255).all()

    def test_is_about_square_by_default(self):
        assert image_grid(np.zeros((9, 4, 4, 3), np.uint8)).shape == (16, 16, 3)

    def test_fewer_pictures_than_columns(self):
        assert image_grid([noise(4, 4)], 8).shape == (4, 4, 3)

    def test_red_stays_red_from_a_tensor(self):
        images = -torch.ones(2, 3, 4, 4)
        images[:, 0] = 1
        grid = image_grid(images)
        assert (grid[:, :4] == RED).all() and (grid[:, 6:] == RED).all()

    def test_wrong_input(self):
        with pytest.raises(ValueError, match='at least one picture, but got none'):
            image_grid([])
        with pytest.raises(ValueError, match=r'one size, but got \[\(4, 4\), \(4, 5\)\]'):
            image_grid([noise(4, 4), noise(4, 5)])
        with pytest.raises(ValueError, match='ncol must be at least 1, but got 0'):
            image_grid([noise(4, 4)], 0)
        with pytest.raises(ValueError, match='picture 1 must be uint8'):
            image_grid([noise(4, 4), np.zeros((4, 4))])


def test_pictures_can_be_saved_as_they_are():
    Image.fromarray(comparison({'a': plain(RED)})).tobytes()
