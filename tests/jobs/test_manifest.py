# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from mmgen_bdinvert.io import OutputError, StorageError
from mmgen_bdinvert.jobs import ImageOutcome, Manifest, read_outcomes
from mmgen_bdinvert.jobs.manifest import next_run, passed_over_note, read_events

ODD_FILES = {
    'pipe': os.mkfifo,
    'folder': os.mkdir,
    'device': lambda path: os.symlink('/dev/zero', path),
    'loop': lambda path: os.symlink(path, path),
}


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


@pytest.mark.parametrize(
    'line',
    [
        b'\0\0\0',
        b'{}',
        b'[1]',
        b'3',
        b'{"event": "image"}',
        b'{"event": [], "time": 1}',
        b'\xff',
        b'[' * 100_000,
        b'x' * 3_000_000,
        b'9' * 5000,
        b'',
    ],
)
def test_a_line_that_is_no_record_is_passed_over_and_counted(tmp_path, line):
    write(tmp_path, outcome('a'))
    path = tmp_path / 'manifest' / '0.jsonl'
    with open(path, 'ab') as file:
        file.write(line + b'\n')
    write(tmp_path, outcome('b'))
    passed_over = Counter()
    assert list(read_outcomes(tmp_path, passed_over)) == ['a', 'b']
    assert passed_over == {str(path): 1}
    note = f'damaged lines of the manifest count as never written: 1 in {str(path)!r}'
    assert passed_over_note(passed_over) == note


@pytest.mark.parametrize('make', ODD_FILES.values(), ids=ODD_FILES)
def test_what_is_no_regular_file_is_passed_over_and_not_written_to(tmp_path, make):
    write(tmp_path, outcome('a'))
    odd = tmp_path / 'manifest' / '5.jsonl'
    make(odd)
    passed_over = Counter()
    assert list(read_outcomes(tmp_path, passed_over)) == ['a']
    assert passed_over == {str(odd): 1}
    with pytest.raises(OutputError, match=r"cannot write '.*5\.jsonl'"):
        Manifest(tmp_path, 5)


@pytest.fixture()
def statuses(tmp_path):
    """Return what the manifest has of each image."""
    return lambda: {name: outcome.status for name, outcome in read_outcomes(tmp_path).items()}


def test_the_latest_record_counts_also_after_done(tmp_path, monkeypatch, statuses):
    now = iter(range(100))
    monkeypatch.setattr('mmgen_bdinvert.jobs.manifest.time.time', lambda: next(now))
    write(tmp_path, outcome('a', 'failed'), rank=1)
    write(tmp_path, outcome('a', 'stopped'), outcome('b', 'done'))
    write(tmp_path, outcome('b', 'failed'), rank=1)
    assert statuses() == {'a': 'stopped', 'b': 'failed'}


@pytest.mark.parametrize('ranks', [(0, 0), (0, 1), (1, 0)])
def test_what_a_later_run_says_counts_also_where_the_clock_went_back(
    tmp_path, monkeypatch, ranks, statuses
):
    now = iter(range(100, 0, -1))
    monkeypatch.setattr('mmgen_bdinvert.jobs.manifest.time.time', lambda: next(now))
    for rank, status in zip(ranks, ('done', 'failed')):
        with Manifest(tmp_path, rank, next_run(tmp_path)) as manifest:
            manifest.add('image', **outcome('a', status).record())
    assert next_run(tmp_path) == 3
    assert statuses() == {'a': 'failed'}


def test_lines_of_a_release_without_numbers_of_runs_keep_their_order(
    tmp_path, monkeypatch, statuses
):
    now = iter(range(100, 0, -1))
    monkeypatch.setattr('mmgen_bdinvert.jobs.manifest.time.time', lambda: next(now))
    write(tmp_path, outcome('a'), outcome('a', 'failed'))
    path = tmp_path / 'manifest' / '0.jsonl'
    path.write_text(path.read_text().replace('"run": 0, ', ''))
    assert statuses() == {'a': 'failed'}


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
    assert [record['name'] for record in read_events(tmp_path, 'image')] == ['a']
    assert (tmp_path / 'manifest' / '0.jsonl').read_bytes().endswith(b'}\n')
