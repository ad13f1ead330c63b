# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmgen_bdinvert.apis import invert_files
from mmgen_bdinvert.apis.verdicts import measure_yardstick
from mmgen_bdinvert.io import image_to_tensor
from mmgen_bdinvert.jobs import ImageOutcome, read_outcomes
from mmgen_bdinvert.jobs.progress import strange_note
from mmgen_bdinvert.models import LatentStatistics
from mmgen_bdinvert.models.losses.latent import base_code_distance
from mmgen_bdinvert.models.verdict import signs_of, strangeness, verdict
from mmgen_bdinvert.report import write_page

KNOWN = torch.tensor([0.01, 0.1, 1.0])


def yardstick(usual=KNOWN, spread=0.3, count=51):
    """Return signs whose logarithms are spread evenly."""
    steps = torch.linspace(-1, 1, count)
    return usual * (spread * steps / steps.std())[:, None].exp()


@pytest.fixture(scope='module')
def inverter(make_inverter):
    losses = dict(
        pixel=dict(type='PixelMSELoss'),
        perceptual=dict(type='LPIPSLoss', net='squeeze', backbone='random'),
        base=dict(type='BaseCodeDistance'),
    )
    return make_inverter(losses, num_steps=2)


def test_strangeness_is_in_standard_deviations_of_the_logarithms():
    signs = torch.stack([KNOWN, KNOWN * math.exp(0.9), KNOWN * torch.tensor([math.exp(1.2), 1, 1])])
    expected = torch.tensor([0, 3 * 3**0.5, 4]).double()
    torch.testing.assert_close(strangeness(signs, yardstick()), expected, rtol=1e-5, atol=1e-5)
    assert [verdict(v) for v in (0.0, 9.4, 10.0, 11.6)] == [
        'fits',
        'fits',
        'doubtful',
        'does not fit',
    ]


def test_a_found_face_has_limits_of_its_own():
    kinds = [verdict(v, face=True) for v in (10.4, 11.0, 12.1)]
    assert kinds == ['fits', 'doubtful', 'does not fit']


def test_what_is_better_than_usual_is_not_strange():
    better = KNOWN * torch.tensor([0.01, 1, math.exp(0.6)])
    assert strangeness(better[None], yardstick()).item() == pytest.approx(2)


def test_what_is_not_finite_does_not_fit():
    assert verdict(math.nan) == verdict(math.inf) == 'does not fit'


def test_signs_are_distances_of_picture_base_code_and_detail_code(inverter):
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    result = inverter.invert(inverter.generator.to_rgb(images))
    output = inverter.generator.to_rgb(result.reconstruction)
    signs = signs_of(inverter, images, output, result.code)
    distance = inverter.losses['perceptual']
    with torch.no_grad():
        plain = images.mean((2, 3), keepdim=True).expand_as(images)
        predicted = inverter.encoder(images)
        expected = [
            distance(output, distance.prepare(images)) / distance(plain, distance.prepare(images)),
            base_code_distance(result.code.base, predicted) / predicted.var((2, 3)).mean(1),
            inverter.statistics.whiten(result.code.detail).square().mean((1, 2)),
        ]
    torch.testing.assert_close(signs, torch.stack(expected, 1))
    assert (signs > 0).all()

    faces = torch.zeros(2, 1, 32, 32)
    faces[1, :, :16] = 1
    judged = signs_of(inverter, images, output, result.code, faces)
    assert torch.equal(judged[0], signs[0]) and judged[1, [0, 2]].eq(0).all()
    away = (result.code.base - predicted)[1, :, :4].square().mean()
    varies = predicted[1, :, :4].var((1, 2), correction=0).mean()
    torch.testing.assert_close(judged[1, 1], away / varies)


def test_what_surrounds_a_found_face_does_not_count(inverter):
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    result = inverter.invert(inverter.generator.to_rgb(images))
    output = inverter.generator.to_rgb(result.reconstruction)
    faces = torch.zeros(1, 1, 32, 32)
    faces[..., 8:24, 8:24] = 1
    signs = signs_of(inverter, images, output, result.code, faces)
    base = result.code.base.clone()
    base[..., 0] += 9
    output = output.clone()
    output[..., :8] = 1
    elsewhere = signs_of(inverter, images, output, replace(result.code, base=base), faces)
    torch.testing.assert_close(elsewhere, signs)


