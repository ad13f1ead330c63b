# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.figures import rows as figures
from mmgen_bdinvert.apis import edit, render, transform
from mmgen_bdinvert.editing import Direction, draw_latents
from mmgen_bdinvert.editing.samples import sample_codes
from mmgen_bdinvert.geometry import GeometricTransform

SMILE = Direction(torch.linspace(-1, 1, 16), name='smile')
EDITS = {'more': (SMILE, 3.0), 'less': (SMILE, -3.0)}
TILE = 128


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


@pytest.fixture(scope='module')
def codes(generator, sample_w_plus):
    return generator.split(sample_w_plus(generator, 4))


@pytest.fixture(scope='module')
def photos():
    return list(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))


def places(sheet, picture):
    """Return where a picture, enlarged, stands on a sheet."""
    wanted = np.kron(picture, np.ones((4, 4, 1), np.uint8))
    tops, lefts = np.nonzero((sheet == wanted[0, 0]).all(2))
    return [
        (left, top)
        for top, left in zip(tops, lefts)
        if np.array_equal(sheet[top : top + TILE, left : left + TILE], wanted)
    ]


def test_teaser(generator, codes, photos):
    straight = transform(generator, codes[:2], GeometricTransform(rotate=90))
    sheet = figures.teaser(generator, photos, codes[:2], codes[2:], EDITS, straight, ['a', 'b'])
    row = [
        photos[1],
        render(generator, codes[3])[0],
        render(generator, codes[1])[0],
        render(generator, edit(generator, codes[1], SMILE, 3))[0],
        render(generator, edit(generator, codes[1], SMILE, -3))[0],
        render(generator, straight[1])[0],
        render(generator, edit(generator, straight[1], SMILE, 3))[0],
    ]
    found = [places(sheet, picture) for picture in row]
    assert [len(f) for f in found] == [1] * 7
    lefts, tops = zip(*(f[0] for f in found))
    assert list(lefts) == sorted(lefts) and len(set(tops)) == 1


def test_a_row_holds_its_base_code_and_a_column_its_detail_code(generator):
    sheet = figures.base_codes(generator, seed=3, rows=2)
    (drawn,) = sample_codes(generator, draw_latents(generator, 4, 3))
    found = {}
    for row in range(2):
        for column, other in enumerate((row, 2, 3)):
            mixed = replace(drawn[row], detail=drawn[other].detail)
            (found[row, column],) = places(sheet, render(generator, mixed)[0])
        moved = transform(generator, drawn[row], GeometricTransform(shift=(-0.1875, 0.0)))
        (found[row, 3],) = places(sheet, render(generator, moved)[0])
    assert all(found[0, k][0] == found[1, k][0] for k in range(4))
    for row in range(2):
        lefts, tops = zip(*(found[row, k] for k in range(4)))
        assert list(lefts) == sorted(lefts) and len(set(tops)) == 1


def test_ablation_has_every_method(generator, codes, photos):
    methods = {'none': codes[:2], 'both': codes[2:]}
    sheet = figures.ablation(generator, photos, methods, EDITS, ['a', 'b'])
    for code in codes:
        for strength in (0, 3, -3):
            picture = render(generator, edit(generator, code, SMILE, strength))[0]
            assert len(places(sheet, picture)) == 1


def test_moved_edits_has_every_edit(generator, codes, photos):
    shapes = {'beard': (SMILE, 1.0)}
    sheet = figures.moved_edits(generator, photos, codes[:2], EDITS, shapes, ['a', 'b'])
    for strength in (0, 3, -3, 1):
        assert places(sheet, render(generator, edit(generator, codes[0], SMILE, strength))[0])


def test_rounding_stays_within_two_and_keeps_white():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = figures.rounded(values)
    assert np.abs(found.astype(int) - values).max() == 2
    assert found[-1, -1] == 255 and found[0, 0] == 0


def test_targets_are_columns_of_one_row_of_samples(generator):
    sheet = figures.targets(generator, EDITS, seed=3, rows=2)
    (samples,) = sample_codes(generator, draw_latents(generator, 2, 3), batch_size=64)
    row = [
        render(generator, samples[1])[0],
        render(generator, edit(generator, samples[1], SMILE, 3))[0],
        render(generator, edit(generator, samples[1], SMILE, -3))[0],
    ]
    lefts, tops = zip(*(places(sheet, picture)[0] for picture in row))
    assert list(lefts) == sorted(lefts) and len(set(tops)) == 1
