# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Time this package against mmgen's modules driven plainly, side by side.

A generator of StyleGAN2's full width with random weights is inverted and trained on. Sides take
turns, and medians count: what else the machine does falls on all of them. Errors of a step's image
and gradients are those against mmgen's modules in float64. Memory is that of a process for each
side. Two parts are measured only if asked for: the statistics, of 100,000 style
vectors, and the objective, for which pictures are inverted in full, plainly with the paper's
schedule and with the shorter presets; at 256 that takes hours.
The last line has the figures in short.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import sys
from pathlib import Path

from tqdm import tqdm

try:
    from bdinvert_cli.options import add_device
    from bdinvert_cli.parser import ToolParser
    from bdinvert_cli.running import run_tool, say
    from mmgen_bdinvert.io import ensure_writable_folder
    from mmgen_bdinvert.utils import check_device, silence_host
    from mmgen_bdinvert.utils.markdown import print_markdown

    from .. import speed
except ImportError as error:  # a package is missing: the message says which
    sys.exit(f'error: {error}')

_PARTS = ('step', 'encoder', 'memory')
_MORE = ('statistics', 'objective')  # if asked for
_TIMED = dict(
    step=speed.measure_step, encoder=speed.measure_encoder, statistics=speed.measure_statistics
)

EXAMPLES = """
python -m benchmarks.speed --only step --size 256 --repeats 3
python -m benchmarks.speed --size 256 1024 --batch-size 1 4 --device cuda:0 --json speed.json
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('--only', choices=_PARTS + _MORE, help='one part: the first three')
    parser.add_argument('--size', type=int, nargs='+', default=[256], help='of images: 256')
    parser.add_argument('--batch-size', type=int, nargs='+', default=[1], help='images: 1')
    parser.add_argument('--repeats', type=int, default=5, help='rounds, of which the median: 5')
    parser.add_argument('--width', type=int, help='channels of all layers, to try it out: full')
    parser.add_argument('--pictures', type=int, default=4, help='for the objective: 4')
    parser.add_argument('--steps', type=int, default=1200, help='of the plain side there: 1200')
    parser.add_argument('--sample', type=int, help='time so many of them; `paper` does all')
    parser.add_argument('--faces', help='there: config of drawn faces, instead of random weights')
    parser.add_argument('--json', help='file for the figures; a plot is drawn beside it')
    add_device(parser)
    args = parser.parse_args(argv)
    for name in ('size', 'batch_size', 'repeats', 'width', 'pictures', 'steps', 'sample'):
        values = getattr(args, name)
        if values is not None and min([values] if isinstance(values, int) else values) < 1:
            parser.error(f'--{name.replace("_", "-")} is 1 or more, but got {values}')
    if args.sample is not None and args.sample < 2:
        parser.error(f'--sample is 2 or more, but got {args.sample}')
    if args.json is not None and Path(args.json).suffix != '.json':
        parser.error(f'--json takes a file that ends in .json, but got {args.json!r}')
    return args


def _pictures(args, size, device):
    if args.faces is not None:
        return speed.FaceSetting(args.faces, args.pictures, device)
    return speed.Setting(size, args.pictures, device, args.width, moved=True)


def main(argv=None):
    args = parse_args(argv)
    device = check_device(args.device)
    if args.json:
        ensure_writable_folder(Path(args.json).resolve().parent)
        speed.check_speed_files(args.json)
    parts = [args.only] if args.only else _PARTS
    jobs = [(s, b, part) for s in args.size for b in args.batch_size for part in parts]
    rows, setting = [], None
    for size, batch, part in tqdm(jobs, disable=None):
        if part == 'memory':
            rows.append(speed.measure_memory(size, batch, device, args.width))
            continue
        if part == 'objective':
            with silence_host():
                pictures = _pictures(args, size, device)
            rows.append(
                speed.measure_objective(pictures, args.steps, batch, args.sample, tqdm.write)
            )
            continue
        if setting is None or (setting.size, setting.batch) != (size, batch):
            with silence_host():
                setting = speed.Setting(size, batch, device, args.width)
        rows.append(_TIMED[part](setting, args.repeats))
    machine = speed.describe_machine(device)
    print_markdown(speed.speed_table(rows))
    say(machine)
    if args.json:
        say(f'Results: {", ".join(map(str, speed.write_speed(rows, args.json, machine)))}')
    say('; '.join(map(speed.short_form, rows)))


if __name__ == '__main__':
    run_tool(main)