def test_an_image_of_one_colour_is_compared_all_the_same(inverter):
    images = torch.full((1, 3, 32, 32), 0.3)
    result = inverter.invert(inverter.generator.to_rgb(images))
    output = inverter.generator.to_rgb(result.reconstruction)
    assert signs_of(inverter, images, output, result.code).isfinite().all()


def test_statistics_keep_yardsticks_and_refuse_others(fit_statistics, make_generator, tmp_path):
    path = tmp_path / 'statistics.safetensors'
    statistics = fit_statistics(make_generator())
    statistics.save(path)
    assert LatentStatistics(path).yardsticks == {}  # as in files of earlier releases
    statistics.yardsticks = {8: yardstick(), 16: yardstick(spread=0.1)}
    statistics.save(path)
    read = LatentStatistics(path).yardsticks
    assert set(read) == {8, 16} and all(
        torch.equal(read[k], statistics.yardsticks[k]) for k in read
    )

    with safe_open(path, 'pt') as file:
        tensors, facts = load_file(path), file.metadata()
    for name, tensor in (('verdict_x', yardstick()), ('verdict_8', torch.ones(2, 4))):
        save_file({**tensors, name: tensor}, tmp_path / 'wrong.safetensors', facts)
        with pytest.raises(ValueError, match=f'but got {name} of the shape'):
            LatentStatistics(tmp_path / 'wrong.safetensors')


@pytest.mark.parametrize(
    ('factor', 'expected'), [(1, 'fits'), (0.048, 'doubtful'), (0.01, 'does not fit')]
)
def test_results_tell_known_images_from_strange_ones(
    factor, expected, inverter, tmp_path, monkeypatch
):
    """The same image, judged by its own signs, and by smaller ones."""
    Image.new('RGB', (32, 32), 'red').save(tmp_path / 'a.png')
    images = image_to_tensor(np.array(Image.open(tmp_path / 'a.png')))
    result = inverter.invert(inverter.generator.to_rgb(images))
    output = inverter.generator.to_rgb(result.reconstruction)
    usual = factor * signs_of(inverter, images, output, result.code)[0]
    monkeypatch.setattr(inverter.statistics, 'yardsticks', {8: yardstick(usual, 0.5)})
    out = tmp_path / 'out'
    (outcome,) = invert_files(inverter, tmp_path / 'a.png', out)
    assert outcome.metrics['verdict'] == expected
    assert json.loads((out / 'a/metrics.json').read_text())['verdict'] == expected
    assert f'"{expected}"' in (out / 'summary.csv').read_text()
    assert f'| {expected} | 1 |' in (out / 'report.md').read_text()
    assert read_outcomes(out)['a'].metrics['verdict'] == expected
    page = write_page(out).read_text()
    assert f'<b>1</b> {expected}' in page and f'the generator: <b>{expected}</b>' in page


def test_without_a_yardstick_there_is_no_verdict(inverter, tmp_path):
    Image.new('RGB', (32, 32), 'red').save(tmp_path / 'a.png')
    (outcome,) = invert_files(inverter, tmp_path / 'a.png', tmp_path / 'out')
    assert outcome.status == 'done' and 'verdict' not in outcome.metrics


def test_the_end_of_a_run_names_what_does_not_fit():
    kinds = ['fits', 'doubtful', 'does not fit', None, *['does not fit'] * 6]
    outcomes = [
        ImageOutcome(f'{i}\x1b', Path('a.png'), 'done', metrics={'verdict': k} if k else {})
        for i, k in enumerate(kinds)
    ]
    assert strange_note(outcomes[:2]) == ''
    assert strange_note(outcomes).startswith('7 of 10 images do not fit what the generator knows')
    assert strange_note(outcomes).endswith(r': 2\x1b, 4\x1b, 5\x1b, 6\x1b, 7\x1b, …')


def test_a_yardstick_is_of_samples_whatever_the_batch_size(inverter):
    found = measure_yardstick(inverter, 4)
    assert found.shape == (4, 3) and (found > 0).all()
    torch.testing.assert_close(measure_yardstick(inverter, 4, batch_size=2), found)


def test_a_yardstick_needs_all_signs(make_inverter):
    with pytest.raises(ValueError, match='a loss called perceptual, but got a RegularizedInverter'):
        measure_yardstick(make_inverter(num_steps=1), 8)
