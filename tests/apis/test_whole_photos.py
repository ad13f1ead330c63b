# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Edits of windows, back into their photos."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.apis import edit_files, invert_files
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.photos import Face, FaceFinder, Look, Window

UP = Direction(3 * torch.ones(16), name='up')
WINDOW = Window(30, 10, 80)


@pytest.fixture()
def photo(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)
    Image.fromarray(noise).resize((200, 120)).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png'


@pytest.fixture(params=[False, True], ids=['folders', 'packed'])
def results(inverter, photo, tmp_path, request):
    invert_files(inverter, photo, tmp_path / 'results', look=Look(WINDOW), packed=request.param)
    return tmp_path / 'results'


def test_the_whole_photo_comes_out(inverter, photo, results, tmp_path):
    out = tmp_path / 'out'
    outcomes = edit_files(inverter, results, out, directions=[UP], strengths=[0, 1])
    assert [o.status for o in outcomes] == ['done']
    old = read_image(photo)
    assert np.array_equal(read_image(out / 'photo/photo_0.png'), old)
    new = read_image(out / 'photo/photo_1.png')
    changed = (new != old).any(2)
    assert changed.any() and not changed[:, :30].any() and not changed[90:].any()


def test_there_and_back_moves_nothing(inverter, photo, results, tmp_path):
    edit_files(
        inverter,
        results,
        tmp_path / 'out',
        directions=[UP],
        strengths=[0, 1],
        move=GeometricTransform(rotate=15),
        align=True,
        and_back=True,
    )
    assert np.array_equal(read_image(tmp_path / 'out/photo/photo_0.png'), read_image(photo))
    assert not np.array_equal(read_image(tmp_path / 'out/photo/photo_1.png'), read_image(photo))


def test_a_motion_alone_moves_the_photo_itself(inverter, photo, results, tmp_path):
    edit_files(inverter, results, tmp_path / 'out', move=GeometricTransform(shift=(0.05, 0)))
    new, old = read_image(tmp_path / 'out/photo/photo.png'), read_image(photo)
    inside = slice(40, 60), slice(60, 80)
    assert np.abs(new[inside].astype(int) - old[40:60, 56:76]).max() <= 1  # by 4 of 80 pixels


class OneFace(FaceFinder):
    square = Window(45, 20, 60, 25)

    def look(self, photo):
        return [Face(self.square, 0.9)]


def test_a_face_is_straightened_by_itself(inverter, photo, tmp_path):
    look = Look(finder=OneFace())
    invert_files(inverter, photo, tmp_path / 'results', look=look)
    out, motion = tmp_path / 'out', Face(OneFace.square, 1.0).motion(Window(39, 14, 72))
    settings = dict(directions=[UP], align=True, and_back=True)
    edit_files(inverter, tmp_path / 'results', out / 'given', **settings, move=motion)
    settings['align'] = 'auto'
    outcomes = edit_files(inverter, tmp_path / 'results', out / 'auto', **settings)
    assert [o.status for o in outcomes] == ['done']
    for name in ('aligned', 'unwarped', 'edited', 'photo'):
        pictures = [read_image(out / how / f'photo/{name}.png') for how in ('given', 'auto')]
        assert np.array_equal(*pictures), name
    photo.unlink()  # what the face says is still known
    (outcome,) = edit_files(inverter, tmp_path / 'results', tmp_path / 'later', **settings)
    assert outcome.status == 'done'
    with pytest.raises(ValueError, match='give none beside it'):
        edit_files(inverter, tmp_path / 'results', out / 'both', **settings, move=motion)


def test_no_face_to_straighten_by(inverter, results, tmp_path):
    settings = dict(directions=[UP], align='auto')
    (outcome,) = edit_files(inverter, results, tmp_path / 'out', **settings)
    assert outcome.status == 'failed'
    assert 'No face is on record' in outcome.reason and '--find' in outcome.reason


@pytest.mark.parametrize('how', ['gone', 'changed'])
def test_a_photo_that_is_no_longer_there(inverter, photo, results, tmp_path, how):
    photo.unlink()
    if how == 'changed':
        Image.new('RGB', (200, 120)).save(photo)
    notes = []
    outcomes = edit_files(
        inverter, results, tmp_path / 'out', directions=[UP], on_note=notes.append
    )
    assert [o.status for o in outcomes] == ['done']
    assert len(notes) == 1 and 'is gone or has changed since it was inverted' in notes[0]
    assert (tmp_path / 'out/photo/edited.png').exists()
    assert not (tmp_path / 'out/photo/photo.png').exists()


def test_results_without_a_window_have_no_photo(inverter, photo, tmp_path):
    invert_files(inverter, photo, tmp_path / 'results')
    edit_files(inverter, tmp_path / 'results', tmp_path / 'out', directions=[UP])
    assert not (tmp_path / 'out/photo/photo.png').exists()
