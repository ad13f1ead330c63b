# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
import sys

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure

from benchmarks.equivariance.measure import EquivarianceRow
from benchmarks.equivariance.plot import plot_equivariance
from benchmarks.speed.plot import plot_ratios
from mmgen_bdinvert.io import OutputError, read_image
from mmgen_bdinvert.visualization import plot_losses

HISTORY = {
    'pixel': [0.4, 0.2, 0.1],
    'total': [1.4, 0.7, 0.35],
    'P-norm': [0.0, 0.01, float('nan')],
}


@pytest.fixture()
def drawn(monkeypatch):
    """Figures that were saved, with the file name they were given."""
    figures = []
    save = Figure.savefig

    def record(self, path, *args, **kwargs):
        figures.append(self)
        return save(self, path, *args, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', record)
    return figures


def curves(figure):
    (axes,) = figure.axes
    return {line.get_label().split('  ')[0]: line for line in axes.lines}


def test_writes_a_picture_and_nothing_else(tmp_path):
    plot_losses(HISTORY, tmp_path / 'losses.png', 'photo')
    assert os.listdir(tmp_path) == ['losses.png']
    picture = read_image(tmp_path / 'losses.png')
    assert picture.shape[1] > picture.shape[0] > 300
    assert (picture[:5] == 255).all()
    # The curve of the first term is drawn in its colour.
    assert (picture == (0x00, 0x72, 0xB2)).all(axis=-1).sum() > 100


def test_values_axes_and_legend(tmp_path, drawn):
    plot_losses(HISTORY, tmp_path / 'x.png', 'a $photo$_1')
    (axes,) = drawn[0].axes
    assert axes.get_yscale() == 'log' and axes.get_xlim() == (0, 2)
    assert axes.get_title(loc='left') == 'a $photo$_1'
    lines = curves(drawn[0])
    np.testing.assert_array_equal(lines['pixel'].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(lines['pixel'].get_ydata(), HISTORY['pixel'])
    np.testing.assert_array_equal(lines['P-norm'].get_ydata(), [np.nan, 0.01, np.nan])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ['total  0.35', 'pixel  0.1', 'P-norm  nan']
    assert lines['total'].get_linewidth() > lines['pixel'].get_linewidth()


def test_many_terms_all_look_different(tmp_path, drawn):
    plot_losses({f'term {i}': [1, 2 + i] for i in range(12)}, tmp_path / 'x.png')
    looks = {(line.get_color(), line.get_linestyle()) for line in curves(drawn[0]).values()}
    assert len(looks) == 12


def test_one_step_is_visible(tmp_path, drawn):
    plot_losses({'pixel': [0.3]}, tmp_path / 'x.png')
    assert curves(drawn[0])['pixel'].get_marker() == 'o'


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    'history',
    [
        {'a': [0.0, 0.0], 'b': [float('nan'), -1.0]},
        {'a': [], 'b': [1.0, 2.0, 3.0]},
        {'$x_{$': [1.0, float('inf')]},
    ],
    ids=['nothing positive', 'different lengths', 'mathematical notation'],
)
def test_odd_histories_are_drawn_without_a_warning(tmp_path, history):
    plot_losses(history, tmp_path / 'x.png', title='$\\frac{$')
    assert read_image(tmp_path / 'x.png').shape[1] > 300


def test_leaves_the_state_of_pyplot_alone(tmp_path):
    plot_losses(HISTORY, tmp_path / 'x.png')
    if 'matplotlib.pyplot' in sys.modules:
        assert sys.modules['matplotlib.pyplot'].get_fignums() == []


def equivariance(path):
    plot_equivariance(equivariance_rows(), path)


def ratios(path):
    plot_ratios({'step': {'fp32': 2.0}}, path)


@pytest.mark.parametrize('draw', [lambda p: plot_losses(HISTORY, p), equivariance, ratios])
def test_settings_of_the_user_change_nothing(tmp_path, draw):
    """text.usetex asks for LaTeX, which is not there."""
    draw(tmp_path / 'plain.png')
    settings = {
        'text.usetex': True,
        'savefig.dpi': 30,
        'savefig.bbox': 'tight',
        'axes.facecolor': 'red',
        'font.size': 40,
        'figure.autolayout': True,
    }
    with rc_context(settings):
        draw(tmp_path / 'own.png')
        assert {name: rcParams[name] for name in settings} == settings
    assert (tmp_path / 'own.png').read_bytes() == (tmp_path / 'plain.png').read_bytes()


@pytest.mark.parametrize('history', [{}, {'a': []}])
def test_nothing_to_draw(tmp_path, history):
    with pytest.raises(ValueError, match='history must hold at least one value, but got'):
        plot_losses(history, tmp_path / 'x.png')
    assert os.listdir(tmp_path) == []


def test_unwritable(tmp_path):
    with pytest.raises(OutputError, match='cannot write .*x.png'):
        plot_losses(HISTORY, tmp_path / 'missing' / 'x.png')


def equivariance_rows(motion='shift', size=16, magnitudes=(0.0625, 0.1, 0.125)):
    rows = []
    for magnitude in magnitudes:
        cells = magnitude * size if motion == 'shift' else None
        for noise, rmse, inner in (('fixed', 0.2, 0.02), ('off', 0.02, 0.0)):
            rows.append(
                EquivarianceRow(
                    size, motion, magnitude, cells, noise, rmse, inner, 0.5, float('nan')
                )
            )
    return rows


class TestPlotEquivariance:
    def test_a_panel_for_each_motion_and_three_curves_for_each_size(self, tmp_path, drawn):
        rows = equivariance_rows() + equivariance_rows('scale', magnitudes=(0.5, 2, 4))
        rows += equivariance_rows('rotate', magnitudes=(5, 10))
        plot_equivariance(rows, tmp_path / 'x.png', 'a $title$')
        assert os.listdir(tmp_path) == ['x.png']
        shift, scale, rotate = drawn[0].axes
        curves = {line.get_label(): line for line in shift.lines}
        assert shift.get_title(loc='left') == 'a $title$'
        expected = {'16×16': 20, '16×16, no noise': 40, '16×16, no noise, interior': 60}
        for label, decibels in expected.items():  # what is exact is drawn at 60
            x, y = curves[label].get_data()
            np.testing.assert_allclose(x[1:], [0.0625, 0.1, 0.125])
            np.testing.assert_allclose(y[1:], decibels)
        # A line does not run through a scale of 1.
        x, y = scale.lines[0].get_data()
        np.testing.assert_array_equal(x, [0.5, np.nan, 2, 4])
        np.testing.assert_array_equal(np.isnan(y), [False, True, False, False])
        np.testing.assert_array_equal(rotate.lines[0].get_xdata()[1:], [5, 10])

    def test_whole_cells_are_ringed(self, tmp_path, drawn):
        plot_equivariance(equivariance_rows(), tmp_path / 'x.png')
        rings = [line for line in drawn[0].axes[0].lines if line.get_markersize() > 5]
        assert len(rings) == 3
        for ring in rings:
            np.testing.assert_array_equal(ring.get_xdata(), [0.0625, 0.125])
        assert len(drawn[0].legends[0].get_texts()) == 3

    def test_nothing_to_draw(self, tmp_path):
        with pytest.raises(ValueError, match='at least one measurement'):
            plot_equivariance([], tmp_path / 'x.png')
        assert os.listdir(tmp_path) == []
