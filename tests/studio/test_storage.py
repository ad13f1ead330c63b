# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How much the visitors of a studio store."""

import os
import time

import pytest

from mmgen_bdinvert.studio import storage
from mmgen_bdinvert.studio.storage import Storage


@pytest.fixture()
def limits(monkeypatch):
    values = {'_UPLOADS': 3, '_UPLOADED_BYTES': 100, '_FILES': 4, '_BYTES': 50}
    for name, value in values.items():
        monkeypatch.setattr(storage, name, value)


def put(folder, name, size=10):
    """Write a file, the younger the later; the change time of a file cannot be set."""
    path = folder / name / 'file'
    path.parent.mkdir()
    path.write_bytes(b'x' * size)
    time.sleep(0.02)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_visitor_has_so_many_uploads_an_hour(limits, tmp_path):
    now = [1000.0]
    kept = Storage(tmp_path, lambda: now[0])
    assert [kept.refusal('one', 1) for _ in range(3)] == ['', '', '']
    assert kept.refusal('one', 1) == '3 uploads within an hour are the most: come back later.'
    assert kept.refusal('two', 1) == ''
    now[0] += 3601
    assert kept.refusal('one', 1) == ''


def test_a_visitor_has_so_many_bytes_an_hour(limits, tmp_path):
    kept = Storage(tmp_path)
    assert kept.refusal('one', 60) == ''
    assert 'MB of uploads within an hour are the most' in kept.refusal('one', 41)
    assert kept.refusal('one', 40) == ''


def test_the_oldest_make_room_and_what_was_there_stays(limits, tmp_path):
    put(tmp_path, 'example', 1000)
    kept = Storage(tmp_path)
    for name in 'abcd':
        put(tmp_path, name)
    assert kept.refusal('one', 10) == ''
    assert names(tmp_path) == ['b', 'c', 'd', 'example']  # 4 files with the one that comes
    assert kept.refusal('one', 25) == ''
    assert names(tmp_path) == ['c', 'd', 'example']  # 50 bytes with the one that comes


def test_files_are_kept_for_an_hour(tmp_path):
    ahead = [0.0]
    kept = Storage(tmp_path, lambda: time.time() + ahead[0])
    put(tmp_path, 'a')
    assert kept.refusal('one', 1) == '' and names(tmp_path) == ['a']
    ahead[0] = 3700
    assert kept.refusal('one', 1) == '' and names(tmp_path) == []


def test_a_result_takes_the_place_of_the_oldest(limits, tmp_path):
    kept = Storage(tmp_path)
    for name in 'abc':
        put(tmp_path, name)
    path = kept.new('photo.png', 25)
    assert path.name == 'photo.png' and names(tmp_path) == sorted(['b', 'c', path.parent.name])
    assert kept.new('photo.png', 1).parent != path.parent


def test_the_folder_is_one_and_gradios():
    folder = storage.studio_folder()
    assert folder == storage.studio_folder() and folder.is_dir()
    assert os.environ['GRADIO_TEMP_DIR'] == str(folder)
