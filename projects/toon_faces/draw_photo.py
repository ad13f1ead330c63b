# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw one photo with toon faces, such as demo/photo.jpg."""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import sys

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.outputs import atomic_write

from .photos import SCENES, draw_photo

_MAKER = 'draw-toon-photo'
EXAMPLES = """
python -m projects.toon_faces.draw_photo demo/photo.jpg --seed evening237 --faces h107 h82 \\
    --scene hills --sides 0.45 0.62
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('out', metavar='OUT', help='the photo to write, .jpg or .png')
    parser.add_argument(
        '--seed', default='photo', help='decides everything but the faces (default: photo)'
    )
    parser.add_argument(
        '--faces', nargs='+', default=['h0', 'h1'], help='their seeds (default: h0 h1)'
    )
    parser.add_argument(
        '--scene',
        choices=SCENES,
        default='texture',
        help='what is behind them (default: texture)',
    )
    parser.add_argument(
        '--sides',
        type=float,
        nargs=2,
        default=(0.2, 0.45),
        metavar=('LEAST', 'MOST'),
        help="sides of the faces, as shares of the photo's shorter side (default: 0.2 0.45)",
    )
    args = parser.parse_args(argv)
    if not 0 < args.sides[0] <= args.sides[1]:
        parser.error(f'--sides are 0 < LEAST <= MOST, but got {args.sides[0]:g} {args.sides[1]:g}')
    if not args.out.lower().endswith(('.jpg', '.png')):
        parser.error(f'OUT ends in .jpg or .png, but got {args.out!r}')
    return args


def main(argv=None):
    args = parse_args(argv)
    check_outputs([args.out], _MAKER)
    photo, drawn = draw_photo(
        args.seed,
        (1500, 1000),
        faces=args.faces,
        scene=args.scene,
        sides=args.sides,
        turn=30,
    )
    claim_outputs([args.out], _MAKER)
    atomic_write(args.out, lambda temporary: photo.save(temporary, quality=90))
    for face in drawn:
        say(f'{face.seed}: --window {face.square}')
    if missing := set(args.faces) - {face.seed for face in drawn}:
        say(f'note: no room for {", ".join(sorted(missing))}', file=sys.stderr)


if __name__ == '__main__':
    run_tool(main)
