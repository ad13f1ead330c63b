# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from mmgen_bdinvert.evaluation import frechet_distance, precision_recall


def _features(n, shift=0.0, seed=0):
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(5, 5, generator=torch.Generator().manual_seed(9))
    return torch.randn(n, 5, generator=rng) @ mixing + shift


def test_frechet_distance_equals_the_formula_with_scipys_matrix_root():
    a, b = _features(200).double(), _features(150, shift=0.7, seed=1).double()
    mean = np.square(a.mean(0).numpy() - b.mean(0).numpy()).sum()
    ca, cb = np.cov(a.numpy().T), np.cov(b.numpy().T)
    expected = mean + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_survives_fewer_samples_than_dimensions():
    a = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_precision_and_recall_equal_a_loop_over_all_pairs():
    real, fake, k = _features(40).numpy(), _features(30, shift=1.0, seed=1).numpy(), 3

    def covered(points, centres):
        radius = [np.sort(np.linalg.norm(centres - c, axis=1))[k] for c in centres]
        inside = [any(np.linalg.norm(p - c) <= r for c, r in zip(centres, radius)) for p in points]
        return np.mean(inside)

    expected = covered(fake, real), covered(real, fake)
    assert 0 < expected[0] < 1  # the case says something
    assert precision_recall(torch.tensor(real), torch.tensor(fake), k) == pytest.approx(expected)


def test_precision_falls_and_recall_stays_when_fakes_also_leave_the_manifold():
    real = _features(200)
    fake = torch.cat([_features(200, seed=1), _features(200, shift=100.0, seed=2)])
    precision, recall = precision_recall(real, fake)
    assert precision == pytest.approx(0.5, abs=0.05)
    assert recall > 0.9


def test_too_few_features_are_refused():
    with pytest.raises(ValueError, match='more than 3 features in each set, but got 3 and 9'):
        precision_recall(torch.zeros(3, 2), torch.zeros(9, 2))
