# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Manifests with a sound record and something else: the record is read, the rest passed over."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from readers import reading_cases

from mmgen_bdinvert.jobs.manifest import passed_over_note, read_outcomes

KIND = 'manifests'
RECORD = {
    'event': 'image',
    'time': 1_700_000_000.5,
    'name': 'good',
    'source': '/photos/good.png',
    'status': 'done',
    'reason': '',
    'metrics': {'psnr': 20.5, 'seconds': 2.5},
}
LINES = {
    'text': b'no record',
    'empty_line': b'',
    'zeros': bytes(4096),
    'no_utf8': b'\xff\xfe',
    'list': b'[1]',
    'number': b'3',
    'null': b'null',
    'empty_object': b'{}',
    'half': json.dumps(RECORD).encode()[:60],
    'deep_lists': b'[' * 100_000,
    'deep_objects': b'{"a":' * 100_000 + b'1' + b'}' * 100_000,
    'many_digits': b'9' * 100_000,
    'long_line': b'x' * 5_000_000,
}
CHANGES: dict[str, dict[str, Any]] = {
    'event_is_a_list': {'event': []},
    'time_is_text': {'time': 'now'},
    'time_is_huge': {'time': 10**400},
    'time_is_nan': {'time': float('nan')},
    'time_is_before_1970': {'time': -1},
    'run_is_text': {'run': 'x'},
    'name_leaves_the_folder': {'name': '../x'},
    'name_is_absolute': {'name': '/etc'},
    'name_is_empty': {'name': ''},
    'name_is_a_list': {'name': ['x']},
    'name_has_a_zero': {'name': 'a\0b'},
    'name_is_long': {'name': 'a' * 5000},
    'name_is_half_a_character': {'name': '\ud800'},
    'source_is_null': {'source': None},
    'source_has_a_zero': {'source': '/a\0b'},
    'status_is_unknown': {'status': 'fine'},
    'status_is_a_dict': {'status': {}},
    'reason_is_a_number': {'reason': 3},
    'metrics_are_null': {'metrics': None},
    'metrics_are_a_list': {'metrics': [1]},
    'metric_is_text': {'metrics': {'psnr': 'high', 'seconds': 1}},
    'metric_is_a_dict': {'metrics': {'psnr': {'a': 1}}},
    'losses_are_a_number': {'metrics': {'losses': 3}},
    'stamp_is_short': {'source_stamp': [1, 2]},
    'stamps_leave_the_folder': {'file_stamps': {'../../x': [1, 2, 'a' * 64]}},
    'shard_leaves_the_folder': {'shard': '../x.tar', 'begin': 0, 'end': 512},
    'shard_without_place': {'shard': '00000-00000.tar'},
    'shard_place_is_text': {'shard': '00000-00000.tar', 'begin': '0', 'end': '512'},
    'shard_ends_before_it_begins': {'shard': '00000-00000.tar', 'begin': 9, 'end': 3},
}
ODD = {
    'pipe': os.mkfifo,
    'folder': os.mkdir,
    'device': lambda path: os.symlink('/dev/zero', path),
    'loop': lambda path: os.symlink(path, path),
}


def add_records(corpus) -> None:
    """Output folders whose manifest is damaged."""

    def add(name: str) -> Path:
        path = corpus.add(KIND, name, 'refused') / 'manifest'
        path.mkdir(parents=True)
        (path / '0.jsonl').write_text(json.dumps(RECORD) + '\n')
        return path

    lines = {k: json.dumps({**RECORD, 'name': 'x', **v}).encode() for k, v in CHANGES.items()}
    for name, line in {**LINES, **lines}.items():
        with open(add(name) / '0.jsonl', 'ab') as file:
            file.write(line + b'\n')
    for name, make in ODD.items():
        make(str(add(name) / '1.jsonl'))
    add('sound')
    corpus.expected[KIND]['sound'] = 'accepted'


def read_records(folder: Path) -> None:
    """Read an output folder; a ValueError counts what was passed over."""
    passed_over: Counter[str] = Counter()
    if list(read_outcomes(folder, passed_over)) != ['good']:
        raise AssertionError('the sound record is lost')
    if passed_over:
        assert sum(passed_over.values()) == 1, passed_over
        raise ValueError(passed_over_note(passed_over))


CASES = reading_cases(add_records, [KIND], [len(LINES) + len(CHANGES) + len(ODD) + 1])
