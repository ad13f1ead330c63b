# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import glob
import os

import pytest

from mmgen_bdinvert.io import find_images, find_sources
from mmgen_bdinvert.io.sources import matching_paths

FILES = 'x.png 1/x.png 1/y.jpg 1/2/x.png 1/2/.h.png .z/x.png 3/2/a[1].png 10/x.png'.split()


@pytest.fixture()
def tree(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    'pattern',
    [
        '*',
        '*.png',
        '**',
        '**/*.png',
        '**/*',
        '**/2/**/*.png',
        '*/*/*.png',
        '?/**/x.*',
        '[!1]/2/*',
        '**/.h.*',
        '.*/*.png',
        './*/../*/x.png',
        '1/**/**/x.png',
        'no/*.png',
        'x.png/*',
        '**/a[[]1].png',
    ],
)
@pytest.mark.parametrize('absolute', [False, True])
def test_as_glob_finds_them(tree, pattern, absolute):
    pattern = os.path.join(tree, pattern) if absolute else pattern
    expected = {p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p)}
    found = matching_paths(pattern)
    assert {os.path.normpath(p) for p in found if os.path.isfile(p)} == {
        os.path.normpath(p) for p in expected
    }


@pytest.fixture()
def circles(tree):
    """Many links to the folder itself: ways through it are beyond counting."""
    for i in range(200):
        os.symlink('.', tree / f'loop{i}')
        os.symlink(tree, tree / '1' / f'up{i}')
    return tree


@pytest.mark.parametrize('pattern', ['**/*.png', '**/**/**/x.png', '*/*/*/*/*/*.png', '**'])
def test_patterns_follow_no_link_twice(circles, pattern, listings):
    assert find_sources(os.path.join(circles, pattern))
    assert len(listings) <= 12 * 7  # the folders, once for each part of the pattern


def test_the_folder_search_follows_no_link_twice(circles, listings):
    found = [os.path.relpath(path, circles) for path in find_images(circles)]
    assert found == ['1/2/x.png', '1/x.png', '1/y.jpg', '3/2/a[1].png', '10/x.png', 'x.png']
    assert len(listings) == 6


@pytest.fixture()
def listings(monkeypatch):
    """Return the list of folders that were listed, which grows."""
    listed = []
    for name in ('listdir', 'scandir'):
        real = getattr(os, name)

        def note(path='.', real=real):
            listed.append(path)
            return real(path)

        monkeypatch.setattr(os, name, note)
    return listed


@pytest.fixture()
def deep(tmp_path, monkeypatch):
    """Return a folder with 1,500 in one another, more than Python's own ways to search can take."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir('d')
        os.chdir('d')
    open('x.png', 'w').close()
    os.chdir(tmp_path)
    yield tmp_path
    for _ in range(1500):  # step by step: pytest cannot remove it either
        os.chdir('d')
    os.unlink('x.png')
    for _ in range(1500):
        os.chdir('..')
        os.rmdir('d')


def test_deep_folders(deep):
    assert len(find_images('.')) == 1
    assert len(find_sources('**/*.png')) == 1


def test_notes_of_macos_are_no_images(tree):
    for name in ('._x.png', '1/._x.png', '__MACOSX/x.png', '1/__MACOSX/x.png'):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).touch()
    expected = {'x.png', '1/x.png', '1/2/x.png', '3/2/a[1].png', '10/x.png'}
    assert {os.path.normpath(p) for p in find_sources('**/*.png')} == expected
    assert {os.path.normpath(p) for p in find_images('.')} == expected | {'1/y.jpg'}
    with pytest.raises(FileNotFoundError, match='no image matches'):
        find_sources('**/._*.png')
    assert len(find_sources('._x.png')) == 1  # what is named is taken
