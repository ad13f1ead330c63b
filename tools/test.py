# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Invert a folder of images, or test an encoder on seeds: metrics, and a picture of the results."""

from __future__ import annotations

from bdinvert_cli.configs import find_config, set_domain
from bdinvert_cli.options import add_domain, add_runner_options
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_checkpoint, check_images
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert test bdinvert_inv_toon128 --data-root photos/ --work-dir work_dirs/tested
bdinvert test bdinvert_enc_toon64 work_dirs/bdinvert_enc_toon64/iter_1000.pth
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config file, or the name of a shipped one')
    add_domain(parser)
    parser.add_argument(
        'checkpoint', nargs='?', help="encoder from tools/train.py (default: the config's)"
    )
    parser.add_argument(
        '--data-root', nargs='+', help="images or folders to invert (default: the config's)"
    )
    add_runner_options(parser)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    set_domain(args.config, args.domain)
    args.config = find_config(args.config)
    check_checkpoint(args.checkpoint, 'encoder')
    check_images(args.data_root or [])
    from mmgen_bdinvert.engine import running

    cfg = running.runner_config(args)
    evaluator = running.set_test_split(cfg, args.data_root)
    running.set_checkpoint(cfg, args.checkpoint)
    if args.amp:
        running.use_test_amp(cfg)
    with running.named_backbones(cfg, 'model', evaluator):
        running.download_weights(cfg, 'model', evaluator)
        runner = running.build_runner(cfg, args.into_existing)
        metrics = runner.test()
    if runner.rank == 0:
        say(', '.join(f'{name} {value:.4f}' for name, value in metrics.items()))
        say(f'Targets above reconstructions: {runner.work_dir}/vis')


if __name__ == '__main__':
    run_tool(main)
