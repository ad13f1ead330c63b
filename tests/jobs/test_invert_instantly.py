# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A folder without optimisation: images are read and results written beside the network."""

import threading

import pytest
import torch

from mmgen_bdinvert.apis import init_inverter, invert, invert_files
from mmgen_bdinvert.io import OutputError, StorageError
from mmgen_bdinvert.jobs import batch_inversion, read_outcomes
from mmgen_bdinvert.jobs.packed import read_packed
from mmgen_bdinvert.structures import LatentCode

FILES = ['code.safetensors', 'metrics.json', 'reconstruction.png']


@pytest.fixture()
def instant(make_config):
    return init_inverter(make_config(num_steps=0), device='cpu')


def test_each_image_gets_code_picture_and_metrics(instant, photos, tmp_path):
    out = tmp_path / 'out'
    (photos / 'p1.png').write_bytes(b'no picture')
    outcomes = invert_files(instant, photos, out, batch_size=2)
    assert [o.status for o in outcomes] == ['done', 'failed', 'done']
    result = invert(instant, [photos / 'p0.png', photos / 'p2.png'])
    for i, name in enumerate(('p0', 'p2')):
        assert sorted(p.name for p in (out / name).iterdir() if p.name[0] != '.') == FILES
        code = LatentCode.load(out / name / 'code.safetensors', instant.generator)
        torch.testing.assert_close(code.base, result.code[i].base, rtol=0, atol=1e-5)
    assert (out / 'contact_sheet.png').is_file()
    seen = []
    invert_files(instant, photos, out, on_image=seen.append)
    assert seen == []  # all is there: nothing is left to do


def test_the_distance_is_measured_once(instant, photos, tmp_path, monkeypatch):
    distance, calls = instant.losses['perceptual'], []
    forward = distance.forward
    monkeypatch.setattr(distance, 'forward', lambda *args: calls.append(args) or forward(*args))
    outcomes = invert_files(instant, photos, tmp_path / 'out', batch_size=3)
    ((output, features),) = calls
    expected = forward(output, features).tolist()
    assert [o.metrics['perceptual'] for o in outcomes] == pytest.approx(expected, rel=1e-5)


def test_pictures_of_an_earlier_inversion_with_steps_are_removed(make_config, photos, tmp_path):
    path, out = make_config(), tmp_path / 'out'
    invert_files(init_inverter(path, device='cpu'), photos, out)
    assert (out / 'p0' / 'losses.png').is_file()
    later = init_inverter(path, device='cpu', cfg_options={'model.num_steps': 0})
    invert_files(later, photos, out, restart=True)
    assert sorted(p.name for p in (out / 'p0').iterdir() if p.name[0] != '.') == FILES


def test_results_go_into_shards(instant, photos, tmp_path):
    out = tmp_path / 'out'
    invert_files(instant, photos, out, packed=True, batch_size=2)
    for name in ('p0', 'p1', 'p2'):
        assert sorted(read_packed(out, name)) == FILES
    assert not list(out.glob('.mmgen_bdinvert-*'))


def test_the_next_batch_is_read_before_the_network_is_done(instant, photos, tmp_path, monkeypatch):
    was_read, plain, compute = threading.Event(), batch_inversion.read_target, instant.invert

    def reading(source, *args):
        target = plain(source, *args)
        if source.name == 'p1.png':
            was_read.set()
        return target

    def inverting(*args, **kwargs):
        assert was_read.wait(10)
        return compute(*args, **kwargs)

    monkeypatch.setattr(batch_inversion, 'read_target', reading)
    monkeypatch.setattr(instant, 'invert', inverting)
    outcomes = invert_files(instant, photos, tmp_path / 'out', batch_size=1)
    assert [o.status for o in outcomes] == ['done'] * 3


@pytest.mark.parametrize('error', [StorageError, OutputError])
def test_a_result_that_cannot_be_written(instant, photos, tmp_path, monkeypatch, error):
    plain = batch_inversion.write_image

    def broken(task, folder, packed):
        if task.name != 'p1':
            return plain(task, folder, packed)
        raise error('the disk is full')

    monkeypatch.setattr(batch_inversion, 'write_image', broken)
    with pytest.raises(error, match='the disk is full'):
        invert_files(instant, photos, tmp_path / 'out', batch_size=1)
    assert 'p1' not in read_outcomes(tmp_path / 'out') and 'p0' in read_outcomes(tmp_path / 'out')


def test_an_interruption_keeps_what_was_computed(instant, photos, tmp_path):
    class Stop(Exception):
        pass

    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:  # two batches of one image: one check each before and in it
            raise Stop

    with pytest.raises(Stop):
        invert_files(instant, photos, tmp_path / 'out', batch_size=1, check=check)
    assert list(read_outcomes(tmp_path / 'out')) == ['p0']
