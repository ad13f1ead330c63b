# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import itertools
import os
import random
import stat

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import (
    OutputError,
    atomic_write,
    ensure_writable_folder,
    output_names,
    save_png,
)
from mmgen_bdinvert.io.outputs import flushed_once


@pytest.mark.skipif(os.name != 'posix', reason='folders are flushed on POSIX systems')
class TestFlushedOnce:
    @pytest.fixture
    def flushed(self, monkeypatch):
        seen = []

        def watch(handle):
            kind = 'folder' if stat.S_ISDIR(os.fstat(handle).st_mode) else 'file'
            seen.append(kind)
            fsync(handle)

        fsync = os.fsync
        monkeypatch.setattr(os, 'fsync', watch)
        return seen

    def test_contents_at_once_and_the_folder_at_the_end(self, tmp_path, flushed):
        with flushed_once():
            for name in ('a.txt', 'b.txt'):
                atomic_write(tmp_path / name, lambda path: path.write_text('new'))
        assert flushed == ['file', 'file', 'folder']
        atomic_write(tmp_path / 'c.txt', lambda path: path.write_text('new'))
        assert flushed[3:] == ['file', 'folder']

    def test_the_folder_after_an_error_too(self, tmp_path, flushed):
        with pytest.raises(KeyError), flushed_once():
            atomic_write(tmp_path / 'a.txt', lambda path: path.write_text('new'))
            raise KeyError
        assert flushed == ['file', 'folder']


class TestAtomicWrite:
    def test_writes(self, tmp_path):
        atomic_write(tmp_path / 'x.txt', lambda path: path.write_text('new'))
        assert (tmp_path / 'x.txt').read_text() == 'new'
        assert os.listdir(tmp_path) == ['x.txt']

    def test_the_writer_gets_an_empty_file_of_the_same_suffix_and_folder(self, tmp_path):
        seen = []

        def writer(path):
            seen.append((path.parent, path.suffix, path.name[0], path.stat().st_size))

        atomic_write(tmp_path / 'x.png', writer)
        assert seen == [(tmp_path.resolve(), '.png', '.', 0)]

    @pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
    def test_a_failing_writer_leaves_what_was_there(self, tmp_path, error):
        (tmp_path / 'x.txt').write_text('old')

        def writer(path):
            path.write_text('half')
            raise error('stop')

        with pytest.raises(error, match='stop'):
            atomic_write(tmp_path / 'x.txt', writer)
        assert (tmp_path / 'x.txt').read_text() == 'old'
        assert os.listdir(tmp_path) == ['x.txt']

    def test_a_full_disk_is_one_sentence(self, tmp_path):
        def writer(path):
            raise OSError(28, 'No space left on device')

        with pytest.raises(OutputError, match=r"cannot write '.*x.txt' \(No space left") as info:
            atomic_write(tmp_path / 'x.txt', writer)
        assert '\n' not in str(info.value)
        assert os.listdir(tmp_path) == []

    def test_missing_folder(self, tmp_path):
        with pytest.raises(OutputError, match='No such file or directory'):
            atomic_write(tmp_path / 'a' / 'x.txt', lambda path: path.write_text('new'))

    def test_a_folder_is_in_the_way(self, tmp_path):
        (tmp_path / 'x.txt').mkdir()
        with pytest.raises(OutputError, match='cannot write'):
            atomic_write(tmp_path / 'x.txt', lambda path: path.write_text('new'))
        assert os.listdir(tmp_path) == ['x.txt']

    def test_a_link_keeps_pointing_to_the_new_content(self, tmp_path):
        (tmp_path / 'real.txt').write_text('old')
        (tmp_path / 'link.txt').symlink_to(tmp_path / 'real.txt')
        atomic_write(tmp_path / 'link.txt', lambda path: path.write_text('new'))
        assert (tmp_path / 'link.txt').is_symlink()
        assert (tmp_path / 'real.txt').read_text() == 'new'

    @pytest.mark.skipif(os.name != 'posix', reason='umask is a POSIX notion')
    def test_permissions_follow_the_umask(self, tmp_path):
        # Temporary files of the standard library are 0600: others could not read the results.
        old = os.umask(0o027)
        try:
            atomic_write(tmp_path / 'x.txt', lambda path: path.write_text('new'))
        finally:
            os.umask(old)
        assert (tmp_path / 'x.txt').stat().st_mode & 0o777 == 0o640

    def test_long_names(self, tmp_path):
        name = 'x' * 251 + '.txt'
        atomic_write(tmp_path / name, lambda path: path.write_text('new'))
        assert (tmp_path / name).read_text() == 'new'


