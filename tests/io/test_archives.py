# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Sparse, linked and repeated members of tar archives."""

import io
import logging
import os
import shutil
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import ImageReadError, TarMember, find_sources, read_image


@pytest.fixture()
def notes(caplog):
    with caplog.at_level(logging.WARNING, logger='mmgen_bdinvert'):
        yield caplog


def encoded(value=0, kind='PNG', **options):
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8), (value, 0, 0)).save(buffer, kind, **options)
    return buffer.getvalue()


def pack(path, *members):
    """Write an archive of names with a content, or with a type and the target of a link."""
    with tarfile.open(path, 'w') as archive:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            content = b''
            if isinstance(rest[0], int):
                content = encoded(rest[0])
            else:
                info.type, info.linkname = rest
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def reds(sources):
    return {source.member: int(read_image(source)[0, 0, 0]) for source in sources}


def write_with_holes(path, data):
    """Write a file without its blocks of zeros, which the disk then does not hold either."""
    with open(path, 'wb') as file:
        for begin in range(0, len(data), 4096):
            block = data[begin : begin + 4096]
            if any(block):
                file.seek(begin)
                file.write(block)
        file.truncate(len(data))


def is_gnu_tar():
    tar = shutil.which('tar')
    return tar and b'GNU tar' in subprocess.run([tar, '--version'], capture_output=True).stdout


@pytest.mark.skipif(not is_gnu_tar(), reason='needs GNU tar, which writes sparse members')
@pytest.mark.parametrize(
    'options',
    [
        ['--format=gnu'],
        ['--format=posix', '--sparse-version=0.0'],
        ['--format=posix', '--sparse-version=0.1'],
        ['--format=posix', '--sparse-version=1.0'],
    ],
)
@pytest.mark.parametrize('holes', [3, 30])
def test_sparse_members_are_read_right(tmp_path, options, holes):
    pixels = np.zeros((512, 512, 3), np.uint8)
    noise = np.random.default_rng(0).integers(1, 256, (4, 512, 3))
    for i in range(holes):
        pixels[16 * i + 4 : 16 * i + 8] = noise
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'BMP')
    write_with_holes(tmp_path / 'x.bmp', buffer.getvalue())
    (tmp_path / 'y.png').write_bytes(encoded(7))
    command = ['tar', '-C', str(tmp_path), '--sparse', '--hole-detection=raw', *options]
    subprocess.run([*command, '-cf', str(tmp_path / 's.tar'), 'x.bmp', 'y.png'], check=True)
    assert (tmp_path / 's.tar').stat().st_size < 500_000 < (tmp_path / 'x.bmp').stat().st_size
    sparse, after = find_sources(tmp_path / 's.tar')
    np.testing.assert_array_equal(read_image(sparse), pixels)
    assert read_image(after)[0, 0, 0] == 7


@pytest.mark.skipif(not is_gnu_tar(), reason='needs GNU tar, which writes sparse members')
def test_a_sparse_member_that_is_cut_off_or_claims_much(tmp_path):
    with open(tmp_path / 'x.bmp', 'wb') as file:
        file.write(b'BM' + bytes(range(1, 255)) * 100)
        file.truncate(2**31)
        file.seek(2**30)
        file.write(b'x' * 50_000)
    command = ['tar', '-C', str(tmp_path), '--sparse', '-cf', str(tmp_path / 's.tar'), 'x.bmp']
    subprocess.run(command, check=True)
    with pytest.raises(
        ImageReadError, match='at most 1073741824 bytes are read, but it has 2147483648'
    ):
        read_image(find_sources(tmp_path / 's.tar')[0])
    data = (tmp_path / 's.tar').read_bytes()
    (tmp_path / 't.tar').write_bytes(data[:30_000])
    (source, *_) = find_sources(tmp_path / 't.tar')
    with pytest.raises(ImageReadError, match='is cut off'), source.open():
        pass


