# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Move and edit inverted images.

For each code OUT_DIR/<name>/ gets edited.png, code.safetensors and comparison.png; with several
strengths edited_<strength>.png and code_<strength>.safetensors for each. The run gets
contact_sheet.png. Motions: flip, then scale, then rotate, then shift. Exit code: 0 if all codes
were edited, 1 if some were not, 2 after a wrong command.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys

from tqdm import tqdm

logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)  # "No CUDA runtime"
try:
    from mmgen_bdinvert import apis
    from mmgen_bdinvert.editing import load_direction
    from mmgen_bdinvert.geometry import GeometricTransform
    from mmgen_bdinvert.io import ensure_writable_folder
    from mmgen_bdinvert.utils.cli import ToolParser, check_device, run_tool, silence_host
except ImportError as error:  # a package is missing: the message says which
    sys.exit(f'error: {error}')


def layers(text):
    match = re.fullmatch(r'(\d+)(?:-(\d+))?', text)
    chosen = list(range(int(match[1]), int(match[2] or match[1]) + 1)) if match else []
    if not chosen:
        raise argparse.ArgumentTypeError(f'{text!r} is neither a layer nor a range like 4-7')
    return chosen


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('codes', nargs='+', help='code files, or result folders of tools/invert.py')
    parser.add_argument('--out-dir', required=True, help='folder for the results')
    parser.add_argument('--config', help='their config: the one that tools/invert.py left there')
    parser.add_argument(
        '--direction', nargs='+', default=[], metavar='FILE', help='directions, which are added up'
    )
    parser.add_argument(
        '--strength', nargs='+', type=float, metavar='S', help='factors of the directions: 1'
    )
    parser.add_argument(
        '--layers', nargs='+', type=layers, metavar='A-B', help='w+ layers to edit: all there are'
    )
    parser.add_argument(
        '--shift',
        nargs=2,
        type=float,
        default=(0.0, 0.0),
        metavar=('DX', 'DY'),
        help='motion to the right and down, as fractions of the image',
    )
    parser.add_argument(
        '--rotate', type=float, default=0.0, metavar='DEGREES', help='counter-clockwise'
    )
    parser.add_argument('--scale', type=float, default=1.0, metavar='S', help='enlargement')
    parser.add_argument('--flip', action='store_true', help='mirror left-right')
    parser.add_argument('--device', help='such as cpu or cuda:0: the GPU if there is one')
    parser.add_cfg_options()
    args = parser.parse_args(argv)
    if not args.direction and (args.strength or args.layers):
        parser.error('--strength and --layers belong to a --direction, but there is none')
    args.move = GeometricTransform(tuple(args.shift), args.rotate, args.scale, args.flip)
    if not args.direction and args.move.is_identity:
        parser.error('there is nothing to do: give a --direction, or a motion')
    return args


def main(argv=None):
    args = parse_args(argv)
    # Everything that needs no network is checked before one is built.
    directions = [load_direction(path) for path in args.direction]
    device = check_device(args.device)
    codes = apis.find_codes(args.codes)
    config = apis.load_config(args.config or apis.recorded_config(codes), args.cfg_options)
    ensure_writable_folder(args.out_dir)
    with silence_host():
        generator = apis.init_generator(config, device)

    with tqdm(total=len(codes), desc='codes', disable=None) as bar:

        def on_code(outcome):
            bar.update()
            if outcome.reason:
                bar.write(f'error: {outcome.reason}', file=sys.stderr)

        outcomes = apis.edit_files(
            generator,
            codes,
            args.out_dir,
            directions=directions,
            strengths=args.strength or [1.0],
            layers=sum(args.layers, []) if args.layers else None,
            move=args.move,
            on_code=on_code,
        )
    done = sum(outcome.status == 'done' for outcome in outcomes)
    print(f'{done} of {len(outcomes)} codes edited. Results: {args.out_dir}')
    return 0 if done == len(outcomes) else 1


if __name__ == '__main__':
    run_tool(main)
