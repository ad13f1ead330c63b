# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from pathlib import Path

import numpy as np
import pytest
import torch

from mmgen_bdinvert.converters import convert_file
from mmgen_bdinvert.models import LatentStatistics

RELEASE = Path(__file__).parents[3] / 'shared' / 'authors_release'


def write(folder, dim=12, seed=0):
    """Write statistics as the authors do: np.cov and np.linalg.eig, in float32, in no order."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dim, dim)) * np.linspace(0.01, 3, dim)
    samples = rng.standard_normal((500, dim)) @ mixing + rng.standard_normal(dim)
    values, vectors = np.linalg.eig(np.cov((samples - samples.mean(0)).T))
    order = rng.permutation(dim)
    folder.mkdir(exist_ok=True)
    np.save(folder / 'mean_latent.npy', samples.mean(0).astype(np.float32))
    np.save(folder / 'eigen_values.npy', values[order].astype(np.float32))
    np.save(folder / 'eigen_vectors.npy', vectors[:, order].astype(np.float32))
    return folder


def by_hand(folder, w):
    """Evaluate v = Λ^(-1/2) Cᵀ (x - μ), x = LeakyReLU(w, 5), for one w, in float64."""
    mean, values, vectors = (
        np.load(folder / f'{name}.npy').astype(np.float64)
        for name in ('mean_latent', 'eigen_values', 'eigen_vectors')
    )
    x = np.array([entry if entry >= 0 else 5 * entry for entry in w]) - mean
    return values, np.array([vectors[:, i] @ x / values[i] ** 0.5 for i in range(len(values))])


def check_whitening(folder, out, tolerance):
    done = convert_file(folder, out, 'bdinvert-pnorm')
    assert (done.used, dict(done.set_aside)) == (3, {})
    statistics = LatentStatistics(out)
    dim = len(statistics.mean)
    w = np.random.default_rng(1).standard_normal(dim).astype(np.float32)
    values, wanted = by_hand(folder, w)
    assert (np.diff(values) > 0).any()  # the file's are not sorted
    order = np.argsort(-values, kind='stable')
    above = values[order] > statistics.floor * values.max()
    found = statistics.whiten(torch.from_numpy(w).double()).numpy()
    np.testing.assert_allclose(found[above], wanted[order][above], **tolerance)
    return statistics, above, found, wanted[order]


def test_whitening_is_the_formula_evaluated_by_hand(tmp_path):
    folder = write(tmp_path / 'pnorm')
    tolerance = dict(rtol=1e-5, atol=1e-4)
    _, above, _, _ = check_whitening(folder, tmp_path / 's.safetensors', tolerance)
    assert above.all()


@pytest.mark.skipif(not RELEASE.is_dir(), reason="the authors' files are not at hand")
def test_the_files_of_the_authors(tmp_path):
    tolerance = dict(rtol=1e-4, atol=1e-3)
    statistics, above, found, wanted = check_whitening(
        RELEASE, tmp_path / 's.safetensors', tolerance
    )
    # One of 512 eigenvalues lies under the floor, and shrinks instead of being blown up.
    assert above.sum() == 511
    assert (np.abs(found) <= np.abs(wanted) * (1 + 1e-4) + 1e-3).all()
    assert statistics.eigenvalues[0] == pytest.approx(29.9296, abs=1e-4)


def test_files_that_are_no_statistics_are_refused(tmp_path):
    folder, out = write(tmp_path / 'pnorm'), tmp_path / 's.safetensors'
    vectors = np.load(folder / 'eigen_vectors.npy')
    for content, match in (
        (vectors[:5], 'shapes'),
        (vectors + 0.1, 'orthonormal'),
        (vectors * np.nan, 'not finite'),
        (np.array([['a']]), 'not a readable array of numbers'),
        (np.array([{}], dtype=object), 'not a readable array of numbers'),  # a pickle
    ):
        np.save(folder / 'eigen_vectors.npy', content, allow_pickle=True)
        with pytest.raises(ValueError, match=match):
            convert_file(folder, out, 'bdinvert-pnorm')
    (folder / 'eigen_vectors.npy').unlink()
    with pytest.raises(FileNotFoundError, match='has no eigen_vectors.npy'):
        convert_file(folder, out, 'bdinvert-pnorm')
    assert not out.exists()