def test_hard_links_are_images_and_other_links_are_said(tmp_path, notes):
    pack(
        tmp_path / 's.tar',
        ('a.png', 5),
        ('b.png', tarfile.LNKTYPE, './a.png'),
        ('c.png', tarfile.LNKTYPE, 'later.png'),
        ('d.png', tarfile.SYMTYPE, 'a.png'),
        ('e.png', tarfile.FIFOTYPE, ''),
        ('folder.png', tarfile.DIRTYPE, ''),
        ('later.png', 6),
    )
    assert reds(find_sources(tmp_path / 's.tar')) == {'a.png': 5, 'b.png': 5, 'later.png': 6}
    links, others = notes.messages
    assert "left out 2 ('c.png', 'd.png'): symbolic links, and hard links to what is no" in links
    assert "left out 1 ('e.png'): devices and pipes are no images" in others


def test_of_one_name_the_last_member_is_taken_as_in_unpacking(tmp_path, notes):
    names = ['a.png', 'b.png', './a.png', 'x/../a.png']
    pack(tmp_path / 's.tar', *((name, i) for i, name in enumerate(names)))
    assert reds(find_sources(tmp_path / 's.tar')) == {'x/../a.png': 3, 'b.png': 1}
    assert "left out 2 ('./a.png', 'x/../a.png'): later ones of the same name" in notes.messages[0]


def test_members_never_hide_files_outside(tmp_path):
    (tmp_path / 'a.png').write_bytes(encoded(1))
    pack(tmp_path / 's.tar', ('../a.png', 2))
    pack(tmp_path / 't.tar', ('../a.png', 3))
    sources = find_sources([tmp_path / 'a.png', tmp_path / 's.tar', tmp_path / 't.tar'])
    assert [int(read_image(source)[0, 0, 0]) for source in sources] == [1, 2, 3]
    assert len(find_sources([tmp_path / 's.tar', tmp_path / '.' / 's.tar'])) == 1


def test_notes_of_macos_are_no_images(tmp_path, notes):
    pack(
        tmp_path / 's.tar', ('._a.png', 1), ('__MACOSX/x/b.png', 2), ('x/._b.png', 3), ('a.png', 4)
    )
    assert reds(find_sources(tmp_path / 's.tar')) == {'a.png': 4}
    assert "left out 3 ('._a.png', '__MACOSX/x/b.png', 'x/._b.png')" in notes.messages[0]


@pytest.mark.parametrize('kind', ['TIFF', 'WEBP', 'GIF', 'JPEG2000', 'AVIF'])
def test_every_decoder_reads_a_part_of_a_file(tmp_path, kind):
    options = {'compression': 'tiff_deflate'} if kind == 'TIFF' else {}
    suffix = {'TIFF': 'tif', 'JPEG2000': 'jp2'}.get(kind, kind.lower())
    data = encoded(200, kind, **options)
    with tarfile.open(tmp_path / 's.tar', 'w') as archive:
        for name in ('before', f'x.{suffix}', 'after'):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    (source,) = find_sources(tmp_path / 's.tar')
    assert abs(int(read_image(source)[4, 4, 0]) - 200) < 20


def test_headers_that_lead_nowhere(tmp_path):
    info = tarfile.TarInfo('a.png')
    info.size = -1024
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    (tmp_path / 'back.tar').write_bytes(bytes(header) + bytes(2048))
    with pytest.raises(ValueError, match='cannot be read as an uncompressed tar archive'):
        find_sources(tmp_path / 'back.tar')
    extended = tarfile.TarInfo('x')
    extended.type = tarfile.XHDTYPE
    many = extended.tobuf(tarfile.USTAR_FORMAT) * 5000
    (tmp_path / 'deep.tar').write_bytes(many)
    with pytest.raises(ValueError, match='cannot be read as an uncompressed tar archive'):
        find_sources(tmp_path / 'deep.tar')


def test_an_archive_that_is_gone_or_another_one(tmp_path):
    with pytest.raises(ImageReadError, match='cannot be read .*check the archive'):
        read_image(TarMember(str(tmp_path / 'gone.tar'), 'x.png', 0, 10, 522))
    (source,) = find_sources(pack(tmp_path / 's.tar', ('a.png', 1)))
    with tarfile.open(tmp_path / 's.tar', 'w') as archive:
        archive.add(os.devnull, 'a.png')
        archive.addfile(tarfile.TarInfo('b.png'))
    with pytest.raises(ImageReadError, match='is cut off|has changed since'):
        read_image(source)
