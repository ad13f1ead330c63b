# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Make a video of moving and editing inverted images.

With one code, the video goes from it along the directions and to the motion; with several, from
each to the next as well. The ending of the file gives the format: .mp4 (H.264), .gif or .webp.

Motions grow from none: shift, angles and corners by equal steps, a scale by equal factors. A single
strength grows from 0; several, such as --strength -3 3 or --strength -3:3:7, follow each other.
With --align the motion is the one that took the photo out of alignment, and is undone. With
--whole-photo the video shows the photo that the window of one code is from, 1,920 pixels a side at
most. Exit code: 0 if all codes were shown, 1 if some were left out, 2 after a wrong command.
"""

from __future__ import annotations

import itertools
import sys

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import (
    add_device,
    add_direction_options,
    add_motion_options,
    shield_ranges,
)
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_codes, check_directions
from bdinvert_cli.running import run_tool, say
from bdinvert_cli.sentences import one_sentence

EXAMPLES = """
bdinvert make-video results/photo --rotate 30 --shift 0.2 0 --out-file turn.mp4
bdinvert make-video results/photo --direction age.pt --strength -3 3 --loop --out-file age.webp
bdinvert make-video results/group_1 --direction age.pt --whole-photo --out-file group.mp4
bdinvert make-video results/a results/b results/c --frames 90 --out-file between.gif
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('codes', nargs='+', help='code files, also foreign ones, or result folders')
    parser.add_argument('--out-file', required=True, help='the video: .mp4, .gif or .webp')
    parser.add_argument(
        '--config', help='their config (default: the model in settings.json beside them)'
    )
    parser.add_argument('--frames', type=int, default=60, help='number of frames (default: 60)')
    parser.add_argument('--fps', type=float, default=30, help='frames a second (default: 30)')
    parser.add_argument(
        '--whole-photo', action='store_true', help='show the photo that the code is a window of'
    )
    parser.add_argument(
        '--loop', action='store_true', help='return to the start in the second half'
    )
    add_direction_options(parser)
    add_motion_options(parser)
    parser.add_argument(
        '--batch-size', type=int, default=8, help='frames rendered at a time (default: 8)'
    )
    add_device(parser)
    parser.add_cfg_options()
    args = parser.parse_args(shield_ranges(sys.argv[1:] if argv is None else argv))
    if args.and_back:
        parser.error('--and-back belongs to tools/edit.py; a video shows one view')
    if args.align == 'auto':
        parser.error('--align auto belongs to tools/edit.py; give the motion of a video')
    if args.batch_size < 1:
        parser.error(f'--batch-size must be 1 or more, but got {args.batch_size}')
    return args


def main(argv=None):
    args = parse_args(argv)
    if args.config is not None:
        find_config(args.config)
    check_codes(args.codes)
    check_directions(args.direction)
    from tqdm import tqdm

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.apis.codes import load_codes
    from mmgen_bdinvert.apis.whole_photos import one_place
    from mmgen_bdinvert.editing import named_directions, read_directions
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.engine.config import pivot_of
    from mmgen_bdinvert.geometry import read_motion
    from mmgen_bdinvert.io import check_outputs, claim_outputs, save_video
    from mmgen_bdinvert.io.video import check_video_path
    from mmgen_bdinvert.utils import check_device, silence_host

    # Everything that needs no network is checked before one is built.
    move = read_motion(args)
    check_video_path(args.out_file, args.fps)
    device = check_device(args.device)
    files = apis.find_codes(args.codes)
    check_outputs([args.out_file], 'make-video', files)
    place = one_place(files) if args.whole_photo else None
    config = apis.load_config(
        args.config or apis.recorded_config(files), read_settings(args.cfg_options)
    )
    names = named_directions(pivot_of(config.model).get('generator') or {})
    directions, strengths = read_directions(args, names)
    with silence_host():
        generator = apis.init_generator(config, device)
    refused = []

    def on_refused(error):
        refused.append(error)
        say(f'error: {one_sentence(error)}', file=sys.stderr)

    frames = apis.animate(
        generator,
        load_codes(
            files, generator, on_refused, lambda note: say(f'note: {note}', file=sys.stderr)
        ),
        directions=directions,
        strengths=strengths,
        move=move,
        align=bool(args.align),
        padding_mode=args.padding_mode,
        sampling=args.sampling,
        frames=args.frames,
        loop=args.loop,
        batch_size=args.batch_size,
        place=place,
    )
    bar = tqdm(frames, total=args.frames, desc='frames', disable=None)
    pictures = iter(bar)
    first = next(pictures)  # what is wrong with the frames is said before the file is claimed
    claim_outputs([args.out_file], 'make-video')
    save_video(args.out_file, itertools.chain([first], pictures), args.fps)
    say(f'Video: {args.out_file}')
    return 1 if refused else 0


if __name__ == '__main__':
    run_tool(main)
