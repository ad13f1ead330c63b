# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The benchmark's two sides do the same work; what it reports is arithmetic."""

import json
import sys

import psutil
import pytest
import torch

from benchmarks.speed import measure as measuring
from benchmarks.speed import memory
from benchmarks.speed.measure import Row
from benchmarks.speed.ours import OurTraining, time_inversion
from benchmarks.speed.plain import PlainInversion, PlainTraining, plain_statistics
from benchmarks.speed.report import short_form, write_speed
from benchmarks.speed.setting import Setting
from mmgen_bdinvert.apis.statistics import fit_statistics
from mmgen_bdinvert.models import RegularizedInverter
from tests.fixtures.forked import run_forked


@pytest.fixture(scope='module')
def setting():
    return Setting(32, batch=2, width=8)


@pytest.fixture()
def slow_convolution(monkeypatch):
    """Take the rate of the large convolution as given: measuring it takes seconds."""
    monkeypatch.setattr(measuring, 'convolution_rate', lambda device, repeats: 100.0)


def test_both_sides_invert_alike(setting, monkeypatch):
    results = []
    invert = RegularizedInverter.invert
    monkeypatch.setattr(
        RegularizedInverter,
        'invert',
        lambda self, *args: results.append(invert(self, *args)) or results[-1],
    )
    times = time_inversion(setting, 3)
    assert len(times) == 3 and min(times) > 0
    plain = PlainInversion(setting)
    expected = torch.stack([plain.step() for _ in range(4)])
    torch.testing.assert_close(results[0].history['total'][:4], expected.cpu(), rtol=1e-3, atol=0)
    assert (expected[0] - expected[-1] > 0.01 * expected[0]).all()  # it goes down


def test_both_sides_train_alike(setting):
    sides = OurTraining(setting), PlainTraining(setting)
    ours, expected = (torch.stack([side.step() for _ in range(3)]) for side in sides)
    torch.testing.assert_close(ours, expected, rtol=2e-3, atol=0)
    rounded = OurTraining(setting, amp=True).step()
    torch.testing.assert_close(rounded, ours[0], rtol=0.05, atol=0)


def test_the_plain_modules_modulate_weights(setting):
    plain = PlainInversion(setting)
    kinds = {type(m).__name__ for m in plain.host.modules() if 'Modulated' in type(m).__name__}
    assert kinds == {'ModulatedConv2d', 'ModulatedStyleConv', 'ModulatedToRGB'}
    kinds = {type(m).__name__ for m in setting.generator.modules()}
    assert 'ScaledModulatedConv2d' in kinds  # the copy alone was changed


def test_the_plain_perceptual_network_is_the_packages_own(setting):
    kinds = {type(m).__name__ for m in PlainInversion(setting).lpips.modules()}
    assert 'Conv2d' in kinds and 'FrozenConv2d' not in kinds
    assert 'FrozenConv2d' in {type(m).__name__ for m in setting.perceptual.network.modules()}


@pytest.mark.parametrize('gains', [True, False])
def test_measurements(setting, slow_convolution, monkeypatch, gains):
    monkeypatch.setattr(measuring, 'gains_from_bfloat16_gradients', lambda device: gains)
    names = ['step', 'encoder'] if gains else ['step']  # the encoder's are the same
    for name in names:
        row = getattr(measuring, f'measure_{name}')(setting, repeats=1)
        assert (row.what, row.size, row.batch) == (name, 32, 2)
        more = ['bf16 gradients'] if gains and name == 'step' else []
        assert list(row.values) == ['plain', 'fp32', 'bf16', *more]
        assert min(row.values.values()) > 0
        # VGG16 alone, forward and backward, needs 2 × 2 × 0.63 GFLOP for two images of 32 pixels.
        assert 2.5 < row.gflop < 6 and row.rate == 100
        assert len(row.figures) == (3 if name == 'step' else 0)
        for error in row.figures.values():
            assert list(error) == list(row.values)
            assert max(error['plain'], error['fp32']) < 5e-4 < error['bf16'] < 0.2
        rounded = [error[side] > 1e-4 for side in more for error in row.figures.values()]
        assert rounded == [False, True, True] * len(more)


def test_both_sides_measure_the_same_statistics(setting):
    ours = fit_statistics(setting.generator, num_samples=9000).eigenvalues
    expected = plain_statistics(setting.generator, num_samples=9000)
    torch.testing.assert_close(ours, expected.flip(0), rtol=0, atol=1e-4 * float(ours[0]))
    row = measuring.measure_statistics(setting, repeats=1, num_samples=1000)
    assert row.what == 'statistics' and min(row.values.values()) > 0
    assert list(row.values) == ['plain', 'fp32']


def test_what_a_row_says(tmp_path):
    rows = [
        Row('step', 256, 1, dict(plain=2.0, fp32=1.0, bf16=0.5), gflop=260.0, rate=400.0),
        Row('memory', 1024, 1, dict(plain=4000.0, checkpointed=1000.0)),
    ]
    assert rows[0].share('fp32') == 0.65
    assert short_form(rows[0]) == 'step 256: fp32 2.0x bf16 4.0x of the plain baseline'
    assert short_form(rows[1]) == 'memory 1024: checkpointed 0.25 of the plain baseline'
    files = write_speed(rows, tmp_path / 'speed.json', 'a machine')
    assert [f.name for f in files] == ['speed.json', 'speed.png'] and files[1].stat().st_size
    facts = json.loads(files[0].read_text())
    assert facts['machine'] == 'a machine'
    assert facts['rows'][0]['ratios'] == dict(plain=1, fp32=2, bf16=4)
    assert facts['rows'][1]['shares'] == dict(plain=None, checkpointed=None)


def test_memory_of_processes(monkeypatch):
    def run(command, **pipes):
        python, flag, module, *args = command
        assert (python, flag) == (sys.executable, '-m')
        return run_forked(module, *args)

    monkeypatch.setattr(memory.subprocess, 'run', run)
    row = memory.measure_memory(32, 1, torch.device('cpu'), width=8)
    assert tuple(row.values) == memory.MEMORY_SIDES
    resident = psutil.Process().memory_info().rss / 2**20
    assert all(0.5 * resident < value < resident + 2000 for value in row.values.values())


def test_a_process_that_fails_says_why():
    with pytest.raises(
        RuntimeError, match='memory of plain at 33 failed: ValueError.*power of two'
    ):
        memory.measure_memory(33, 1, torch.device('cpu'), width=8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_a_gpu(slow_convolution):
    row = measuring.measure_step(Setting(32, width=8, device='cuda'), repeats=1)
    assert min(row.values.values()) > 0
