# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

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


@pytest.mark.parametrize('history', [{}, {'a': []}])
def test_nothing_to_draw(tmp_path, history):
    with pytest.raises(ValueError, match='history must hold at least one value, but got'):
        plot_losses(history, tmp_path / 'x.png')
    assert os.listdir(tmp_path) == []


def test_unwritable(tmp_path):
    with pytest.raises(OutputError, match='cannot write .*x.png'):
        plot_losses(HISTORY, tmp_path / 'missing' / 'x.png')
