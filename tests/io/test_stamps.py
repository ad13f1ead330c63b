# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import hashlib
import os
import tarfile

import pytest

from mmgen_bdinvert.io import find_sources
from mmgen_bdinvert.io.stamps import FileStamp, input_digests, source_stamp, source_unchanged

CONTENT = bytes(range(256)) * 10


@pytest.fixture()
def file(tmp_path):
    path = tmp_path / 'file.png'
    path.write_bytes(CONTENT)
    return path


def test_a_stamp_holds_size_time_and_digest(file):
    stamp = FileStamp.of(file)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert stamp == FileStamp(2560, file.stat().st_ctime_ns, digest)
    assert FileStamp.of_json(stamp.json()) == stamp
    assert FileStamp.of(file, 10, 20).digest == hashlib.sha256(CONTENT[10:20]).hexdigest()


def test_another_time_of_the_same_bytes_is_no_change(file):
    stamp, part = FileStamp.of(file), FileStamp.of(file, 5, 100)
    os.utime(file, ns=(0, 1))
    assert stamp.fits(file) and part.fits(file, 5, 100)


def test_other_bytes_or_another_size_are(file):
    time = file.stat().st_mtime_ns
    stamp, part = FileStamp.of(file), FileStamp.of(file, 5, 100)
    file.write_bytes(b'x' + CONTENT[1:])
    os.utime(file, ns=(0, time))  # as if nothing had happened
    assert not stamp.fits(file) and part.fits(file, 5, 100)
    file.write_bytes(CONTENT[:99])
    os.utime(file, ns=(0, time))
    assert not stamp.fits(file) and not part.fits(file, 5, 100)


def test_the_bytes_are_not_read_where_the_time_is_the_same(file, monkeypatch):
    stamp = FileStamp.of(file)
    monkeypatch.setattr('builtins.open', lambda *args: 1 / 0)
    assert stamp.fits(file)


@pytest.mark.parametrize('make', [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)])
def test_a_pipe_is_not_waited_for(tmp_path, make):
    make(tmp_path / 'odd')
    with pytest.raises(OSError, match='.'):
        FileStamp.of(tmp_path / 'odd')
    assert source_stamp(tmp_path / 'odd') is None


def test_sources(file, tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        archive.add(file, 'x.png')
    (member,) = find_sources(tmp_path / 'a.tar')
    for source in (file, member):
        stamp = source_stamp(source)
        header = b''  # of a member: what says its name and size
        if source is member:
            data = (tmp_path / 'a.tar').read_bytes()
            header = data[member.offset : member.end - len(CONTENT)]
        assert stamp.digest == hashlib.sha256(header + CONTENT).hexdigest()
        assert source_unchanged(source, stamp)
        assert not source_unchanged(source, None)  # it could not be read then
    stamp = source_stamp(file)
    file.unlink()
    assert source_unchanged(file, stamp) and source_unchanged(file, None)
    os.mkfifo(file)
    assert not source_unchanged(file, stamp)


def test_files_that_settings_name(file, tmp_path):
    settings = {
        'a': [{'path': str(file)}, ('none.pth', 3)],
        'type': 'Model',
        'folder': str(tmp_path),
    }
    assert input_digests(settings) == {str(file): hashlib.sha256(CONTENT).hexdigest()}
    assert list(input_digests(['asset://toon64/generator.safetensors'])) != []
