# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Train a base-code encoder, or a generator, from a config."""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli import leave_at_once

    leave_at_once()

import sys

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)
from mmgen_bdinvert.apis import find_config
from mmgen_bdinvert.engine import running
from mmgen_bdinvert.utils.cli import ToolParser, run_tool

EXAMPLES = """
bdinvert train bdinvert_enc_toon64
bdinvert train bdinvert_enc_ffhq --amp --cfg-options train_dataloader.batch_size=8
bdinvert train bdinvert_enc_toon64 --resume
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        'config', type=find_config, help='config file, or the name of a shipped one'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CKPT',
        help='go on from this checkpoint, or from the latest one of the work dir',
    )
    running.add_runner_options(parser)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    cfg = running.runner_config(args)
    if cfg.get('optim_wrapper') is None or cfg.get('train_dataloader') is None:
        raise ValueError(
            f'{args.config} has no training: give a bdinvert_enc_* or stylegan2_* config.'
        )
    if args.amp:
        running.use_amp(cfg)
    running.set_resume(cfg, args.resume)
    running.build_runner(cfg, args.into_existing).train()


if __name__ == '__main__':
    sys.exit(run_tool(main))
