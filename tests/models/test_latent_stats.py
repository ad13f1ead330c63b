# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os

import numpy as np
import pytest
import torch
from mmgen.registry import MODULES
from safetensors.torch import save_file

import mmgen_bdinvert  # noqa: F401
from mmgen_bdinvert.models.latent_stats import LatentStatistics, merged_moments

DIM = 6


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mapping(z):
    """Curve and mix z; exact enough in float64 to compare batch sizes."""
    mix = torch.randn(DIM, DIM, generator=seeded(9), dtype=torch.float64)
    return (z.double() @ mix).tanh() * torch.logspace(0, -2, DIM).double() + 0.1


def random_statistics(dim=DIM, spectrum=None, **kwargs):
    components = torch.linalg.qr(torch.randn(dim, dim, generator=seeded(1)).double())[0]
    mean = torch.randn(dim, generator=seeded(2)).double()
    if spectrum is None:
        spectrum = torch.rand(dim, generator=seeded(3)).double() + 0.1
    return LatentStatistics(mean=mean, components=components, eigenvalues=spectrum, **kwargs)


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


@pytest.mark.parametrize('batch_size', [7, 1000, 4096, 10**6])
def test_moments_equal_numpy_whatever_the_batch_size(batch_size):
    drawn = []

    def recording(z):
        assert len(z) <= batch_size
        drawn.append(z)
        return mapping(z)

    sizes = dict(num_samples=5000, batch_size=batch_size)
    fitted = LatentStatistics.fit(recording, DIM, generator=seeded(), **sizes)
    reference_z = torch.randn(2 * 4096, DIM, generator=seeded())[:5000]
    assert torch.equal(torch.cat(drawn), reference_z)  # so every batch size sees the same latents
    x = leaky(mapping(reference_z).numpy(), 5)
    np.testing.assert_allclose(fitted.mean, x.mean(0), rtol=0, atol=1e-6)  # kept in float32
    covariance = fitted.components @ fitted.eigenvalues.diag() @ fitted.components.T
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False), rtol=0, atol=1e-5)
    mean, covariance = merged_moments(torch.from_numpy(x).split(batch_size))
    np.testing.assert_allclose(mean, x.mean(0), rtol=0, atol=1e-10)
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False), rtol=0, atol=1e-10)


def test_moments_do_not_cancel_far_from_zero():
    x = torch.randn(9000, DIM, generator=seeded()).double() * 1e-4 + 1e5
    _, covariance = merged_moments(x.split(100))
    # E[x²] - E[x]² would be wrong by 1e-6 here; the covariance is 1e-8.
    np.testing.assert_allclose(covariance, np.cov(x, rowvar=False), rtol=1e-4, atol=1e-13)


def test_progress_reaches_the_total_and_gradients_are_off():
    calls = []
    layer = torch.nn.Linear(DIM, DIM)
    sizes = dict(num_samples=10, batch_size=4)
    watched = dict(generator=seeded(), progress=lambda *call: calls.append(call))
    fitted = LatentStatistics.fit(layer, DIM, **watched, **sizes)
    assert calls == [(4, 10), (8, 10), (10, 10)]
    assert not fitted.mean.requires_grad


@pytest.mark.parametrize(
    'function, kwargs, message',
    [
        (mapping, dict(num_samples=1), 'num_samples is a whole number of at least 2'),
        (mapping, dict(num_samples=8, batch_size=0), 'batch_size is a whole number of at least 1'),
        (lambda z: z[0], dict(num_samples=8), r'into w \(8, D\), but got \(6,\)'),
        (lambda z: z / 0, dict(num_samples=8), 'must give finite latents'),
    ],
)
def test_moments_refuse(function, kwargs, message):
    with pytest.raises(ValueError, match=message):
        LatentStatistics.fit(function, DIM, generator=seeded(), **kwargs)


def test_fit_whitens_fresh_samples():
    options = dict(num_samples=50_000, fingerprint='g1')
    statistics = LatentStatistics.fit(mapping, DIM, generator=seeded(), **options)
    assert (statistics.num_samples, statistics.fingerprint) == (50_000, 'g1')
    v = statistics.whiten(mapping(torch.randn(50_000, DIM, generator=seeded(5))))
    # Sampling error is about 1/sqrt(50,000) = 0.0045 for a mean, and twice, for fit and check.
    np.testing.assert_allclose(v.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(v.numpy(), rowvar=False), np.eye(DIM), atol=0.03)


def test_fit_gives_the_same_space_for_every_batch_size():
    first, second = (
        LatentStatistics.fit(mapping, DIM, num_samples=5000, generator=seeded(), batch_size=size)
        for size in (64, 4096)
    )
    w = mapping(torch.randn(50, DIM, generator=seeded(5)))
    # Not bit for bit: float64 sums differ by 1e-16, which float32 buffers may round apart.
    torch.testing.assert_close(first.whiten(w), second.whiten(w), rtol=0, atol=1e-4)


