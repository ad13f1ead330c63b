# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest

from mmgen_bdinvert.report.figures import figures_of
from mmgen_bdinvert.report.results import Metric

METRIC = Metric('psnr', 'PSNR', '.1f', more_is_better=True)


def test_bars_count_every_value_once():
    values = np.random.default_rng(0).normal(25, 3, 200)
    found = figures_of(METRIC, values)
    bars = found['bars']
    assert found['count'] == sum(int(bar['says'].split()[-1]) for bar in bars) == 200
    assert len(bars) == 15  # √200, rounded up
    assert max(bar['height'] for bar in bars) == 1
    assert bars[-1]['left'] + bars[-1]['width'] == pytest.approx(1)
    assert found['median'] == f'{np.median(values):.1f}'
    place = (np.median(values) - values.min()) / np.ptp(values)
    assert found['middle'] == pytest.approx(place)


def test_ten_thousand_values_have_few_bars():
    assert len(figures_of(METRIC, range(10_000))['bars']) == 24


def test_one_value_is_one_bar():
    found = figures_of(METRIC, [7.0])
    assert len(found['bars']) == 1
    assert (found['low'], found['median'], found['high']) == ('7.0', '7.0', '7.0')


def test_worse_is_the_other_way_round_where_less_is_better():
    assert METRIC.badness(20) > METRIC.badness(30)
    assert Metric('mse', 'error', '.3f').badness(3) > Metric('mse', 'error', '.3f').badness(2)
