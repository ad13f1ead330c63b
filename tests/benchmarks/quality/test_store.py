# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math

import pytest
import torch

from benchmarks.quality.store import InversionStore, RowStore, stack


def test_variables_come_back_to_the_last_bit(tmp_path):
    store = InversionStore(tmp_path, 'w_plus', 'a' * 64)
    batch = {'base': torch.randn(2, 4, 3, 3), 'convs.0.weight': torch.randn(2, 5)}
    for i, name in enumerate(('h0', 'h1')):
        row = {k: v[i] for k, v in batch.items()}
        store.save('shifted', name, row, dict(seconds=1.5, target='t'))
    loaded = stack([store.load('shifted', n) for n in ('h0', 'h1')], torch.device('cpu'))
    assert all(torch.equal(loaded[name], batch[name]) for name in batch)
    assert store.facts('shifted', 'h1') == dict(seconds=1.5, target='t')
    assert store.facts('rotated', 'h1') is None and store.facts('shifted', 'h2') is None


def test_other_settings_have_another_folder(tmp_path):
    one, two = (RowStore(tmp_path, 'w_plus', digest * 64) for digest in 'ab')
    one.save('shifted', 'h0', dict(psnr=20.0, target='t'))
    assert two.load('shifted', 'h0') is None
    two.save('shifted', 'h0', dict(psnr=30.0, target='t'))
    assert one.load('shifted', 'h0') == dict(psnr=20.0, target='t')
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        f'w_plus-{"a" * 12}',
        f'w_plus-{"b" * 12}',
    ]


def test_rows_keep_nan(tmp_path):
    store = RowStore(tmp_path, 'drawn', 'a' * 64)
    store.save(
        'shifted', 'h0', dict(gap=math.nan, target='t', edits=dict(smile={'1': dict(done=1.0)}))
    )
    row = store.load('shifted', 'h0')
    assert math.isnan(row['gap']) and row['edits']['smile']['1'] == dict(done=1.0)


def test_damaged_files_are_named(tmp_path):
    rows, found = RowStore(tmp_path, 'a', 'a' * 64), InversionStore(tmp_path, 'a', 'a' * 64)
    rows.save('shifted', 'h0', {})
    for store, suffix in ((rows, 'json'), (found, 'safetensors')):
        store.path('shifted', 'h0').write_text('{"half')
        with pytest.raises(ValueError, match=rf'h0.{suffix} is .*damaged .*: remove it and run'):
            store.load('shifted', 'h0')
