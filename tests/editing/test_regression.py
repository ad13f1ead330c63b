# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.editing import Regression, fit_direction


def _latents(n=4000, dim=6):
    rng = torch.Generator().manual_seed(0)
    mixing = torch.randn(dim, dim, generator=rng)
    return torch.randn(n, dim, generator=rng) @ mixing + 2, mixing


def test_direction_is_the_mean_change_per_deviation_of_a_linear_score():
    w, mixing = _latents()
    normal = torch.arange(1.0, 7.0)
    direction, r2 = fit_direction(w, w @ normal + 3)
    covariance = mixing.T @ mixing  # w = z M + 2
    expected = covariance @ normal / (normal @ covariance @ normal).sqrt()
    torch.testing.assert_close(direction, expected, rtol=0.1, atol=0.15)  # 3,200 samples
    assert r2 > 0.999
    # strength 1 is one standard deviation of the score
    assert float(direction @ normal / (w @ normal).std()) == pytest.approx(1, rel=0.02)


def test_accuracy_is_measured_on_samples_that_were_held_out():
    w, _ = _latents(n=200, dim=150)
    noise = torch.randn(200, generator=torch.Generator().manual_seed(1))
    assert fit_direction(w, noise)[1] < 0.3  # in the sample, 150 weights would explain nearly all


def test_scores_must_fit_and_vary():
    w, _ = _latents(n=10)
    with pytest.raises(ValueError, match=r'scores \(n,\), but got \(10, 6\) and \(9,\)'):
        fit_direction(w, torch.zeros(9))
    with pytest.raises(ValueError, match='scores that vary'):
        fit_direction(w, torch.ones(10))


def test_the_finder_gives_a_deviation_of_w():
    w, _ = _latents()
    normal = torch.arange(1.0, 7.0)
    (found,) = Regression(labels='unused.csv').fit(w, {'a': w @ normal})
    vector = found.vector[0]
    plain, r2 = fit_direction(w, w @ normal)
    torch.testing.assert_close(vector / vector.norm(), plain / plain.norm())
    assert float(vector.norm()) == pytest.approx(float((w @ (vector / vector.norm())).std()), 1e-4)
    assert found.name == 'a' and found.notes == {'held_out_r2': f'{r2:.3f}'}
