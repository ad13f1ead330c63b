# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw the toon-face sets: training faces, and held-out faces that are moved out of alignment."""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

from tqdm import tqdm

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.io import claim_folder
from projects.toon_faces import MOVES, draw_set

EXAMPLES = """
python -m projects.toon_faces.draw --out-dir data/toon128 --size 128 --train-move small
python -m projects.toon_faces.draw --out-dir data/few --train 100 --heldout 4
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_out_dir('folder for the sets', default='data/toon64')
    parser.add_argument(
        '--size', type=int, default=64, help='side of the images in pixels (default: 64)'
    )
    parser.add_argument(
        '--train', type=int, default=20000, help='number of training faces (default: 20000)'
    )
    parser.add_argument(
        '--train-move',
        choices=('aligned', 'small'),
        default='aligned',
        help='whether training faces are aligned exactly, or moved a little as faces in photos are '
        '(default: aligned)',
    )
    parser.add_argument(
        '--heldout', type=int, default=32, help='held-out faces of each kind (default: 32)'
    )
    parser.add_argument('--workers', type=int, default=2, help='number of processes (default: 2)')
    args = parser.parse_args(argv)
    if args.size < 8 or args.train < 0 or args.heldout < 0 or args.workers < 1:
        parser.error('--size must be 8 or more, --workers 1 or more, and the counts not negative')
    return args


def main(argv=None):
    args = parse_args(argv)

    def draw(name, seeds, move='aligned'):
        if args.into_existing:
            claim_folder(f'{args.out_dir}/{name}', 'draw-toon-faces', into_existing=True)
        progress = lambda rows, total: tqdm(rows, total=total, desc=name)  # noqa: E731
        return draw_set(
            f'{args.out_dir}/{name}',
            seeds,
            size=args.size,
            move=move,
            workers=args.workers,
            progress=progress,
        )

    draw('train', [f't{i}' for i in range(args.train)], args.train_move)
    for move in MOVES:
        draw(f'heldout_{move}', [f'h{i}' for i in range(args.heldout)], move)
    say(f'Drawn into {args.out_dir}: train ({args.train}) and heldout_* ({args.heldout} each).')


if __name__ == '__main__':
    run_tool(main)