def test_fit_floors_a_direction_that_never_varies():
    def flat(z):
        return torch.cat([mapping(z)[:, 1:], torch.ones(len(z), 1)], 1)

    statistics = LatentStatistics.fit(flat, DIM, num_samples=1000, generator=seeded())
    largest, smallest = statistics.eigenvalues[0], statistics.eigenvalues[-1]
    assert 0 <= smallest < 1e-14
    torch.testing.assert_close(statistics.deviations[-1], (largest * 1e-8).sqrt())
    v = statistics.whiten(flat(torch.randn(100, DIM, generator=seeded(5))))
    assert v.abs().max() < 20


@pytest.mark.parametrize('slope', [5.0, 2.0])
def test_whiten_is_the_formula(slope):
    statistics = random_statistics(slope=slope).double()
    w = torch.randn(3, 4, DIM, generator=seeded(7), dtype=torch.float64)
    mean, components, eigenvalues = (
        getattr(statistics, name).numpy() for name in ('mean', 'components', 'eigenvalues')
    )
    for i in range(3):
        for j in range(4):
            x = leaky(w[i, j].numpy(), slope)
            v = np.diag(eigenvalues**-0.5) @ components.T @ (x - mean)
            np.testing.assert_allclose(statistics.whiten(w)[i, j], v, atol=1e-12)


def test_unwhiten_is_the_inverse_and_both_differentiate():
    statistics = random_statistics().double()
    w = torch.randn(5, DIM, generator=seeded(7), dtype=torch.float64, requires_grad=True)
    v = torch.randn(5, DIM, generator=seeded(8), dtype=torch.float64, requires_grad=True)
    # The components are float32, hence orthonormal to 1e-7 only.
    torch.testing.assert_close(statistics.unwhiten(statistics.whiten(w)), w, rtol=0, atol=3e-6)
    torch.testing.assert_close(statistics.whiten(statistics.unwhiten(v)), v, rtol=0, atol=3e-6)
    assert torch.autograd.gradcheck(statistics.whiten, w)
    assert torch.autograd.gradcheck(statistics.unwhiten, v)


def test_float32_stays_accurate_on_a_spectrum_like_ffhq():
    spectrum = torch.logspace(1.5, -7.2, 512, dtype=torch.float64)
    statistics = random_statistics(512, spectrum)
    v = torch.randn(64, 512, generator=seeded(7))
    w = statistics.unwhiten(v)
    again = statistics.whiten(w)
    assert again.dtype == torch.float32
    # float32 rounds w by 1e-7 of its size; the floor allows 1e4 times that in v.
    torch.testing.assert_close(again, v, rtol=0, atol=2e-2)
    torch.testing.assert_close(statistics.unwhiten(again), w, rtol=0, atol=1e-5)


def test_autocast_does_not_reach_the_whitening():
    statistics = random_statistics(64, torch.logspace(1, -6, 64))
    w = torch.randn(8, 64, generator=seeded(7))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        v = statistics.whiten(w)
        torch.testing.assert_close(statistics.unwhiten(v), w, rtol=0, atol=1e-4)
    assert torch.equal(v, statistics.whiten(w))
    assert statistics.whiten(w.bfloat16()).dtype == torch.float32


def test_eigenvalues_are_stored_descending_with_their_components():
    statistics = random_statistics()
    order = torch.randperm(DIM, generator=seeded(4))
    shuffled = LatentStatistics(
        mean=statistics.mean.numpy(),  # arrays are as good as tensors
        components=statistics.components[:, order].numpy(),
        eigenvalues=statistics.eigenvalues[order].numpy(),
    )
    assert (statistics.eigenvalues.diff() <= 0).all()
    for name in ('components', 'eigenvalues'):
        assert torch.equal(getattr(shuffled, name), getattr(statistics, name))


def test_clip_by_hand():
    mean, eigenvalues = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 1.0])
    statistics = LatentStatistics(mean=mean, components=torch.eye(2), eigenvalues=eigenvalues)
    w = torch.tensor([[2.0, -0.1], [9.0, -0.4], [-3.0, 0.5]])
    # x = (2, -.5), (9, -2), (-15, .5); v = (.5, -.5), (4, -2), (-8, .5); limit 1.
    expected = torch.tensor([[2.0, -0.1], [3.0, -0.2], [-0.2, 0.5]])
    torch.testing.assert_close(statistics.clip(w, 1.0), expected)


def test_clip_leaves_what_lies_within_untouched():
    statistics = random_statistics()
    w = torch.randn(200, DIM, generator=seeded(7))
    inside = statistics.whiten(w).abs().amax(1) <= 5
    assert 10 < inside.sum() < 190
    assert torch.equal((statistics.clip(w, 5) == w).all(1), inside)