class TestSavePng:
    def test_pixels_come_back(self, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
        save_png(tmp_path / 'x.png', pixels[:, ::-1])
        with Image.open(tmp_path / 'x.png') as image:
            np.testing.assert_array_equal(np.asarray(image), pixels[:, ::-1])

    def test_red_stays_red(self, tmp_path):
        save_png(tmp_path / 'x.png', np.full((2, 2, 3), (255, 0, 0), np.uint8))
        with Image.open(tmp_path / 'x.png') as image:
            assert image.getpixel((1, 1)) == (255, 0, 0)

    @pytest.mark.parametrize(
        'picture, message',
        [
            (np.zeros((4, 4), np.uint8), r'uint8 \(H, W, 3\), but got uint8 \(4, 4\)'),
            (np.zeros((4, 4, 3)), r'but got float64 \(4, 4, 3\)'),
            (np.zeros((0, 4, 3), np.uint8), r'but got uint8 \(0, 4, 3\)'),
        ],
    )
    def test_wrong_pictures(self, tmp_path, picture, message):
        with pytest.raises(ValueError, match=message):
            save_png(tmp_path / 'x.png', picture)
        assert os.listdir(tmp_path) == []

    def test_wrong_suffix(self, tmp_path):
        with pytest.raises(ValueError, match=r"must end in .png, but got '.*x.jpg'"):
            save_png(tmp_path / 'x.jpg', np.zeros((4, 4, 3), np.uint8))


class TestEnsureWritableFolder:
    def test_makes_parents_and_leaves_nothing_inside(self, tmp_path):
        folder = ensure_writable_folder(str(tmp_path / 'a' / 'b'))
        assert folder == tmp_path / 'a' / 'b' and folder.is_dir()
        assert ensure_writable_folder(folder) == folder
        assert os.listdir(folder) == []

    def test_a_file_is_in_the_way(self, tmp_path):
        (tmp_path / 'x').touch()
        with pytest.raises(OutputError, match=r"output folder '.*x' is a file; choose another"):
            ensure_writable_folder(tmp_path / 'x')
        with pytest.raises(OutputError, match=r'Not a directory'):
            ensure_writable_folder(tmp_path / 'x' / 'y')

    @pytest.mark.skipif(
        not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may write anywhere'
    )
    def test_no_permission(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(OutputError, match='Permission denied'):
            ensure_writable_folder(tmp_path)
        with pytest.raises(OutputError, match='Permission denied'):
            ensure_writable_folder(tmp_path / 'a')

    @pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs a read-only file system')
    def test_a_file_system_that_takes_no_files(self):
        with pytest.raises(OutputError, match='cannot be written to .*; choose another folder'):
            ensure_writable_folder('/proc/self')


class TestOutputNames:
    @pytest.mark.parametrize(
        'paths, expected',
        [
            (['/d/x.png', '/d/y.tar.png'], ['x', 'y.tar']),
            (['/d/a/x.png', '/d/b/x.jpg', '/d/b/y.jpg'], ['a_x', 'b_x', 'y']),
            (['/d/a/x.png', '/d/a/x.jpg'], ['a_x_png', 'a_x_jpg']),
            (['/d/a/c/x.png', '/d/b/c/x.png'], ['a_c_x', 'b_c_x']),
            (['/d/a/X.png', '/d/b/x.png'], ['a_X', 'b_x']),
        ],
    )
    def test_names(self, paths, expected):
        assert output_names(paths) == expected

    def test_the_files_of_a_run_keep_their_names(self):
        paths = ['/d/summary.csv.png', '/d/contact_sheet.png.jpg']
        assert output_names(paths) == ['d_summary.csv', 'd_contact_sheet.png']
        assert output_names(paths, reserved=()) == ['summary.csv', 'contact_sheet.png']

    @pytest.mark.parametrize(
        'name, expected',
        [
            ('-rf.png', 'rf'),
            ('..hidden.png', 'hidden'),
            ('a\nb.png', 'a_b'),
            ('a:b*c?"<>|\\.png', 'a_b_c______'),
            ('con.png', '_con'),
            ('Com1.x.png', '_Com1.x'),
            ('trailing. .png', 'trailing'),
            ('...', 'image'),
            ('e\u0301.png', '\u00e9'),
            ('\udcff.png', '_'),
            ('two words.png', 'two words'),
            ('\u5199\u771f.png', '\u5199\u771f'),
        ],
    )
    def test_characters(self, name, expected):
        assert output_names([f'/d/{name}']) == [expected]

    def test_long_names_stay_apart(self, tmp_path):
        names = output_names([f'/d/{"x" * 240}{end}.png' for end in 'ab'])
        names += output_names(['/d/' + '\u5199' * 80 + '.png'])
        assert len(set(names)) == 3
        for name in names:
            (tmp_path / name).mkdir()

    def test_the_same_path_twice(self):
        assert output_names(['/d/x.png', '/d/y.png', '/d/x.png']) == ['x', 'y', 'x_2']

    @pytest.mark.parametrize('third', ['a_2', 'A_2'])
    def test_a_path_twice_beside_what_its_second_would_be_called(self, third):
        names = output_names(['/d/a', '/d/a', f'/d/{third}', '/d/a'])
        assert names == ['a', 'a_3', third, 'a_4']

    def test_a_path_twice_beside_a_reserved_name(self):
        assert output_names(['/d/a', '/d/a'], reserved=['A_2']) == ['a', 'a_3']

    def test_unique_whatever_the_order_and_stable_when_images_are_added(self):
        folders = ['/d', '/d/a', '/d/b', '/d/b/a', '/e/a', '/d/a_a']
        stems = ['x', 'X', 'a_x', 'b_a_x', 'a_x_png', 'd_a_x']
        suffixes = ['png', 'jpg']
        paths = ['{}/{}.{}'.format(*parts) for parts in itertools.product(folders, stems, suffixes)]
        rng = random.Random(0)
        for _ in range(200):
            few = rng.sample(paths, rng.randint(1, 10))
            many = few + rng.sample(sorted(set(paths) - set(few)), rng.randint(1, 20))
            before = dict(zip(few, output_names(few)))
            after = dict(zip(many, output_names(many)))
            assert len({name.casefold() for name in after.values()}) == len(many)
            reordered = rng.sample(many, len(many))
            assert dict(zip(reordered, output_names(reordered))) == after
            owner = {name: path for path, name in before.items()}
            assert all(owner.get(name, path) == path for path, name in after.items())
