# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Records that are damaged in one place each."""

import json

import pytest

from mmgen_bdinvert.jobs.record import check_event, check_image

STAMP = [700, 1_700_000_000_000_000_000, 'a' * 64]
GOOD = {
    'event': 'image',
    'time': 1_700_000_000.5,
    'run': 3,
    'name': 'photo',
    'source': '/photos/photo.png',
    'status': 'done',
    'reason': '',
    'metrics': {'psnr': 20.5, 'seconds': 2, 'fit': 'crop', 'losses': {'total': None}},
    'source_stamp': STAMP,
    'file_stamps': {'code.safetensors': STAMP},
    'shard': '00000-00001.tar',
    'begin': 0,
    'end': 700,
    'shard_stamp': STAMP,
}


def check(entry):
    check_event(entry)
    check_image(entry)


def test_records_of_all_releases_are_believed():
    check(GOOD)
    check({**GOOD, 'source_stamp': None, 'metrics': {'psnr': None}})
    new = ('run', 'source_stamp', 'file_stamps', 'shard', 'begin', 'end', 'shard_stamp')
    check({key: value for key, value in GOOD.items() if key not in new})


@pytest.mark.parametrize(
    ('key', 'values'),
    [
        ('time', ['1', None, True, -1, float('nan'), float('inf'), 1e12, 10**400]),
        ('run', ['1', None, True, -1, 1.5, 2**60]),
        ('name', ['', '..', 'a/b', '/a', 3, None, [], 'a\0', 'a\n', '\udcff', 'a' * 256]),
        ('source', ['a\0', 3, None, {}]),  # one that no file can have failed, and is on record
        ('status', ['', 'DONE', None, [], {}]),
        ('reason', [None, 3, ['x']]),
        ('metrics', [None, [], 'x', {'psnr': 'x'}, {'psnr': [1]}, {'psnr': {}}, {'seconds': True}]),
        (
            'metrics',
            [{'losses': 3}, {'losses': {'total': 'x'}}, {'fit': 3}, {'mse': 10**400}],
        ),
        (
            'source_stamp',
            [3, [], [1, 2], [1, 2, 3], [-1, 2, 'a' * 64], [1, 2, 'a'], [True, 2, '']],
        ),
        ('file_stamps', [None, [], {'code.safetensors': 3}, {'../x': STAMP}]),
        ('shard', [None, 3, 'train.tar', '../00000-00001.tar', '00000-00001.tar\n']),
        ('begin', [None, 'x', -1, 1.5, 700, 2**60]),
        ('end', [None, 'x', 0]),
        ('shard_stamp', [3, [1]]),
    ],
)
def test_one_that_is_damaged_is_not(key, values):
    for value in values:
        with pytest.raises(ValueError, match='.'):
            check({**GOOD, key: value})


@pytest.mark.parametrize('key', ['event', 'time', 'name', 'source', 'status', 'reason', 'metrics'])
def test_nor_one_that_lacks_something(key):
    with pytest.raises(ValueError, match='.'):
        check({k: v for k, v in GOOD.items() if k != key})


def test_json_gives_it_back():
    check(json.loads(json.dumps(GOOD)))
