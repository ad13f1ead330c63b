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
from mmgen_bdinvert.photos import Window

from .photos import SCENES, draw_photo

_MAKER = 'draw-toon-photo'
EXAMPLES = (
    'python -m projects.toon_faces.draw_photo demo/photo.jpg --faces h107 h82 --scene hills '
    '--at 150 415 640 17 --at 860 505 590 -21'
)


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
        '--at',
        type=float,
        nargs=4,
        action='append',
        metavar=('X', 'Y', 'SIZE', 'ANGLE'),
        help='where a face is, as --window of bdinvert invert, once for each (default: anywhere)',
    )
    args = parser.parse_args(argv)
    if args.at and len(args.at) != len(args.faces):
        parser.error(f'--at is given for {len(args.at)} of {len(args.faces)} faces')
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
        squares=args.at and [Window(*numbers) for numbers in args.at],
        turn=30,
    )
    claim_outputs([args.out], _MAKER)
    atomic_write(args.out, lambda temporary: photo.save(temporary, quality=90))
    for face in drawn:
        say(f'{face.seed}: --window {face.square}')
    if len(drawn) < len(args.faces):
        lacking = len(args.faces) - len(drawn)
        say(f'note: no room for {lacking} of {len(args.faces)} faces', file=sys.stderr)


if __name__ == '__main__':
    run_tool(main)
