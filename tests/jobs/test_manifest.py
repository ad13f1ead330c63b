# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
from pathlib import Path

import pytest

from mmgen_bdinvert.io import StorageError
from mmgen_bdinvert.jobs import ImageOutcome, Manifest, read_outcomes
from mmgen_bdinvert.jobs.manifest import image_records


def outcome(name, status='done', **metrics):
    reason = '' if status == 'done' else f'{name} is bad'
    return ImageOutcome(name, Path(f'/photos/{name}.png'), status, reason, metrics)


def write(folder, *outcomes, rank=0):
    with Manifest(folder, rank) as manifest:
        for one in outcomes:
            manifest.add('image', **one.record())


def test_outcomes_come_back(tmp_path):
    odd = Path(b'/photos/\xff\n.png'.decode('utf-8', 'surrogateescape'))
    outcomes = [
        outcome('a', psnr=20.5, losses={'total': 0.25}),
        outcome('b', 'failed'),
        ImageOutcome('c', odd, 'done', metrics={'fit': 'pad'}),
    ]
    write(tmp_path, *outcomes[:2])
    write(tmp_path, outcomes[2], rank=3)
    assert list(read_outcomes(tmp_path).values()) == outcomes
    lines = (tmp_path / 'manifest' / '0.jsonl').read_text().splitlines()
    assert [json.loads(line)['event'] for line in lines] == ['image', 'image']


def test_numbers_that_json_has_no_word_for(tmp_path):
    write(tmp_path, outcome('a', psnr=float('inf'), losses={'total': float('nan')}))
    assert read_outcomes(tmp_path)['a'].metrics == {'psnr': None, 'losses': {'total': None}}


@pytest.mark.parametrize('cut', [1, 5, 40])
def test_a_torn_last_line_is_cut_off_before_the_next(tmp_path, cut):
    write(tmp_path, outcome('a'), outcome('b'))
    path = tmp_path / 'manifest' / '0.jsonl'
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_outcomes(tmp_path)) == ['a']
    write(tmp_path, outcome('c'))
    assert list(read_outcomes(tmp_path)) == ['a', 'c']
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_file_without_any_whole_line(tmp_path):
    (tmp_path / 'manifest').mkdir()
    (tmp_path / 'manifest' / '0.jsonl').write_bytes(b'x' * 200_000)
    write(tmp_path, outcome('a'))
    assert list(read_outcomes(tmp_path)) == ['a']


@pytest.mark.parametrize('line', [b'\0\0\0', b'{}', b'[1]', b'3', b'{"event": "image"}', b'\xff'])
def test_a_line_that_is_no_record_is_passed_over(tmp_path, line):
    write(tmp_path, outcome('a'))
    with open(tmp_path / 'manifest' / '0.jsonl', 'ab') as file:
        file.write(line + b'\n')
    write(tmp_path, outcome('b'))
    assert list(read_outcomes(tmp_path)) == ['a', 'b']


def test_the_latest_record_counts_and_done_always(tmp_path, monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr('mmgen_bdinvert.jobs.manifest.time.time', lambda: next(now))
    write(tmp_path, outcome('a', 'failed'), rank=1)
    write(tmp_path, outcome('a', 'stopped'), outcome('b', 'done'))
    write(tmp_path, outcome('b', 'failed'), rank=1)
    assert {n: o.status for n, o in read_outcomes(tmp_path).items()} == {
        'a': 'stopped',
        'b': 'done',
    }


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    with Manifest(tmp_path) as manifest:
        manifest.add('image', **outcome('a').record())
        real = manifest._file

        class Full:
            def fileno(self):
                return real.fileno()

            def write(self, line):
                if len(line) < 20:
                    raise OSError(28, 'No space left on device')
                return real.write(line[: len(line) - 10])

        manifest._file = Full()
        with pytest.raises(StorageError, match=r"cannot write '.*0.jsonl' \(No space left"):
            manifest.add('image', **outcome('b').record())
        manifest._file = real
    assert [record['name'] for record in image_records(tmp_path)] == ['a']
    assert (tmp_path / 'manifest' / '0.jsonl').read_bytes().endswith(b'}\n')
