# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Invert images into base and detail codes.

For each image OUT_DIR/<name>/ gets code.safetensors, reconstruction.png, comparison.png, losses.png
and metrics.json as soon as its batch is done; the run gets summary.csv, contact_sheet.png and
config.py. Exit code: 0 if all images were inverted, 1 if some were not, 2 after a wrong command.
"""

from __future__ import annotations

import argparse
import logging
import sys

from rich.console import Console

logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)  # "No CUDA runtime"
try:
    from mmgen_bdinvert import apis
    from mmgen_bdinvert.apis.progress import InversionProgress, summary_table
    from mmgen_bdinvert.io import FIT_MODES
    from mmgen_bdinvert.utils.cli import (
        INTERRUPTED,
        ToolParser,
        check_device,
        run_tool,
        silence_host,
    )
except ImportError as error:  # a package is missing: the message says which
    sys.exit(f'error: {error}')


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file, or the name of a shipped one')
    parser.add_argument('images', nargs='+', help='image files, or folders of images')
    parser.add_argument('--out-dir', required=True, help='folder for the results')
    parser.add_argument('--checkpoint', help="encoder weights instead of the config's")
    parser.add_argument(
        '--fit', choices=FIT_MODES, default='crop', help='what to do with non-square images: crop'
    )
    parser.add_argument('--batch-size', type=int, default=8, help='images at a time: 8')
    parser.add_argument('--steps', type=int, help="optimisation steps instead of the config's")
    parser.add_argument('--amp', action='store_true', help='compute in bfloat16: faster, rounded')
    parser.add_argument('--device', help='such as cpu or cuda:0: the GPU if there is one')
    parser.add_cfg_options()
    args = parser.parse_args(argv)
    for name in ('batch_size', 'steps'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name.replace("_", "-")} must be 1 or more, but got {value}')
    return args


def main(argv=None):
    args = parse_args(argv)
    options = dict(args.cfg_options or {})
    if args.steps is not None:
        options['model.num_steps'] = args.steps
    if args.amp:
        options['model.amp'] = True
    # Everything that needs no network is checked before one is built.
    device = check_device(args.device)
    config = apis.load_config(args.config, options)
    planned = apis.plan_files(args.images, args.out_dir)
    given = {'encoder': args.checkpoint}
    for part in ('generator', 'encoder'):
        cfg = config.model.get(part) or {}
        if cfg and not given.get(part) and not cfg.get('checkpoint'):
            print(f'note: the {part} has random weights: the config sets none', file=sys.stderr)
    with silence_host():
        inverter = apis.init_inverter(config, args.checkpoint, device)

    finished, interrupted = [], False
    with InversionProgress(len(planned), inverter.num_steps) as progress:

        def on_image(outcome):
            finished.append(outcome)  # in case of an interruption
            progress.on_image(outcome)

        try:
            finished = apis.invert_files(
                inverter,
                args.images,
                args.out_dir,
                fit=args.fit,
                batch_size=args.batch_size,
                on_step=progress.on_step,
                on_image=on_image,
            )
        except KeyboardInterrupt:
            interrupted = True
    Console().print(summary_table(finished))
    print(f'Results: {args.out_dir}')
    if interrupted:
        print(f'error: interrupted after {len(finished)} of {len(planned)} images', file=sys.stderr)
        return INTERRUPTED
    return 0 if all(outcome.status == 'done' for outcome in finished) else 1


if __name__ == '__main__':
    run_tool(main)
