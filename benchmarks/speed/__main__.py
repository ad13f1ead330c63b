# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Time this package against unmodified mmgen modules, the plain side.

A generator of StyleGAN2's full width with random weights is inverted and trained on. The sides take
turns and medians are compared, so that other load on the machine affects all of them. Errors of a
step's image and gradients are relative to mmgen's modules in float64. Memory is measured in a
process for each side. Two parts are measured only with --only: the statistics, of 100,000 style
vectors, and the objective, for which pictures are inverted completely, by the plain side with the
paper's schedule and with the shorter presets; at 256 that takes hours. The last line is a summary.
"""

from __future__ import annotations

from pathlib import Path

from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say

_PARTS = ('step', 'encoder', 'memory')
_ON_REQUEST = ('statistics', 'objective')

EXAMPLES = """
python -m benchmarks.speed --only step --size 256 --repeats 3
python -m benchmarks.speed --size 256 1024 --batch-size 1 4 --device cuda:0 --json speed.json
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        '--only', choices=_PARTS + _ON_REQUEST, help='one part (default: the first three)'
    )
    parser.add_argument(
        '--size', type=int, nargs='+', default=[256], help='sides of the images (default: 256)'
    )
    parser.add_argument(
        '--batch-size', type=int, nargs='+', default=[1], help='images at a time (default: 1)'
    )
    parser.add_argument(
        '--repeats', type=int, default=5, help='rounds, whose median is shown (default: 5)'
    )
    parser.add_argument(
        '--width', type=int, help="channels of all layers, for a quick trial (default: StyleGAN2's)"
    )
    parser.add_argument('--json', help='file for the results; a plot is drawn beside it')
    group = parser.add_argument_group('objective', 'options of --only objective')
    group.add_argument(
        '--pictures', type=int, default=4, help='number of pictures to invert (default: 4)'
    )
    group.add_argument(
        '--steps', type=int, default=1200, help='steps of the plain side (default: 1200)'
    )
    group.add_argument(
        '--sample',
        type=int,
        help='extrapolate the time of the plain side from this many steps (default: time all)',
    )
    group.add_argument(
        '--goals',
        type=float,
        nargs='+',
        help="each picture's objective by the preset paper, of another run, instead of hours "
        '(with --sample)',
    )
    group.add_argument(
        '--detail-encoder',
        metavar='FOLDER',
        help='start at the prediction of a detail encoder, too, which is trained for the random '
        'weights in this folder first (at 256 for three quarters of an hour; resumes)',
    )
    group.add_argument(
        '--faces', help='config of an inverter of drawn faces (default: random weights)'
    )
    add_device(parser)
    args = parser.parse_args(argv)
    names = ('size', 'batch_size', 'repeats', 'width', 'pictures', 'steps', 'sample')
    parser.check_least(args, 1, *names)
    parser.check_least(args, 2, 'sample')
    if args.goals is not None and (args.sample is None or len(args.goals) != args.pictures):
        parser.error(f'--goals takes a number for each of {args.pictures} pictures, with --sample')
    if args.detail_encoder is not None and args.faces is not None:
        parser.error('--detail-encoder is for random weights; the config of --faces names its own')
    if args.json is not None and Path(args.json).suffix != '.json':
        parser.error(f'--json takes a file that ends in .json, but got {args.json!r}')
    return args


def main(argv=None):
    args = parse_args(argv)
    from tqdm import tqdm

    from mmgen_bdinvert.io import ensure_writable_folder
    from mmgen_bdinvert.utils import check_device, silence_host
    from mmgen_bdinvert.utils.markdown import print_markdown

    from .faces import FaceSetting
    from .machine import describe_machine
    from .measure import measure_encoder, measure_statistics, measure_step
    from .memory import measure_memory
    from .objective import measure_objective
    from .prediction import train_detail_encoder
    from .report import check_speed_files, short_form, speed_table, write_speed
    from .setting import Setting

    timed = dict(step=measure_step, encoder=measure_encoder, statistics=measure_statistics)
    device = check_device(args.device)
    if args.json:
        ensure_writable_folder(Path(args.json).resolve().parent)
        check_speed_files(args.json)
    parts = [args.only] if args.only else _PARTS
    jobs = [(s, b, part) for s in args.size for b in args.batch_size for part in parts]
    rows, setting = [], None
    for size, batch, part in tqdm(jobs, disable=None):
        if part == 'memory':
            rows.append(measure_memory(size, batch, device, args.width))
            continue
        if part == 'objective':
            with silence_host():
                pictures: FaceSetting | Setting
                if args.faces is not None:
                    pictures = FaceSetting(args.faces, args.pictures, device)
                else:
                    pictures = Setting(size, args.pictures, device, args.width, moved=True)
            if args.detail_encoder is not None:
                folder = Path(args.detail_encoder, str(size))
                pictures.detail_encoder = train_detail_encoder(pictures, folder)
            rows.append(
                measure_objective(pictures, args.steps, batch, args.sample, args.goals, tqdm.write)
            )
            continue
        if setting is None or (setting.size, setting.batch) != (size, batch):
            with silence_host():
                setting = Setting(size, batch, device, args.width)
        rows.append(timed[part](setting, args.repeats))
    machine = describe_machine(device)
    print_markdown(speed_table(rows))
    say(machine)
    if args.json:
        say(f'Results: {", ".join(map(str, write_speed(rows, args.json, machine)))}')
    say('; '.join(map(short_form, rows)))


if __name__ == '__main__':
    run_tool(main)
