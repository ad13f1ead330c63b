# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Edits of windows, back into their photos."""

import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.apis import animate, edit_batch, edit_files, find_codes, invert_files
from mmgen_bdinvert.apis.codes import load_codes
from mmgen_bdinvert.apis.whole_photos import one_place
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.photos import Face, FaceFinder, InPhoto, Look, Window, cut
from mmgen_bdinvert.report.results import ResultFolder
from mmgen_bdinvert.structures import LatentCode

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


def test_a_face_is_straightened_by_itself(inverter, photo, tmp_path, monkeypatch):
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
    sheets = []
    monkeypatch.setattr(edit_batch.Sheet, 'add', lambda sheet, name, row: sheets.append(list(row)))
    edit_batch.edit_files(inverter, tmp_path / 'results', out / 'sheet', align='auto')
    assert sheets == [['before', 'aligned\nas found']]
    photo.unlink()  # what the face says is still known
    (outcome,) = edit_files(inverter, tmp_path / 'results', tmp_path / 'later', **settings)
    assert outcome.status == 'done'
    with pytest.raises(ValueError, match='give none beside it'):
        edit_files(inverter, tmp_path / 'results', out / 'both', **settings, move=motion)


def test_what_is_hidden_of_a_window_is_completed(inverter, photo, tmp_path, monkeypatch):
    invert_files(inverter, photo, tmp_path / 'results', look=Look(Window(-36, 14, 72)))
    seen = []
    monkeypatch.setattr(
        edit_batch, 'straighten', lambda inverter, code, motion, shown: seen.append(shown) or code
    )
    settings = dict(align=True, complete=True, move=GeometricTransform(rotate=10))
    edit_batch.edit_files(inverter, tmp_path / 'results', tmp_path / 'out', **settings)
    side = inverter.generator.resolution
    assert seen[0].shape == (1, 1, side, side)
    assert seen[0][..., : side // 2].max() == 0 and seen[0][..., side // 2 :].min() == 1


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


def test_a_photo_in_an_archive(inverter, photo, tmp_path):
    with tarfile.open(tmp_path / 'shard.tar', 'w') as archive:
        archive.add(photo, 'photo.png')
    invert_files(inverter, tmp_path / 'shard.tar', tmp_path / 'results', look=Look(WINDOW))
    notes = []
    edit_files(
        inverter,
        tmp_path / 'results',
        tmp_path / 'out',
        directions=[UP],
        strengths=[0],
        on_note=notes.append,
    )
    assert notes == []
    (made,) = (tmp_path / 'out').glob('*/photo.png')
    assert np.array_equal(read_image(made), read_image(photo))


def test_a_video_shows_the_whole_photo(inverter, photo, results):
    place = one_place(find_codes(results))
    code = load_codes(find_codes(results), inverter.generator)
    settings = dict(directions=[UP], move=GeometricTransform(rotate=10), frames=3, place=place)
    first, middle, last = animate(inverter, code, **settings)
    old = read_image(photo)
    assert np.array_equal(first, old)
    for frame in (middle, last):
        changed = (frame != old).any(2)
        assert changed.any() and not changed[:, :30].any() and not changed[90:].any()
    assert not np.array_equal(middle, last)
    with pytest.raises(ValueError, match='of one code, but got 2'):
        next(animate(inverter, LatentCode.cat([code, code]), **settings))


def test_frames_of_a_large_photo_are_reduced(inverter, tmp_path):
    Image.new('RGBA', (4000, 1000), (200, 100, 50, 128)).save(tmp_path / 'wide.png')
    invert_files(inverter, tmp_path / 'wide.png', tmp_path / 'out', look=Look(Window(0, 0, 900)))
    files = find_codes(tmp_path / 'out')
    code = load_codes(files, inverter.generator)
    frames = animate(inverter, code, directions=[UP], frames=2, place=one_place(files))
    assert [frame.shape for frame in frames] == [(480, 1920, 3)] * 2


def test_codes_of_no_photo_are_refused_for_a_whole_one(inverter, photo, tmp_path):
    invert_files(inverter, photo, tmp_path / 'out')
    with pytest.raises(ValueError, match='is no window of a photo'):
        one_place(find_codes(tmp_path / 'out'))


@pytest.mark.parametrize('damage', [{'window_size': None}, {'window_size': 3}, {'windows': None}])
def test_damaged_records_are_no_traceback(damage, photo):
    facts = {**InPhoto(photo, WINDOW).facts(), **damage}
    place = InPhoto.of_facts(photo, facts)
    assert place == (None if 'window_size' in damage else InPhoto(photo, WINDOW))


def test_the_report_shows_what_the_window_shows(inverter, photo, results):
    (result,) = (found := ResultFolder(results)).results
    expected = cut(Image.open(photo), WINDOW, 32)
    assert np.array_equal(found.original(result, 32), expected)
