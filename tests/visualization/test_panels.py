# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest

from mmgen_bdinvert.visualization import Column, panels

COLOURS = [(200, 30, 30), (30, 160, 40), (40, 50, 220), (220, 200, 50), (120, 20, 120)]


def flat(*numbers):
    return [np.full((32, 32, 3), COLOURS[n], np.uint8) for n in numbers]


def boxes(sheet, number):
    """Return left, top, right and bottom of what has a colour."""
    rows, columns = np.nonzero((sheet == COLOURS[number]).all(2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_pictures_stand_in_rows_and_columns_with_wider_gaps_between_groups():
    sheet = panels(
        [
            Column('photo', flat(0, 0)),
            Column('edited', flat(1, 2), 'one'),
            Column('edited', flat(3, 4), 'two'),
        ],
        ['first', 'second'],
        tile=64,
    )
    left, top, right, bottom = boxes(sheet, 1)
    assert (right - left, bottom - top) == (63, 63)
    assert boxes(sheet, 2)[:3:2] == (left, right)
    assert boxes(sheet, 3)[1::2] == (top, bottom)
    inside, between = boxes(sheet, 3)[0] - right, left - boxes(sheet, 0)[2]
    assert between > 2 * inside > 0
    assert boxes(sheet, 0)[0] > 64  # the names have their place
    assert (sheet[: top - 2] < 100).any() and (sheet[:, : boxes(sheet, 0)[0] - 2] < 100).any()


def test_without_names_there_is_no_place_for_them():
    sheet = panels([Column('', flat(0))], tile=64)
    assert boxes(sheet, 0)[0] < 16
    assert sheet.shape[1] < 64 + 32


@pytest.mark.parametrize(
    'columns, names',
    [([], ()), ([Column('a', [])], ()), ([Column('a', flat(0)), Column('b', flat(0, 1))], ()),
     ([Column('a', flat(0))], ['one', 'two'])],
)  # fmt: skip
def test_columns_of_different_lengths_are_refused(columns, names):
    with pytest.raises(ValueError, match='same number of pictures'):
        panels(columns, names)
