# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw docs/images/performance.svg: how much faster than mmgen's own modules, from the figures in
docs/performance.csv, which has the command of each.

python docs/draw_performance.py
"""

import csv
from pathlib import Path

import matplotlib

matplotlib.use('svg')
matplotlib.rcParams['svg.hashsalt'] = 'performance'  # the same file each time

import matplotlib.pyplot as plt  # noqa: E402

FIGURES = Path(__file__).with_name('performance.csv')
OUT = Path(__file__).parent / 'images/performance.svg'
INK = '#1f2933'
# Okabe and Ito's colours, distinguishable with every common colour vision.
COLOURS = {'float32': '#0072B2', 'gradients in bfloat16': '#E69F00', 'bfloat16': '#D55E00'}
ABOVE_THE_LINE = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 1}


def read_figures():
    """Return the rows of the table: what was measured, on which side, how often the baseline's."""
    with FIGURES.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def main():
    rows = [row for row in read_figures() if row['side'] in COLOURS and row['unit'] != 'MiB']
    figure, axes = plt.subplots(figsize=(5.4, 6.2), facecolor='white', layout='constrained')
    y, last = 0.0, None
    for row in rows:
        if row['what'] != last:  # its name above its bars: narrow enough for a phone
            y += 0.6 * (last is not None)
            name = row['what'].replace('`', '')
            axes.text(0, y, name, fontsize=9, va='center', color=INK, bbox=ABOVE_THE_LINE)
            y, last = y + 1, row['what']
        times = float(row['times'])
        axes.barh(y, times, 0.85, color=COLOURS[row['side']], label=row['side'])
        axes.text(times + 0.15, y, f'{row["times"]}×', fontsize=9, va='center', color=INK)
        y += 1
    axes.axvline(1, color=INK, linewidth=1)
    axes.set(xlim=(0, 16), ylim=(y, -0.8), yticks=[], xlabel='times as fast as unmodified mmgen')
    for side in ('top', 'left', 'right'):
        axes.spines[side].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    figure.legend(
        [handles[side] for side in COLOURS],
        COLOURS,
        loc='outside upper center',
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    figure.savefig(OUT, metadata={'Date': None})


if __name__ == '__main__':
    main()