def test_clip_bounds_and_is_idempotent():
    statistics = random_statistics().double()
    w = 5 * torch.randn(200, DIM, generator=seeded(7), dtype=torch.float64)
    clipped = statistics.clip(w, 1.5)
    assert statistics.whiten(w).abs().max() > 3
    assert statistics.whiten(clipped).abs().max() <= 1.5 + 1e-5  # components are float32
    torch.testing.assert_close(statistics.clip(clipped, 1.5), clipped, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match='above 0, but got -1'):
        statistics.clip(w, -1)


def test_save_and_load(tmp_path):
    statistics = random_statistics(slope=3.0, floor=1e-5, fingerprint='g1', num_samples=77)
    path = tmp_path / 'statistics.safetensors'
    statistics.save(path)
    assert os.listdir(tmp_path) == ['statistics.safetensors']
    built = MODULES.build(dict(type='LatentStatistics', path=str(path), floor=1e-4))
    assert (built.floor, built.slope) == (1e-4, 3.0)
    for loaded in (LatentStatistics(path), LatentStatistics(path, fingerprint='g1')):
        facts = (loaded.slope, loaded.floor, loaded.fingerprint, loaded.num_samples)
        assert facts == (3.0, 1e-5, 'g1', 77)
        for name, tensor in statistics.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor)


def test_statistics_of_no_known_generator_fit_any(tmp_path):
    random_statistics().save(tmp_path / 's.safetensors')
    assert LatentStatistics(tmp_path / 's.safetensors', fingerprint='g2').fingerprint == ''


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 's.safetensors'
    random_statistics(num_samples=1).save(path)

    def fail(*args):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='disk full'):
        random_statistics(num_samples=2).save(path)
    assert os.listdir(tmp_path) == ['s.safetensors']
    assert LatentStatistics(path).num_samples == 1


def test_load_refuses(tmp_path):
    path = tmp_path / 's.safetensors'
    with pytest.raises(FileNotFoundError, match='There is no file of latent stat'):
        LatentStatistics(path)
    path.write_bytes(b'not safetensors at all')
    with pytest.raises(ValueError, match='not a readable file of latent statistics'):
        LatentStatistics(path)
    save_file({'base': torch.zeros(3)}, path, {'kind': 'latent_code', 'version': '1'})
    with pytest.raises(ValueError, match='is not a file of latent statistics: make one'):
        LatentStatistics(path)
    save_file({'base': torch.zeros(3)}, path, {'kind': 'latent_statistics', 'version': '7'})
    with pytest.raises(ValueError, match='version 7, but this release reads version 1'):
        LatentStatistics(path)
    save_file({'mean': torch.zeros(3)}, path, {'kind': 'latent_statistics', 'version': '1'})
    with pytest.raises(ValueError, match='mean, components, eigenvalues, but .* has mean'):
        LatentStatistics(path)
    random_statistics(fingerprint='g1').save(path)
    with pytest.raises(ValueError, match=r'another generator \(fingerprint g1…, this one is g2…\)'):
        LatentStatistics(path, fingerprint='g2')


def test_load_refuses_tensors_of_different_dimensions(tmp_path):
    statistics = random_statistics()
    statistics.mean = torch.zeros(DIM + 1)
    statistics.save(tmp_path / 's.safetensors')
    with pytest.raises(ValueError, match=r's.safetensors: .*got \(7,\), \(6, 6\), \(6,\)'):
        LatentStatistics(tmp_path / 's.safetensors')


def good():
    return dict(mean=torch.zeros(2), components=torch.eye(2), eigenvalues=torch.ones(2))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(path='x.safetensors'), 'either path or all of .* got path and mean'),
        (dict(mean=None), 'but got components, eigenvalues'),
        (dict(mean=torch.zeros(3)), r'but got \(3,\)'),
        (dict(components=torch.ones(2, 2)), 'orthonormal'),
        (dict(eigenvalues=torch.tensor([1.0, -0.5])), r'\[-0.5, 1\]'),
        (dict(eigenvalues=torch.zeros(2)), 'nor all zero'),
        (dict(eigenvalues=torch.tensor([1.0, torch.nan])), 'finite'),
        (dict(slope=0), 'slope is a finite number above 0, but got 0'),
        (dict(floor=0), 'floor is a finite number above 0 and below 1, but got 0'),
    ],
)
def test_constructor_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        LatentStatistics(**{**good(), **change})


@pytest.mark.parametrize('method', ['whiten', 'unwhiten'])
def test_vectors_of_another_length_are_refused(method):
    with pytest.raises(ValueError, match=r'length 6, but got a tensor of shape \(3, 5\)'):
        getattr(random_statistics(), method)(torch.zeros(3, 5))
