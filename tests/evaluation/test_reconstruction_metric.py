# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmgen.registry import METRICS, MODULES
from mmgen.structures import GenDataSample

from mmgen_bdinvert.evaluation import ReconstructionMetric, psnr


def samples(count=5, size=32, **fields):
    rng = torch.Generator().manual_seed(0)
    made = []
    for i in range(count):
        target = torch.rand(3, size, size, generator=rng) * 2 - 1
        output = target + 0.1 * (i + 1) * torch.randn(3, size, size, generator=rng)
        extra = {name: value[i] for name, value in fields.items()}
        made.append(GenDataSample(target=target, reconstruction=output, **extra))
    return made


def evaluate(metric, made):
    """Measure in batches of two, as the Runner does."""
    evaluator = Evaluator(metric)
    for start in range(0, len(made), 2):
        evaluator.process(data_samples=made[start : start + 2])
    return evaluator.evaluate(len(made))


def test_means_over_images_not_over_batches():
    made = samples(base_distance=torch.arange(5.0))
    result = evaluate(METRICS.build(dict(type='ReconstructionMetric')), made)
    target = torch.stack([s.target for s in made])
    output = torch.stack([s.reconstruction for s in made])
    assert set(result) == {f'reconstruction/{name}' for name in ('psnr', 'mse', 'base_distance')}
    assert result['reconstruction/psnr'] == pytest.approx(float(psnr(output, target).mean()))
    error = float((output.clamp(-1, 1) - target).square().mean())
    assert result['reconstruction/mse'] == pytest.approx(error, rel=1e-5)
    assert result['reconstruction/base_distance'] == 2.0


def test_perceptual_distance_is_unweighted():
    made = samples(3)
    config = dict(type='LPIPSLoss', net='squeeze', backbone='random', loss_weight=7.0)
    metric = ReconstructionMetric(perceptual=config, prefix='other')
    result = evaluate(metric, made)
    loss = MODULES.build(config)
    distances = [
        float(loss(s.reconstruction[None], loss.prepare(s.target[None])).detach()) for s in made
    ]
    assert set(result) == {'other/psnr', 'other/mse', 'other/perceptual'}
    assert result['other/perceptual'] == pytest.approx(sum(distances) / 3, rel=1e-4)


def test_a_second_evaluation_starts_anew():
    metric, made = ReconstructionMetric(), samples()
    assert evaluate(metric, made) == evaluate(metric, made)
    assert evaluate(metric, made[:1]) != evaluate(metric, made)
