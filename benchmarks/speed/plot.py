# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A bar for each side of each measurement."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mmgen_bdinvert.visualization.drawing import new_figure, own_style, save_figure

__all__ = ['plot_ratios']

_COLOURS = {
    'fp32': '#0072B2',
    'bf16': '#D55E00',
    'bf16 gradients': '#E69F00',
    'checkpointed': '#009E73',
    'bf16 checkpointed': '#CC79A7',
}


@own_style
def plot_ratios(
    ratios: Mapping[str, Mapping[str, float]], path: str | os.PathLike, title: str = ''
) -> None:
    """Draw ratios to the baseline, and save the figure.

    Args:
        ratios (Mapping[str, Mapping[str, float]]): By measurement and side.
        path (str | os.PathLike): Picture to write (atomically); its suffix gives the format.
        title (str): Line above the plot. Defaults to ''.

    Raises:
        OutputError: The file cannot be written.
    """
    bars = [(name, side, value) for name, by in ratios.items() for side, value in by.items()]
    figure = new_figure(8, 1 + 0.3 * len(bars))
    axes = figure.add_subplot()
    drawn = axes.barh(
        [f'{name}: {side}' for name, side, _ in bars],
        [value for *_, value in bars],
        color=[_COLOURS.get(side, '#707070') for _, side, _ in bars],
    )
    axes.margins(x=0.1)  # room for the figures
    axes.bar_label(drawn, fmt='%.2f', padding=3)
    axes.axvline(1, color='#262626', linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel('times better than the plain baseline')
    axes.set_title(title, loc='left', fontsize=9, parse_math=False)
    save_figure(figure, path)
