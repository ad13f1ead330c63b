# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Train a base-code encoder, or a generator, from a config."""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_runner_options
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_resumed
from bdinvert_cli.running import run_tool

EXAMPLES = """
bdinvert train bdinvert_enc_toon64
bdinvert train bdinvert_enc_ffhq --amp --cfg-options train_dataloader.batch_size=8
bdinvert train bdinvert_enc_toon64 --resume
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config file, or the name of a shipped one')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CKPT',
        help='resume from this checkpoint, or from the latest one of the work dir',
    )
    add_runner_options(parser)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    args.config = find_config(args.config)
    check_resumed(args.resume)
    from mmgen_bdinvert.engine import running

    cfg = running.runner_config(args)
    if cfg.get('optim_wrapper') is None or cfg.get('train_dataloader') is None:
        raise ValueError(
            f'{args.config} has no training: give a bdinvert_enc_* or stylegan2_* config.'
        )
    if args.amp:
        running.use_amp(cfg)
    running.set_resume(cfg, args.resume)
    with running.named_backbones(cfg, 'model', 'val_evaluator'):
        running.download_weights(cfg, 'model', 'val_evaluator')
        running.build_runner(cfg, args.into_existing).train()


if __name__ == '__main__':
    run_tool(main)
