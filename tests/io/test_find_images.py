# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os

import pytest

from mmgen_bdinvert.io import IMAGE_SUFFIXES, ImageReadError, find_images


class TestFindImages:
    @pytest.fixture()
    def make(self, tmp_path):
        def make(*names):
            for name in names:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            return tmp_path

        return make

    def listed(self, root, inputs=None):
        return [str(path.relative_to(root)) for path in find_images(inputs or root)]

    def test_recursive_in_natural_order(self, make):
        root = make('img10.png', 'img9.PNG', 'sub2/a.jpg', 'sub10/a.jpeg', 'notes.txt', 'IMG1.png')
        expected = ['IMG1.png', 'img9.PNG', 'img10.png', 'sub2/a.jpg', 'sub10/a.jpeg']
        assert self.listed(root) == expected

    def test_every_suffix_is_found(self, make):
        root = make(*(f'x{suffix}' for suffix in IMAGE_SUFFIXES))
        assert {path.suffix for path in find_images(root)} == IMAGE_SUFFIXES

    def test_hidden_files_and_folders_are_skipped(self, make):
        root = make('.x.png', '.cache/y.png', 'z.png')
        assert self.listed(root) == ['z.png']

    def test_a_hidden_folder_that_is_asked_for_is_read(self, make):
        root = make('.cache/y.png')
        assert self.listed(root, root / '.cache') == ['.cache/y.png']

    def test_a_file_is_kept_whatever_its_name(self, make):
        root = make('photo', '.hidden.png')
        inputs = [root / 'photo', str(root / '.hidden.png')]
        assert self.listed(root, inputs) == ['photo', '.hidden.png']

    def test_duplicates_are_removed_and_the_order_of_inputs_kept(self, make, monkeypatch):
        root = make('b/2.png', 'b/1.png', 'a/x.png')
        inputs = [root / 'b/2.png', root / 'b', root / 'b' / '..' / 'a' / 'x.png', root]
        assert [path.name for path in find_images(inputs)] == ['2.png', '1.png', 'x.png']
        monkeypatch.chdir(root)
        assert len(find_images(['a/x.png', './a/x.png', root / 'a' / 'x.png'])) == 1

    def test_links_that_form_a_loop(self, make):
        root = make('a/x.png')
        (root / 'a' / 'up').symlink_to(root)
        (root / 'b').symlink_to(root / 'a')
        assert self.listed(root) == ['a/x.png']

    def test_links_to_files_keep_a_name_of_their_own(self, make):
        root = make('a/x.png')
        (root / 'y.png').symlink_to(root / 'a' / 'x.png')
        assert self.listed(root) == ['a/x.png', 'y.png']

    def test_what_cannot_be_read_is_listed_and_not_lost_in_silence(self, make):
        root = make('x.png')
        (root / 'gone.png').symlink_to(root / 'nothing.png')
        os.mkfifo(root / 'pipe.png')
        assert self.listed(root) == ['gone.png', 'pipe.png', 'x.png']

    def test_missing(self, make):
        root = make('x.png')
        with pytest.raises(FileNotFoundError, match='y.png.* does not exist; check the path'):
            find_images([root / 'x.png', root / 'y.png'])

    def test_folder_without_images(self, make):
        root = make('notes.txt', '.x.png')
        with pytest.raises(ValueError, match='holds no image file; check the path'):
            find_images(root)

    def test_nothing(self):
        with pytest.raises(ValueError, match='at least one image file or folder must be given'):
            find_images([])


@pytest.mark.skipif(
    not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may read everything'
)
class TestNoPermissionToList:
    def test_folder(self, tmp_path):
        (tmp_path / 'a').mkdir()
        (tmp_path / 'x.png').touch()
        (tmp_path / 'a').chmod(0)
        with pytest.raises(ImageReadError, match=r'/a. cannot be listed \(Permission denied\)'):
            find_images(tmp_path)
        (tmp_path / 'a').chmod(0o700)
