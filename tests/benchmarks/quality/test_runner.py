# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.quality.faces import DrawnFaces, Photos
from benchmarks.quality.plan import build_method
from benchmarks.quality.runner import Benchmark
from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter

KINDS = ['aligned', 'shifted']


@pytest.fixture()
def count_inverted(monkeypatch):
    """Count the images that are inverted; after ``limit`` of them Ctrl-C is pressed."""
    state = dict(count=0, limit=None)
    invert = OptimizationInverter.invert

    def counted(self, images, callback=None):
        if state['limit'] is not None and state['count'] + len(images) > state['limit']:
            raise KeyboardInterrupt
        state['count'] += len(images)
        return invert(self, images, callback)

    monkeypatch.setattr(OptimizationInverter, 'invert', counted)
    return state


def make(plan, out_dir, count=3, kinds=KINDS, **settings):
    return Benchmark(plan, DrawnFaces(count, 32), kinds, out_dir, device='cpu', **settings)


def test_a_stopped_run_goes_on_where_it_stopped(make_plan, tmp_path, count_inverted):
    plan = make_plan()
    whole = make(plan, tmp_path / 'whole').run()
    assert count_inverted['count'] == 3 * 2 * 3
    count_inverted.update(count=0, limit=8)
    with pytest.raises(KeyboardInterrupt):
        make(plan, tmp_path / 'parts', batch_size=2).run()
    done = count_inverted['count']
    stored = list((tmp_path / 'parts').rglob('*.safetensors'))
    assert 0 < done < 18 and len(stored) == done
    count_inverted['limit'] = None
    parts = make(plan, tmp_path / 'parts', batch_size=2).run()
    assert count_inverted['count'] == 18
    without_seconds(whole), without_seconds(parts)
    assert_rows_equal(whole, parts)
    assert set(parts) == {'w_plus', 'fw_plain', 'bdinvert_16', 'drawn'}
    assert [row['face'] for row in parts['w_plus']['shifted']] == ['h0', 'h1', 'h2']
    assert not list((tmp_path / 'parts').rglob('.*.tmp*'))


def test_a_split_run_is_a_whole_one(make_plan, tmp_path, count_inverted):
    plan = make_plan()
    make(plan, tmp_path, 2, ['shifted']).run(['fw_plain'])
    make(plan, tmp_path, 3, ['aligned']).run(['w_plus', 'fw_plain'])
    assert count_inverted['count'] == 2 + 6
    rows = make(plan, tmp_path).run()
    assert count_inverted['count'] == 18
    assert all(len(rows[name][kind]) == 3 for name in rows for kind in KINDS)
    again = make(plan, tmp_path).run()
    assert count_inverted['count'] == 18
    assert_rows_equal(rows, again)


def test_other_settings_do_not_mix(make_plan, tmp_path, count_inverted):
    first = make(make_plan(), tmp_path, kinds=['shifted']).run(['w_plus'])
    other = make(make_plan(num_steps=5), tmp_path, kinds=['shifted']).run(['w_plus'])
    assert count_inverted['count'] == 6
    assert other['w_plus']['shifted'][0]['mse'] < first['w_plus']['shifted'][0]['mse']
    again = make(make_plan(), tmp_path, kinds=['shifted']).run(['w_plus'])
    assert_rows_equal(first, again) and count_inverted['count'] == 6


def test_another_measure_needs_no_other_inversion(make_plan, tmp_path, count_inverted):
    first = make(make_plan(), tmp_path, kinds=['shifted']).run(['w_plus'])
    judges = {'other': dict(type='PixelMSELoss'), 'judge': dict(type='PixelMSELoss')}
    second = make(make_plan(judges=judges), tmp_path, kinds=['shifted']).run(['w_plus'])
    assert count_inverted['count'] == 3
    for one, two in zip(first['w_plus']['shifted'], second['w_plus']['shifted']):
        assert two['other'] == one['judge'] == two['judge']
        assert one['seconds'] == two['seconds'] > 0


def test_rows_are_those_of_an_inversion(make_plan, tmp_path):
    plan = make_plan(edits=(), classifier=None)
    rows = make(plan, tmp_path, batch_size=2, kinds=['shifted']).run(['bdinvert_16'])
    assert set(rows) == {'bdinvert_16'}
    inverter = build_method(plan, 'bdinvert_16', 'cpu')
    images = torch.stack([DrawnFaces(3, 32).face('shifted', i).image for i in range(3)])
    result = inverter.invert(images.flip(1))
    mse = (result.reconstruction.flip(1).clamp(-1, 1) - images).square().mean((1, 2, 3))
    found = [row['mse'] for row in rows['bdinvert_16']['shifted']]
    assert found == pytest.approx(mse.tolist(), rel=1e-4)


def test_progress_counts_every_face(make_plan, tmp_path):
    calls = []

    def on_inverted(method, kind, count):
        calls.append((method, kind, count))

    make(make_plan(), tmp_path, 2).run(['w_plus'])
    make(make_plan(), tmp_path, 3, batch_size=2).run(['w_plus'], on_inverted=on_inverted)
    assert calls == [(m, k, c) for m, k in (('w_plus', kind) for kind in KINDS) for c in (2, 1)]


def test_a_changed_photo_is_inverted_again(make_plan, tmp_path, photo_folder, count_inverted):
    folder = photo_folder(2, 32)
    plan = make_plan(edits=(), classifier=None)

    def run():
        faces = Photos(folder, None, 32)
        return Benchmark(plan, faces, ['aligned'], tmp_path / 'out', device='cpu').run(['w_plus'])

    before = run()['w_plus']['aligned']
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / '1.png')
    after = run()['w_plus']['aligned']
    assert count_inverted['count'] == 3
    assert after[0] == before[0] and after[1]['mse'] != before[1]['mse']


def test_an_unknown_method_is_refused(make_plan, tmp_path):
    with pytest.raises(ValueError, match="are w_plus, fw_plain, bdinvert_16, but got 'w'"):
        make(make_plan(), tmp_path).run(['w'])
    with pytest.raises(ValueError, match='batch_size is 1 or more, but got 0'):
        make(make_plan(), tmp_path, batch_size=0)


def without_seconds(rows):
    for row in (row for kinds in rows.values() for found in kinds.values() for row in found):
        row.pop('seconds', None)


def assert_rows_equal(one, two):
    """Compare nested rows; batches of another size round differently."""
    if isinstance(one, dict):
        assert set(one) == set(two)
        for key in one:
            assert_rows_equal(one[key], two[key])
    elif isinstance(one, list):
        assert len(one) == len(two)
        for a, b in zip(one, two):
            assert_rows_equal(a, b)
    elif isinstance(one, float):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-6, nan_ok=True)
    else:
        assert one == two
    return True
