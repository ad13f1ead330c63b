# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Invert images into base and detail codes.

IMAGES are files, folders, patterns ('photos/**/*.jpg'), lists of paths (.txt, .list, .csv with a
column path, .jsonl with objects that have a path) and uncompressed .tar archives. All of an image
is taken, as --fit says, unless --window or --find names a square of it; of several faces in a photo
the results are called <name>_1, <name>_2 and so on, the largest first.

For each image OUT_DIR/<name>/ gets code.safetensors, reconstruction.png, comparison.png, losses.png
and metrics.json as soon as its batch is done (without steps, as with --preset instant, neither
comparison.png nor losses.png); the run gets summary.csv, report.md (worst images
first), contact_sheet.png, config.py, settings.json and its log, manifest/<process>.jsonl. The same
command again resumes where the last run ended, and repeats what has changed or is damaged.
Several processes share the images under torchrun, srun and mpirun: see tools/dist_invert.sh and
tools/slurm_invert.sh. Exit code: 0 if all images were inverted, 1 if some were not (0 under
torchrun, which would restart all processes), 2 after a wrong command or if nothing can be written,
130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import sys

from bdinvert_cli.configs import find_config, set_domain
from bdinvert_cli.options import (
    FIT_MODES,
    PRESETS,
    add_device,
    add_domain,
    add_launcher,
    add_photo_options,
)
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_checkpoint, check_images
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert invert bdinvert_inv_toon128 photos/ --out-dir results/
bdinvert invert bdinvert_inv_toon128 photos/ --out-dir results/ --preset instant --batch-size 64
bdinvert invert bdinvert_inv_ffhq a.jpg b.jpg --out-dir results/ --fit pad --batch-size 2 --amp
bdinvert invert my_config.py 'photos/**/*.png' list.txt shard.tar --out-dir results/ --packed
bdinvert invert bdinvert_inv_toon128 photos/ --out-dir results/ --cfg-options model.amp=True
bdinvert invert bdinvert_inv_toon128 group.jpg --out-dir results/ --find faces
bdinvert invert baselines/w_plus photos/ --out-dir results/ --domain bdinvert_inv_ffhq
bdinvert invert bdinvert_inv_toon128 group.jpg --out-dir results/ --window 1200 300 800
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config file, or the name of a shipped one')
    add_domain(parser)
    parser.add_argument('images', nargs='+', help='files, folders, patterns, lists, .tar')
    parser.add_out_dir('folder for the results')
    parser.add_argument('--checkpoint', help="weights of the encoder (default: the config's)")
    parser.add_argument(
        '--fit',
        choices=FIT_MODES,
        default='crop',
        help='how to make non-square images square (default: crop)',
    )
    add_photo_options(parser)
    parser.add_argument('--batch-size', type=int, default=8, help='images at a time (default: 8)')
    parser.add_argument(
        '--preset',
        choices=PRESETS,
        help="the paper's 1,200 steps, fewer for the same objective, a draft, or, with a detail "
        "encoder, few steps or none (default: the config's steps)",
    )
    parser.add_argument(
        '--steps', type=int, help="optimisation steps (default: the config's, or the preset's)"
    )
    parser.add_argument(
        '--amp', action='store_true', help='compute in bfloat16: faster, less precise'
    )
    add_device(parser)
    parser.add_argument(
        '--packed', action='store_true', help='save results in tar shards instead of folders'
    )
    parser.add_argument(
        '--retry-failed',
        action='store_true',
        help='try images again that an earlier run did not invert',
    )
    parser.add_argument(
        '--restart', action='store_true', help='invert all images anew, even with other settings'
    )
    parser.add_argument(
        '--vis',
        nargs='+',
        metavar='BACKEND',
        help='record losses with these backends, such as TensorboardVisBackend, in '
        'OUT_DIR/vis_data (default: none)',
    )
    add_launcher(parser)
    parser.add_cfg_options(finds=True)
    args = parser.parse_args(argv)
    for name, least in dict(batch_size=1, steps=0).items():
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f'--{name.replace("_", "-")} must be {least} or more, but got {value}')
    return args


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    set_domain(args.config, args.domain)
    check_checkpoint(args.checkpoint, 'encoder')
    check_images(args.images)
    from rich.console import Console

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.engine.config import pivot_of
    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.jobs import Interrupted, deferred_signals, join_workers, read_outcomes
    from mmgen_bdinvert.jobs.progress import InversionProgress, strange_note, summary_table
    from mmgen_bdinvert.jobs.recorder import InversionRecorder
    from mmgen_bdinvert.utils import check_device, silence_host

    # Everything that needs no network is checked before one is built.
    workers = join_workers(args.launcher)
    device = check_device(workers.device if args.device is None else args.device)
    settings = read_settings(args.cfg_options)
    config = apis.load_config(args.config, settings, args.preset, ['model', 'face_finder'])
    part = pivot_of(config.model)
    for model in (config.model, part):  # pivotal tuning has two
        if args.steps is not None:
            model.num_steps = args.steps
        if args.amp:
            model.amp = True
    look = apis.look_of(args, config)
    if args.vis:
        config.visualizer = dict(vis_backends=[dict(type=name) for name in args.vis])
    if workers.rank == 0:
        if args.into_existing:
            claim_folder(args.out_dir, 'invert', into_existing=True)
        apis.plan_files(args.images, args.out_dir)
        given = {'encoder': args.checkpoint}
        for name in ('generator', 'encoder'):
            cfg = part.get(name) or {}
            if cfg and not given.get(name) and not cfg.get('checkpoint'):
                say(f'note: the {name} has random weights: the config sets none', file=sys.stderr)
    with silence_host():
        inverter = apis.init_inverter(config, args.checkpoint, device)

    code = 0
    with (
        deferred_signals() as check,
        InversionProgress(inverter.num_steps) as progress,
        InversionRecorder(config, args.out_dir, workers.rank) as recorder,
    ):

        def on_step(*state) -> None:
            progress.on_step(*state)
            recorder.on_step(*state)

        def on_image(outcome) -> None:
            progress.on_image(outcome)
            recorder.on_image(outcome)

        try:
            outcomes = apis.invert_files(
                inverter,
                args.images,
                args.out_dir,
                fit=args.fit,
                look=look,
                batch_size=args.batch_size,
                packed=args.packed,
                retry_failed=args.retry_failed,
                restart=args.restart,
                workers=workers,
                on_step=on_step,
                on_image=on_image,
                on_progress=progress.on_progress if workers.rank == 0 else None,
                on_note=progress.on_note,
                check=check,
            )
        except Interrupted as interruption:
            code = interruption.exit_code
            outcomes = list(read_outcomes(args.out_dir).values())
    failed = any(outcome.status != 'done' for outcome in outcomes)
    if workers.rank == 0:
        Console().print(summary_table(outcomes))
        if progress.left == 0:
            more = '; --retry-failed tries again what is not done' if failed else ''
            say(f'Nothing was left to do{more}.')
        if note := strange_note(outcomes):
            say(f'note: {note}', file=sys.stderr)
        say(f'Results: {args.out_dir}')
        if code:
            say(f'error: interrupted; {len(outcomes)} images are finished', file=sys.stderr)
    # torchrun would restart all processes after a 1. Elsewhere the first process, which waits for
    # all others, returns it; those have no outcomes.
    if code == 0 and args.launcher != 'pytorch':
        code = int(failed)
    return code


if __name__ == '__main__':
    run_tool(main)
