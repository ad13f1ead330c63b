# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmgen_bdinvert.apis import invert_files
from mmgen_bdinvert.apis.verdicts import measure_yardstick, shuffled
from mmgen_bdinvert.io import image_to_tensor
from mmgen_bdinvert.jobs import read_outcomes
from mmgen_bdinvert.models import LatentStatistics
from mmgen_bdinvert.models.losses.latent import base_code_distance
from mmgen_bdinvert.models.verdict import VERDICTS, signs_of, strangeness, verdict
from mmgen_bdinvert.report import write_page

KNOWN, STRANGE = torch.tensor([0.01, 0.1, 1.0]), torch.tensor([0.3, 1.0, 1.1])


def yardstick(known=KNOWN, strange=STRANGE, spread=0.3, count=50):
    noise = torch.randn(2, count, 3, generator=torch.Generator().manual_seed(0))
    return (spread * noise).exp() * torch.stack([known, strange])[:, None]


@pytest.fixture(scope='module')
def inverter(make_inverter):
    losses = dict(
        pixel=dict(type='PixelMSELoss'),
        perceptual=dict(type='LPIPSLoss', net='squeeze', backbone='random'),
        base=dict(type='BaseCodeDistance'),
    )
    return make_inverter(losses, num_steps=2)


def test_strangeness_goes_from_the_known_to_the_strange():
    values = strangeness(torch.stack([KNOWN, (KNOWN * STRANGE).sqrt(), STRANGE]), yardstick())
    torch.testing.assert_close(
        values, torch.tensor([0.0, 0.5, 1.0]).double(), atol=0.06, rtol=0
    )  # medians of 50
    assert [verdict(v) for v in (0.0, 0.5, 1.0)] == [*VERDICTS]


def test_a_sign_that_is_alike_in_both_counts_for_little_and_one_that_is_less_for_nothing():
    odd = torch.stack([KNOWN, KNOWN])
    odd[1, 2] *= 100
    values = strangeness(odd, yardstick())
    assert (values[1] - values[0]).abs() < 0.2
    less = yardstick(strange=STRANGE * torch.tensor([1, 1, 0.1]))
    assert strangeness(odd, less)[0] == strangeness(odd, less)[1]


def test_what_is_not_finite_does_not_fit():
    assert verdict(math.nan) == verdict(math.inf) == 'does not fit'


def test_signs_are_distances_of_picture_base_code_and_detail_code(inverter):
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    result = inverter.invert(inverter.generator.to_rgb(images))
    output = inverter.generator.to_rgb(result.reconstruction)
    signs = signs_of(inverter, images, output, result.code)
    distance = inverter.losses['perceptual']
    with torch.no_grad():
        expected = [
            distance(output, distance.prepare(images)),
            base_code_distance(result.code.base, inverter.encoder(images)),
            inverter.statistics.whiten(result.code.detail).square().mean((1, 2)),
        ]
    torch.testing.assert_close(signs, torch.stack(expected, 1))
    assert (signs > 0).all()


def test_tiles_are_shuffled_each_image_in_its_own_order():
    images = torch.arange(2 * 3 * 16 * 16.0).view(2, 3, 16, 16)
    mixed = shuffled(images, torch.Generator().manual_seed(0))
    for before, after in zip(images, mixed):
        tiles = [x.unfold(1, 4, 4).unfold(2, 4, 4).permute(1, 2, 0, 3, 4) for x in (before, after)]
        there, now = (t.reshape(16, -1).tolist() for t in tiles)
        assert there != now and sorted(there) == sorted(now)


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
    for name, tensor in (('verdict_x', yardstick()), ('verdict_8', torch.ones(2, 3))):
        save_file({**tensors, name: tensor}, tmp_path / 'wrong.safetensors', facts)
        with pytest.raises(ValueError, match=f'but got {name} of the shape'):
            LatentStatistics(tmp_path / 'wrong.safetensors')


def test_results_tell_known_images_from_strange_ones(inverter, tmp_path, monkeypatch):
    """The same two images, once judged by their own signs and once by far smaller ones."""
    sources = []
    for i, colour in enumerate(('red', 'blue')):
        sources.append(tmp_path / f'{i}.png')
        Image.new('RGB', (32, 32), colour).save(sources[-1])
    own = measure_yardstick(inverter, 8)
    assert own.shape == (2, 8, 3)
    for factor, expected in ((1e-3, 'fits'), (1e3, 'does not fit')):
        out = tmp_path / expected
        images = [image_to_tensor(np.array(Image.open(s))) for s in sources]
        result = inverter.invert(inverter.generator.to_rgb(torch.cat(images)))
        output = inverter.generator.to_rgb(result.reconstruction)
        signs = signs_of(inverter, torch.cat(images), output, result.code)
        middle = signs.log().mean(0).exp() / factor
        ladder = torch.stack([middle / 10, middle * 10])
        monkeypatch.setattr(inverter.statistics, 'yardsticks', {8: yardstick(ladder[0], ladder[1])})
        outcomes = invert_files(inverter, sources, out)
        assert [o.metrics['verdict'] for o in outcomes] == [expected] * 2
        assert json.loads((out / '0/metrics.json').read_text())['verdict'] == expected
        assert f'"{expected}"' in (out / 'summary.csv').read_text()
        report = (out / 'report.md').read_text()
        assert f'| {expected} | 2 |' in report
        assert read_outcomes(out)['0'].metrics['verdict'] == expected
        page = write_page(out).read_text()
        assert f'<b>2</b> {expected}' in page and f'the generator: <b>{expected}</b>' in page


def test_without_a_yardstick_there_is_no_verdict(inverter, tmp_path):
    Image.new('RGB', (32, 32), 'red').save(tmp_path / 'a.png')
    (outcome,) = invert_files(inverter, tmp_path / 'a.png', tmp_path / 'out')
    assert outcome.status == 'done' and 'verdict' not in outcome.metrics


def test_a_yardstick_needs_all_signs(make_inverter):
    with pytest.raises(ValueError, match='a loss called perceptual, but got a RegularizedInverter'):
        measure_yardstick(make_inverter(num_steps=1), 8)
