# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.io import ImageReadError, find_sources, output_names, read_image
from mmgen_bdinvert.io.sources import source_from_json, source_to_json


@pytest.fixture()
def folder(tmp_path):
    for i, name in enumerate(('1.png', '10.png', '2.png', 'sub/3.jpg')):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (8, 8), (i, i, i)).save(tmp_path / name)
    (tmp_path / 'notes.md').write_text('text')
    return tmp_path


def shown(sources, folder):
    return [os.path.relpath(source, folder) for source in sources]


def pack(path, members):
    with tarfile.open(path, 'w') as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def png(value=0):
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8), (value, 0, 0)).save(buffer, 'PNG')
    return buffer.getvalue()


def test_files_folders_and_patterns(folder):
    assert shown(find_sources(folder), folder) == ['1.png', '2.png', '10.png', 'sub/3.jpg']
    assert shown(find_sources(str(folder / '*.png')), folder) == ['1.png', '2.png', '10.png']
    assert shown(find_sources(str(folder / '**' / '*.jpg')), folder) == ['sub/3.jpg']
    both = [folder / '10.png', folder / '*.png', folder / 'sub']
    assert shown(find_sources(both), folder) == ['10.png', '1.png', '2.png', 'sub/3.jpg']
    with pytest.raises(FileNotFoundError, match='no image matches'):
        find_sources(str(folder / '*.gif'))


def test_a_file_whose_name_looks_like_a_pattern(folder):
    Image.new('RGB', (8, 8)).save(folder / '[1].png')
    assert shown(find_sources(str(folder / '[1].png')), folder) == ['[1].png']


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('list.txt', '1.png\r\nsub/3.jpg\n\ngone.png'),
        ('list.csv', 'label,path\na,1.png\nb,sub/3.jpg\nc,\nd,gone.png\n'),
        ('list.jsonl', '{"path": "1.png"}\n\n{"path": "sub/3.jpg", "x": 1}\n{"path": "gone.png"}'),
        ('list.list', '1.png\nsub/3.jpg\ngone.png\n'),
        ('list.TXT', '\ufeff1.png\nsub/3.jpg\ngone.png\n1.png\n'),
    ],
)
def test_lists_are_relative_to_their_folder(folder, name, text):
    (folder / name).write_text(text, encoding='utf-8', newline='')
    assert shown(find_sources(folder / name), folder) == ['1.png', 'sub/3.jpg', 'gone.png']


def test_a_list_may_name_what_is_no_text(folder):
    (folder / 'list.txt').write_bytes(b'\xff.png\n/abs.png\n')
    assert [os.fsencode(s) for s in find_sources(folder / 'list.txt')] == [
        os.fsencode(folder) + b'/\xff.png',
        b'/abs.png',
    ]


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.txt', '', 'names no image'),
        ('a.txt', 'a\0b', 'is no text with a path in each line'),
        ('a.txt', 'x' * 1_000_001, 'is no text with a path in each line'),
        ('a.csv', '', "has a column 'path', but .* has none"),
        ('a.csv', 'file,label\nx,y\n', "has a column 'path', but .* has 'file', 'label'"),
        ('a.csv', 'path\n"' + 'x' * 200_000 + '"\n', 'is no CSV file'),
        ('a.jsonl', '{"path": "x"}\n{"path": 3}\n', 'but line 2 of'),
        ('a.jsonl', '[]', 'but line 1 of'),
        ('a.jsonl', '[' * 100_000, 'but line 1 of'),
    ],
)
def test_bad_lists(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message) as info:
        find_sources(folder / name)
    assert '\n' not in str(info.value)


def test_images_of_a_tar_are_read_without_unpacking(folder):
    items = [('a/0.png', png(10)), ('a/0.json', b'{}'), ('b/1.PNG', png(20)), ('c/0.png', png(30))]
    sources = find_sources(pack(folder / 'shard.tar', items))
    assert shown(sources, folder) == ['shard.tar/a/0.png', 'shard.tar/b/1.PNG', 'shard.tar/c/0.png']
    assert [int(read_image(source)[0, 0, 0]) for source in sources] == [10, 20, 30]
    assert output_names(sources) == ['a_0', '1', 'c_0']
    assert [source_from_json(source_to_json(source)) for source in sources] == sources
    assert read_image(sources[0], 4).shape == (4, 4, 3)


def test_hostile_members_only_get_odd_names(folder):
    names = ('../../../etc/x.png', '/abs/y.png', 'a/../../z.png', 'a\n.png')
    sources = find_sources(pack(folder / 's.tar', [(name, png()) for name in names]))
    assert output_names(sources) == ['x', 'y', 'z', 'a_']
    assert all(np.array_equal(read_image(source), read_image(sources[0])) for source in sources)


def test_links_and_folders_in_a_tar_are_no_images(folder):
    with tarfile.open(folder / 's.tar', 'w') as archive:
        for name, kind in (('l.png', tarfile.SYMTYPE), ('d.png', tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, '/etc/passwd'
            archive.addfile(info)
    with pytest.raises(ValueError, match='holds no image file'):
        find_sources(folder / 's.tar')


@pytest.mark.parametrize('keep', [550, 1400])
def test_what_a_cut_off_tar_lost_fails_and_is_not_forgotten(folder, keep):
    path = pack(folder / 's.tar', [('0.png', png(1)), ('1.png', png(2))])
    path.write_bytes(path.read_bytes()[:keep])  # inside the first image, inside the second header
    sources = find_sources(path)
    bad = sources if keep < 1024 else sources[1:]
    assert bad and sources[: len(sources) - len(bad)] == ([] if keep < 1024 else sources[:1])
    for source in bad:
        with pytest.raises(ImageReadError, match='is cut off: the archive ends before'):
            read_image(source)


def test_a_tar_damaged_in_the_middle(folder):
    path = pack(folder / 's.tar', [('0.png', png(1)), ('1.png', png(2)), ('2.png', png(3))])
    data = bytearray(path.read_bytes())
    data[1024:1536] = b'\x55' * 512  # the second header
    path.write_bytes(data)
    sources = find_sources(path)
    assert shown(sources, path) == ['0.png', 'rest_of_the_archive']
    with pytest.raises(ImageReadError, match='is cut off'):
        read_image(sources[1])


@pytest.mark.parametrize('content', [b'', b'no archive' * 100, b'\x1f\x8b' + b'x' * 600])
def test_what_is_no_tar(folder, content):
    (folder / 's.tar').write_bytes(content)
    with pytest.raises(ValueError, match='cannot be read as an uncompressed tar|holds no image'):
        find_sources(folder / 's.tar')
