# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw docs/images/architecture.svg: what becomes of a photo, and the rooms of the package."""

from pathlib import Path

import matplotlib

matplotlib.use('svg')
matplotlib.rcParams['svg.hashsalt'] = 'architecture'  # the same file each time

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch  # noqa: E402

INK, PAPER = '#1f2933', '#ffffff'
DATA, WORK, EDGE = '#fff3d6', '#dbeafe', '#e5e7eb'
# name: (x, y, width, text, package, colour); a package is written under the text
BOXES = {
    'photo': (0.0, 4, 1.7, 'photo, moved', 'io', DATA),
    'encoder': (2.3, 4, 1.7, 'encoder E', 'models', WORK),
    'base': (4.6, 4.55, 2.1, 'base code f\ngeometry', 'structures', DATA),
    'detail': (4.6, 3.25, 2.1, 'detail code w_M+\nsemantics', 'structures', DATA),
    'generator': (7.3, 4, 1.9, 'generator G\nfrozen, split', 'models.generators', WORK),
    'losses': (9.8, 4, 1.9, 'losses\nimage, base, detail', 'models.losses', WORK),
    'motion': (4.6, 6.1, 2.1, "motion T'(f)", 'geometry', WORK),
    'direction': (4.6, 1.7, 2.1, 'direction w + αd', 'editing', WORK),
    'statistics': (9.8, 1.7, 1.9, 'P-norm+ statistics', 'models', DATA),
    'picture': (7.3, 6.1, 1.9, 'moved, edited\npicture', 'visualization, io', DATA),
}
# from, to, text, bend
ARROWS = [
    ('photo', 'encoder', '', 0),
    ('encoder', 'base', 'f0', 0),
    ('base', 'generator', '', 0),
    ('detail', 'generator', '', 0),
    ('generator', 'losses', 'image', 0),
    ('losses', 'detail', 'gradients: optimise f and w_M+', -0.35),
    ('motion', 'base', '', 0),
    ('direction', 'detail', '', 0),
    ('statistics', 'losses', 'v²', 0),
    ('generator', 'picture', '', 0),
]
# The rooms from the highest to the lowest: each imports only what stands below it.
LAYERS = [
    ('tools/ · bdinvert_cli', 'arguments, read before torch is imported; sentences, exit codes'),
    ('studio · report', 'the page in the browser; results as one page'),
    ('apis', 'invert, edit, transform, render, find_directions: all of it as functions'),
    ('jobs', 'photos in, results out: manifests, resumed folders, several processes, memory'),
    ('engine', "mmengine's Runner, hooks, configs"),
    (
        'editing · converters · datasets · evaluation · photos',
        'directions; files of other programs; metrics',
    ),
    ('visualization', 'pictures and plots'),
    ('models', 'generators, losses, inverters, acceleration; encoder, statistics, checkpoints'),
    ('structures', 'a latent code, the result of an inversion'),
    ('io · geometry · utils', 'images and tensors on disk; motions of maps'),
    ('compat', 'what mmgen 1.0.0rc0 and mmcv lack; mmengine · torch'),
]
HEIGHT = 0.85


def box(axes, x, y, width, text, package, colour, height=HEIGHT):
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle='round,pad=0.02,rounding_size=0.1', fc=colour, ec=INK
    )
    axes.add_patch(shape)
    axes.text(x + width / 2, y + height * 0.62, text, ha='center', va='center', fontsize=9)
    axes.text(
        x + width / 2, y + 0.13, package, ha='center', va='center', fontsize=7, style='italic'
    )
    return shape


def main():
    figure, axes = plt.subplots(figsize=(11, 9.4), facecolor=PAPER)
    shapes = {name: box(axes, *values) for name, values in BOXES.items()}
    for start, end, text, bend in ARROWS:
        a, b = (BOXES[name] for name in (start, end))
        centres = [(x + width / 2, y + HEIGHT / 2) for x, y, width, *_ in (a, b)]
        arrow = FancyArrowPatch(
            *centres,
            patchA=shapes[start],
            patchB=shapes[end],
            arrowstyle='-|>',
            mutation_scale=12,
            connectionstyle=f'arc3,rad={bend}',
            color=INK,
        )
        axes.add_patch(arrow)
        middle = [(p + q) / 2 for p, q in zip(*centres)]
        drop = 1.35 if bend else -0.12
        aside = 0.2 if centres[0][0] == centres[1][0] else 0
        axes.text(middle[0] + aside, middle[1] - drop, text, ha='center', fontsize=7.5, color=INK)
    for row, (left, right) in enumerate(LAYERS):
        y = 0.55 - 0.4 * row
        axes.add_patch(plt.Rectangle((0, y), 11.7, 0.36, fc=EDGE, ec=PAPER))
        axes.text(0.15, y + 0.18, left, va='center', fontsize=8, weight='bold')
        axes.text(4.3, y + 0.18, right, va='center', fontsize=8)
    axes.set(xlim=(-0.1, 11.8), ylim=(-3.6, 7.1))
    axes.axis('off')
    out = Path(__file__).with_name('images') / 'architecture.svg'
    figure.savefig(out, bbox_inches='tight', metadata={'Date': None})


if __name__ == '__main__':
    main()
