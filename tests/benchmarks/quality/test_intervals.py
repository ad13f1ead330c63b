# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks.quality.intervals import Interval, mean_interval, paired_interval

VALUES = np.random.default_rng(5).gamma(2.0, size=64)


def test_the_interval_is_scipys():
    found = mean_interval(VALUES)
    expected = bootstrap(
        (VALUES,), np.mean, n_resamples=20_000, method='percentile', rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.mean == pytest.approx(VALUES.mean()) and found.count == 64
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.06 * width)
    assert found.high == pytest.approx(expected.high, abs=0.06 * width)


def test_the_seed_decides_and_nan_is_left_out():
    assert mean_interval(VALUES) == mean_interval(VALUES)
    assert mean_interval(VALUES) != mean_interval(VALUES, seed=1)
    assert mean_interval([*VALUES, np.nan]) == mean_interval(VALUES)
    assert mean_interval([np.nan]).count == 0
    assert mean_interval([3.0]) == Interval(3.0, 3.0, 3.0, 1)


def test_pairs_cancel_what_faces_have_in_common():
    shift = paired_interval(VALUES + 0.1, VALUES)
    assert (shift.low, shift.high) == (pytest.approx(0.1), pytest.approx(0.1))
    one_missing = paired_interval([1.0, np.nan, 3.0], [0.0, 0.0, np.nan])
    assert one_missing == Interval(1.0, 1.0, 1.0, 1)
    with pytest.raises(ValueError, match=r'the same faces, but got \(2,\) and \(3,\)'):
        paired_interval([1, 2], [1, 2, 3])


def test_is_shown_short():
    assert str(Interval(23.456, 22.0, 24.0, 5)) == '23.46 [22.00, 24.00]'
    assert str(Interval(0.0123, 0.01, 0.02, 5)) == '0.012 [0.010, 0.020]'
