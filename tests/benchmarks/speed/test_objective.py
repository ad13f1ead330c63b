# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whole inversions, both sides judged by the same objective."""

import math
from pathlib import Path

import pytest
import torch

from benchmarks.speed import objective, prediction
from benchmarks.speed.faces import FaceSetting
from benchmarks.speed.objective import measure_objective
from benchmarks.speed.plain import PlainInversion
from benchmarks.speed.report import speed_table
from benchmarks.speed.setting import Setting
from mmgen_bdinvert.models import DetailCodeEncoder
from mmgen_bdinvert.models.inverters import presets

CONFIGS = Path(__file__).parents[3] / 'configs'


@pytest.fixture()
def short_presets(monkeypatch):
    for name, steps in (('fast', 8), ('draft', 2)):
        monkeypatch.setitem(presets.PRESETS[name], 'num_steps', steps)
    monkeypatch.setattr(presets, '_FAST_FROM_A_PREDICTION', 8)


@pytest.mark.long
def test_pictures_are_inverted_on_every_side(short_presets):
    setting = Setting(32, batch=3, width=8, moved=True)
    row = measure_objective(setting, steps=2, batch=2)
    assert (row.what, row.size, row.batch) == ('objective', 32, 2)
    assert list(row.values) == ['plain', 'fast', 'draft']
    assert min(row.values.values()) > 0
    totals = row.figures['objective']
    assert all(0 < total < 1e4 for total in totals.values())
    plain = []
    for start in (0, 2):
        inversion = PlainInversion(setting.part(start, start + 2))
        for _ in range(2):
            inversion.step()
        with torch.no_grad():
            plain.append(inversion.total(inversion.terms(inversion.base, inversion.detail)))
    assert totals['plain'] == pytest.approx(float(torch.cat(plain).mean()), rel=1e-5)
    reached = row.figures["seconds to the schedule's objective"]
    assert reached['plain'] == row.values['plain'] and 0 < reached['fast'] < row.values['fast']
    table = speed_table([row])
    assert f'| mean v² | {row.figures["mean v²"]["plain"]:.5g} |' in table


@pytest.mark.long
def test_the_time_of_many_plain_steps_is_that_of_a_few_scaled(short_presets, monkeypatch):
    done = []
    step = PlainInversion.step
    monkeypatch.setattr(PlainInversion, 'step', lambda self: (done.append(1), step(self)))
    row = measure_objective(Setting(32, batch=1, width=8), steps=40, sample=2)
    assert len(done) == 2
    assert list(row.values) == ['plain', 'paper', 'fast', 'draft']
    for name in ('objective', 'perceptual distance', 'mean v²'):
        assert math.isnan(row.figures[name]['plain']) and row.figures[name]['paper'] > 0


def test_a_sample_is_scaled_and_a_target_is_reached_or_not(short_presets):
    setting = Setting(32, batch=1, width=8)
    plain = objective._invert(setting, 'plain', 1_000_000, 2, math.nan)
    assert plain.seconds == plain.until > 1000 and plain.steps == 1_000_000
    fast = objective._invert(setting, 'fast', 1, 2, 1e4)
    assert 0 < fast.until < fast.seconds and fast.steps == 0  # the start will do
    draft = objective._invert(setting, 'draft', 1, 2, -1.0)
    assert math.isnan(draft.until) and math.isnan(draft.steps)


def test_presets_start_at_a_prediction_too(short_presets):
    setting = Setting(32, batch=2, width=8, moved=True)
    generator = setting.generator
    encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim, 32, (4, 6), 8)
    encoder.adapt(generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        torch.nn.init.normal_(encoder.heads.weight, std=0.3)
    setting.detail_encoder = encoder.eval()
    row = measure_objective(setting, steps=2, batch=2, sample=2)
    sides = ['plain', 'paper', 'fast', 'draft', 'fast predicted', 'draft predicted']
    assert list(row.values) == sides
    totals, steps = row.figures['objective'], row.figures["steps to the schedule's objective"]
    assert totals['fast predicted'] != totals['fast'] and steps['paper'] == 2
    assert 0 <= steps['fast'] <= 8


def test_a_detail_encoder_is_trained_once_for_random_weights(tmp_path, monkeypatch):
    for name, value in (('LATENTS', 3), ('ITERATIONS', 4), ('WARM_UP', 1), ('BATCH', 2)):
        monkeypatch.setattr(prediction, name, value)
    setting = Setting(32, batch=1, width=8, moved=True)
    encoder = prediction.train_detail_encoder(setting, tmp_path / '32')
    with torch.no_grad():
        code = encoder(setting.generator.to_rgb(setting.images))
    assert not encoder.training and (code - encoder.mean).abs().max() > 1e-4
    (checkpoint,) = (tmp_path / '32').glob('iter_*.pth')
    written = checkpoint.stat().st_mtime_ns
    again = prediction.train_detail_encoder(setting, tmp_path / '32')
    with torch.no_grad():
        assert torch.equal(again(setting.generator.to_rgb(setting.images)), code)
    assert checkpoint.name == 'iter_4.pth' and checkpoint.stat().st_mtime_ns == written
    with pytest.raises(ValueError, match='does not fit this JointEncoderTrainer'):
        prediction.train_detail_encoder(Setting(64, batch=1, width=8), tmp_path / '32')


def test_what_papers_steps_reach_may_be_known(short_presets):
    setting = Setting(32, batch=2, width=8, moved=True)
    row = measure_objective(setting, steps=40, sample=2, goals=[1e4, -1.0])
    assert list(row.values) == ['plain', 'fast', 'draft']
    assert math.isnan(row.figures["steps to the schedule's objective"]['fast'])  # -1: never
    row = measure_objective(setting, steps=40, sample=2, goals=[1e4, 1e4])
    assert row.figures["steps to the schedule's objective"]['fast'] == 0


@pytest.mark.long
def test_the_papers_preset_reaches_what_all_plain_steps_reach(short_presets):
    setting = Setting(32, batch=2, width=8, moved=True)
    plainly = measure_objective(setting, steps=12, batch=2)
    sampled = measure_objective(setting, steps=12, batch=2, sample=2)
    for name in ('objective', 'perceptual distance', 'mean v²'):
        expected = plainly.figures[name]['plain']
        assert sampled.figures[name]['paper'] == pytest.approx(expected, rel=1e-3)


def test_moved_images_are_moved():
    plain, moved = (Setting(32, batch=1, width=8, moved=moved) for moved in (False, True))
    assert plain.images.shape == moved.images.shape
    assert (plain.images - moved.images).abs().mean() > 0.05


def test_drawn_faces_have_the_configs_own_objective():
    setting = FaceSetting('bdinvert_inv_toon64', 3)
    assert setting.weights == dict(pixel=10, perceptual=10, base=1, detail=0.01)
    part = setting.part(1, 3)
    assert torch.equal(part.images, setting.images[1:]) and part.batch == 2
    inversion = PlainInversion(part)
    kinds = {type(module).__name__ for module in inversion.lpips.modules()}
    assert not {'BlurredSequential', 'FrozenConv2d'} & kinds
    expected = setting.perceptual
    with torch.no_grad():
        rgb = inversion.render(inversion.base, inversion.detail)
        own = expected(rgb, expected.prepare(inversion.target))
        terms = inversion.terms(inversion.base, inversion.detail)
    torch.testing.assert_close(terms['perceptual'], own, rtol=1e-4, atol=1e-6)
    assert (terms['base'] == 0).all()
    with pytest.raises(ValueError, match='The plain baseline has the losses'):
        FaceSetting(CONFIGS / 'baselines/fw_plain.py', 1)
