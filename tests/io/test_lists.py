# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Lists as other programs write them, and names that no file can have."""

import logging
import os

import pytest
from PIL import Image

from mmgen_bdinvert.apis import plan_files
from mmgen_bdinvert.io import ImageReadError, find_sources, output_names, read_image


@pytest.fixture()
def photos(tmp_path, monkeypatch):
    """The working folder, with a list in a folder as BDInvert's make_list.py leaves it."""
    monkeypatch.chdir(tmp_path)
    os.mkdir('photos')
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (8, 8)).save(os.path.join('photos', name))
    return tmp_path


@pytest.fixture()
def notes(caplog):
    with caplog.at_level(logging.WARNING, logger='mmgen_bdinvert'):
        yield caplog


@pytest.mark.parametrize('place', ['photos/test.list', 'test.list'])
def test_paths_of_a_list_that_only_the_working_folder_has(photos, notes, place):
    (photos / place).write_text('photos/a.png\nphotos/b.png\n')
    assert [os.fspath(s) for s in find_sources(place)] == ['photos/a.png', 'photos/b.png']
    said = ['none of its paths exists in its own folder'] if place[0] == 'p' else []
    assert len(notes.messages) == len(said)
    assert all(sentence in message for sentence, message in zip(said, notes.messages))


@pytest.mark.parametrize(
    'lines',
    [
        'photos/a.png\ngone.png\n',  # the working folder has not all of them
        'photos/a.png\na.png\n',  # the list's own folder has one
    ],
)
def test_else_its_own_folder_counts(photos, notes, lines):
    (photos / 'photos' / 'x.txt').write_text(lines)
    names = [os.fspath(source) for source in find_sources('photos/x.txt')]
    assert names == [os.path.join('photos', line) for line in lines.split()]
    assert notes.messages == []


def test_notes_of_macos_are_left_out_of_a_list(photos, notes):
    (photos / 'x.txt').write_text('photos/a.png\nphotos/._a.png\n__MACOSX/photos/a.png\n')
    assert [os.fspath(source) for source in find_sources('x.txt')] == ['photos/a.png']
    assert "left out 2 ('photos/._a.png', '__MACOSX/photos/a.png')" in notes.messages[0]
    (photos / 'y.txt').write_text('photos/._a.png\n')
    with pytest.raises(ValueError, match='names no image'):
        find_sources('y.txt')


def test_names_that_no_file_can_have_fail_alone(photos):
    lines = ['\\ud800.png', '\\ud801.png', '\\ud800/x.png', '\\udfff/x.png', 'photos/a.png']
    (photos / 'x.jsonl').write_text(''.join(f'{{"path": "{line}"}}\n' for line in lines))
    jobs = plan_files(['x.jsonl'], photos / 'results')
    assert len({name for _, name in jobs}) == len(lines)
    for source, name in jobs[:4]:
        os.fsencode(name)
        with pytest.raises(ImageReadError, match=r'\\ud.* does not exist'):
            read_image(source)
    assert read_image(jobs[4][0]).shape == (8, 8, 3)


def test_names_of_results_stay_what_they_were_for_bytes_that_are_no_text():
    paths = [os.fsdecode(b'/a\xff.png'), os.fsdecode(b'/a\xfe.png')]
    assert all(name.startswith('a_') and name.isascii() for name in output_names(paths))
    assert len(set(output_names(paths))) == 2
