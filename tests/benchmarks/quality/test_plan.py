# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
from pathlib import Path

import pytest
import torch

from bdinvert_cli.configs import DOMAIN_VARIABLE
from benchmarks.quality.plan import (
    build_method,
    read_plan,
    resolution,
    weights_digest,
)
from mmgen_bdinvert.models import NoiseProjector, PivotalTuningInverter, WPlusInverter
from mmgen_bdinvert.models.inverters.presets import PRESETS, preset_settings

CONFIGS = Path(__file__).parents[3] / 'configs'
PRESET_METHODS = {f'bdinvert_{name}': preset_settings(name, predicts=True) for name in PRESETS}
# The released program's objective is no method of the benchmark.
METHODS = sorted({p.stem for p in (CONFIGS / 'baselines').glob('[!_]*.py')} - {'authors'})


@pytest.mark.parametrize('name', sorted(p.stem for p in (CONFIGS / 'benchmarks').glob('[!_]*.py')))
def test_a_shipped_plan_names_what_there_is(name):
    plan = read_plan(name)
    assert plan.domain.is_file() and plan.domain.with_name(f'{plan.domain.stem}_8x8.py').is_file()
    assert resolution(plan) in (64, 128, 1024)
    if name == 'presets':
        assert set(plan.methods) == {*PRESET_METHODS, 'w_plus', 'bdinvert_pti'}
        assert plan.num_steps is None and plan.most_faces == dict(bdinvert_paper=2)
        return
    assert set(plan.methods) == set(METHODS) - set(PRESET_METHODS)
    assert set(plan.without_geometry) == {'w', 'w_plus', 'w_plus_pnorm'}
    assert plan.free == ('fw_plain',)


@pytest.mark.parametrize('method', PRESET_METHODS)
def test_a_preset_is_itself_in_any_domain(method, make_plan):
    plan = make_plan(methods={method: ''}, num_steps=None)
    inverter = build_method(plan, method, 'cpu')
    assert inverter.generator.resolution == 32
    for name, value in PRESET_METHODS[method].items():
        assert getattr(inverter, name) == value


@pytest.mark.parametrize('method', sorted(set(METHODS) - set(PRESET_METHODS)))
def test_a_baseline_composes_with_any_domain(method, make_plan):
    plan = make_plan(methods={method: ''}, num_steps=None)
    inverter = build_method(plan, method, 'cpu')
    assert inverter.generator.resolution == 32
    assert inverter.generator.base_size == (8 if method == 'bdinvert_8' else 16)
    assert inverter.keep_best
    losses = {name: loss.loss_weight for name, loss in inverter.losses.items()}
    image, base, detail = dict(pixel=1, perceptual=0.5), dict(base=1), dict(detail=0.01)
    assert losses == {
        'w_plus_pnorm': {**image, **detail},
        'fw_detail': {**image, **detail},
        'bdinvert_clip': {**image, **base},
        'bdinvert_8': {**image, **base, **detail},
        'bdinvert_16': {**image, **base, **detail},
        'encoder_only': {**image, **base, **detail},
    }.get(method, image)
    assert inverter.num_steps == dict(encoder_only=0, bdinvert_pti=40).get(method, 9)
    if method not in ('w', 'bdinvert_pti'):
        assert inverter.optimizer == dict(type='Adam', lr=0.02)
    kinds = dict(
        w=NoiseProjector,
        w_plus=WPlusInverter,
        w_plus_pnorm=WPlusInverter,
        bdinvert_pti=PivotalTuningInverter,
    )
    if method in kinds:
        assert type(inverter) is kinds[method]
    assert DOMAIN_VARIABLE not in os.environ


def test_the_number_of_steps_is_that_of_every_optimisation(make_plan):
    plan = make_plan(num_steps=4)
    assert build_method(plan, 'w_plus', 'cpu').num_steps == 4
    assert build_method(plan, 'encoder_only', 'cpu').num_steps == 0
    tuned = build_method(plan, 'bdinvert_pti', 'cpu')
    assert (tuned.pivot.num_steps, tuned.num_steps) == (4, 40)


def test_a_method_may_have_settings_of_its_own(make_plan):
    plan = make_plan(settings=dict(w_plus=dict(optimizer=dict(lr=0.5))))
    assert build_method(plan, 'w_plus', 'cpu').optimizer == dict(type='Adam', lr=0.5)
    assert build_method(plan, 'w_plus_pnorm', 'cpu').optimizer == dict(type='Adam', lr=0.02)


def test_the_digest_is_that_of_settings_and_weights(make_plan, domain, tmp_path):
    plan = make_plan()
    first = weights_digest(build_method(plan, 'bdinvert_16', 'cpu'))
    assert first == weights_digest(build_method(plan, 'bdinvert_16', 'cpu'))
    other = {
        weights_digest(build_method(make_plan(num_steps=3), 'bdinvert_16', 'cpu')),
        weights_digest(build_method(plan, 'fw_plain', 'cpu')),
    }
    inverter = build_method(plan, 'bdinvert_16', 'cpu')
    with torch.no_grad():
        next(inverter.encoder.parameters()).add_(1e-3)
    other.add(weights_digest(inverter))
    inverter = build_method(plan, 'bdinvert_16', 'cpu')
    inverter.statistics.mean.add_(1e-3)
    other.add(weights_digest(inverter))
    assert len(other) == 4 and first not in other


PLAN = """
domain = 'bdinvert_inv_toon64'
methods = dict(w_plus='W+', bdinvert_16='ours')
reference = 'bdinvert_16'
judges = dict(a=dict(type='PixelMSELoss'))
"""
EDIT = """
edits = [dict(name='a', direction='b', strengths=2, attribute='mouth', values='smile', options={})]
"""


def test_a_plan_is_read(tmp_path):
    (tmp_path / 'plan.py').write_text(PLAN + EDIT)
    plan = read_plan(tmp_path / 'plan.py')
    (edit,) = plan.edits
    assert (edit.strengths, edit.values, edit.layers) == ((2.0,), ('smile',), None)
    assert plan.num_steps is None and plan.classifier is None


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (('domain', 'place'), 'lacks domain and has place'),
        (("w_plus='W+'", "w_minus='W-'"), "no method 'w_minus', only authors, bdinvert_16"),
        (("reference = 'bdinvert_16'", "reference = 'w'"), "names the method 'w', which is not"),
        (("values='smile'", "values='grin'"), "'a' needs values .* but got mouth: grin"),
        (
            ('reference = ', "read = ['nose']\nreference = "),
            "reads the attribute 'nose', not one of",
        ),
        (('reference =', 'most_faces = dict(w=2)\nreference ='), "names the method 'w', which is"),
        (('reference =', 'most_faces = dict(w_plus=1)\nreference ='), 'most_faces of w_plus'),
        (('strengths=2, ', ''), 'an edit that is not complete: .*strengths'),
        (('strengths=2, ', 'strengths=[], '), "'a' needs one strength or more"),
        (('judges = dict(', 'judges = dict(('), 'cannot be read as a config'),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path, change, message):
    (tmp_path / 'plan.py').write_text((PLAN + EDIT).replace(*change))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_plan(tmp_path / 'plan.py')


def test_an_unknown_plan_is_refused():
    with pytest.raises(
        FileNotFoundError, match="no benchmark 'toon7': give a file, or one of ffhq"
    ):
        read_plan('toon7')
