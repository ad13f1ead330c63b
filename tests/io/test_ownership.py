# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Only what the mark of a folder lists is ever replaced."""

import os

import pytest

from bdinvert_cli.running import run_tool
from mmgen_bdinvert.io import (
    ForeignFileError,
    check_outputs,
    claim_folder,
    claim_outputs,
)
from mmgen_bdinvert.io.outputs import remove_leftovers, temporary_name
from mmgen_bdinvert.io.ownership import MARK, made_in


@pytest.mark.parametrize('there', ['empty', 'hidden', 'new', 'own'])
def test_a_folder_without_files_of_others_is_taken(tmp_path, there):
    folder = tmp_path / 'out'
    if there != 'new':
        folder.mkdir()
    if there == 'hidden':
        (folder / '.notes').write_text('mine')
    if there == 'own':
        claim_outputs([folder / 'x.png'], 'convert')
        (folder / 'x.png').touch()
    assert claim_folder(folder, 'invert') == folder
    (folder / 'later.txt').write_text('mine')
    assert claim_folder(folder, 'invert') == folder  # it is marked


@pytest.mark.parametrize('ends', ['with an error', 'interrupted', 'well', 'with a file in it'])
def test_what_was_made_for_nothing_is_removed(tmp_path, ends):
    (tmp_path / 'mine').mkdir()
    folder, there = tmp_path / 'new' / 'out', tmp_path / 'mine' / 'out'
    there.mkdir()

    def main(argv):
        claim_folder(there, 'invert')
        claim_folder(folder, 'invert')
        if ends == 'with a file in it':
            claim_outputs([folder / 'x.png'], 'invert')
            (folder / 'x.png').touch()
        if ends == 'interrupted':
            raise KeyboardInterrupt
        if ends != 'well':
            raise FileNotFoundError('no weights')

    with pytest.raises(SystemExit) as info:
        run_tool(main, [])
    assert bool(info.value.code) == (ends != 'well')
    assert (tmp_path / 'new').exists() == (ends in ('well', 'with a file in it'))
    assert there.is_dir()  # it was there before


def test_a_folder_with_files_of_others_is_refused_unless_asked_for(tmp_path):
    (tmp_path / 'x.txt').write_text('mine')
    with pytest.raises(ForeignFileError, match='is not empty, .* add --into-existing') as info:
        claim_folder(tmp_path, 'invert')
    assert '\n' not in str(info.value) and not (tmp_path / MARK).exists()
    claim_folder(tmp_path, 'invert', into_existing=True)
    with pytest.raises(ForeignFileError, match='bdinvert invert did not make it'):
        claim_outputs([tmp_path / 'x.txt'], 'invert')


def test_a_folder_of_another_tool_is_refused(tmp_path):
    claim_folder(tmp_path, 'invert')
    (tmp_path / 'photo').mkdir()
    with pytest.raises(ForeignFileError, match='not one that bdinvert edit made'):
        claim_folder(tmp_path, 'edit')


def test_a_file_is_replaced_by_its_maker_alone(tmp_path):
    path = tmp_path / 'x.safetensors'
    claim_outputs([path], 'convert')
    path.write_text('made')
    claim_outputs([path], 'convert')
    with pytest.raises(ForeignFileError, match='bdinvert latent-stats did not make it'):
        check_outputs([path], 'latent-stats')
    assert made_in(tmp_path, 'convert') == {'x.safetensors'}


@pytest.mark.parametrize('kind', ['folder', 'link', 'dangling', 'pipe'])
def test_what_is_no_ordinary_file_is_never_ours(tmp_path, kind):
    path, other = tmp_path / 'x.png', tmp_path / 'mine.png'
    claim_outputs([path], 'invert')
    other.write_text('mine')
    if kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to(other if kind == 'link' else tmp_path / 'nowhere.png')
    with pytest.raises(ForeignFileError, match='cannot write'):
        claim_outputs([path], 'invert')


@pytest.mark.parametrize('link', [os.link, os.symlink, None])
def test_an_output_is_never_an_input(tmp_path, link):
    path = read = tmp_path / 'x.png'
    claim_outputs([path], 'invert')
    path.write_text('made')
    if link is not None:
        read = tmp_path / 'photo.png'
        link(path, read)
    with pytest.raises(ForeignFileError, match='would overwrite the input'):
        check_outputs([path], 'invert', [None, 3, 'asset://x', read])


def test_a_mark_with_lines_that_are_none_is_read(tmp_path):
    claim_outputs([tmp_path / 'a'], 'invert')
    with open(tmp_path / MARK, 'ab') as mark:
        mark.write(b'{"maker": 3}\n[]\n\xff\n' + b'[' * 100_000 + b'\n{"maker": "invert", "na')
    claim_outputs([tmp_path / 'b\udcff'], 'invert')
    assert made_in(tmp_path, 'invert') == {'a', 'b\udcff'}


def test_a_mark_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / 'mine').write_text('mine')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / MARK).symlink_to(tmp_path / 'mine')
    with pytest.raises(ForeignFileError, match='no ordinary file'):
        claim_folder(tmp_path / 'out', 'invert')
    assert (tmp_path / 'mine').read_text() == 'mine'


def test_leftovers_are_told_by_their_exact_name(tmp_path):
    mine = ['.env.tmpl', '.notes.tmp.md', f'.{"a" * 32}.tmp.png', '.mmgen_bdinvert-notes.tmp']
    for name in mine:
        (tmp_path / name).write_text('mine')
    (tmp_path / temporary_name('.png')).touch()
    (tmp_path / temporary_name()).mkdir()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(mine)
