# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import tarfile
from pathlib import Path

import pytest

from mmgen_bdinvert.jobs import ImageOutcome, Manifest
from mmgen_bdinvert.jobs.packed import ShardWriter, cut_shards, read_packed, remove_shards

FILES = {'code.safetensors': b'c' * 700, 'metrics.json': b'{}', 'empty': b''}


def note(folder, name, place):
    with Manifest(folder) as manifest:
        outcome = ImageOutcome(name, Path(f'/{name}.png'), 'done')
        manifest.add('image', **outcome.record(), **place)


def members(path):
    with tarfile.open(path, 'r:') as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}


def test_any_tar_reads_the_shards_and_the_manifest_finds_an_image(tmp_path):
    writer = ShardWriter(tmp_path, 0)
    long = 'x' * 120  # more than tar's own header holds
    for name in ('a', 'b.c', long, '\u5199'):
        note(tmp_path, name, writer.add(name, {**FILES, 'metrics.json': name.encode()}))
    found = members(tmp_path / 'shards' / '00000-00000.tar')
    assert len(found) == 12 and found['b.c.metrics.json'] == b'b.c'
    for name in ('a', 'b.c', long, '\u5199'):
        assert read_packed(tmp_path, name) == {**FILES, 'metrics.json': name.encode()}
    with pytest.raises(FileNotFoundError, match="no packed results of 'd' in"):
        read_packed(tmp_path, 'd')


def test_what_no_record_speaks_of_is_cut_off(tmp_path):
    writer = ShardWriter(tmp_path, 0)
    note(tmp_path, 'a', writer.add('a', FILES))
    writer.add('b', FILES)  # its process died before the record
    path = tmp_path / 'shards' / '00000-00000.tar'
    with open(path, 'ab') as file:
        file.write(b'half a header')
    cut_shards(tmp_path)
    assert set(members(path)) == {f'a.{key}' for key in FILES}
    note(tmp_path, 'c', writer.add('c', FILES))
    assert read_packed(tmp_path, 'c') == FILES
    assert read_packed(tmp_path, 'a') == FILES


def test_a_new_shard_begins_when_one_is_full_and_ranks_have_their_own(tmp_path):
    for rank in (0, 2):
        writer = ShardWriter(tmp_path, rank, shard_bytes=4000)
        for name in 'abc':
            note(tmp_path, f'{name}{rank}', writer.add(f'{name}{rank}', FILES))
    names = [path.name for path in sorted((tmp_path / 'shards').glob('*.tar'))]
    assert names == ['00000-00000.tar', '00000-00001.tar', '00002-00000.tar', '00002-00001.tar']
    assert read_packed(tmp_path, 'c2') == FILES
    remove_shards(tmp_path)
    assert not list((tmp_path / 'shards').glob('*.tar'))
