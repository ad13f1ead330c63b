# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure the latent statistics of a generator (P-norm+), with which inversion is regularised.

With --verdict-samples, the file also gets what it takes to say of later results whether the
generator knows their images: that many samples of the generator are inverted as the config says. It
must be the config of an inversion; a file that is there keeps what it has for other base sizes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_checkpoint
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert latent-stats bdinvert_inv_ffhq work_dirs/ffhq/statistics.safetensors
bdinvert latent-stats my_gan.py statistics.safetensors --checkpoint my_gan.pth --num-samples 200000
bdinvert latent-stats bdinvert_inv_toon128 statistics.safetensors --verdict-samples 64
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an encoder, an inversion or an mmgen GAN')
    parser.add_argument('out', type=Path, help='file to write, such as statistics.safetensors')
    parser.add_argument('--checkpoint', help="weights of the generator (default: the config's)")
    parser.add_argument(
        '--num-samples',
        type=int,
        default=1_000_000,
        help='samples of the mapping network (default: 1,000,000)',
    )
    parser.add_argument(
        '--verdict-samples',
        type=int,
        default=0,
        metavar='N',
        help='samples to invert, such as 64 (default: 0)',
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the samples (default: 0)')
    parser.add_argument(
        '--batch-size', type=int, default=4096, help='samples at a time (default: 4096)'
    )
    add_device(parser)
    parser.add_cfg_options(of_model=False)
    args = parser.parse_args(argv)
    if args.num_samples < 2 or args.batch_size < 1:
        parser.error('--num-samples must be 2 or more and --batch-size 1 or more')
    if args.verdict_samples != 0 and args.verdict_samples < 8:
        parser.error(f'--verdict-samples must be 0, or 8 or more, but got {args.verdict_samples}')
    return args


def main(argv=None):
    args = parse_args(argv)
    file = find_config(args.config)
    check_checkpoint(args.checkpoint, 'generator')
    from tqdm import tqdm

    from mmgen_bdinvert.apis.statistics import (
        fit_statistics,
        generator_from_config,
        measure_whiteness,
    )
    from mmgen_bdinvert.apis.verdicts import with_yardstick
    from mmgen_bdinvert.engine import read_config, read_settings
    from mmgen_bdinvert.io import check_outputs, claim_outputs, ensure_writable_folder
    from mmgen_bdinvert.utils import check_device

    device = check_device(args.device)
    config = read_config(file, read_settings(args.cfg_options))
    ensure_writable_folder(args.out.parent)
    check_outputs([args.out], 'latent-stats', [args.config, args.checkpoint])
    generator = generator_from_config(config, args.checkpoint).to(device)

    with tqdm(total=args.num_samples, desc='samples', unit_scale=True) as bar:
        statistics = fit_statistics(
            generator,
            num_samples=args.num_samples,
            seed=args.seed,
            batch_size=args.batch_size,
            progress=lambda done, total: bar.update(done - bar.n),
        )
        if args.verdict_samples:
            bar.reset(args.verdict_samples)
            bar.set_description('inverted')
            statistics = with_yardstick(
                statistics,
                config,
                num_samples=args.verdict_samples,
                seed=args.seed + 2,
                earlier=args.out,
                device=device,
                progress=lambda done, total: bar.update(done - bar.n),
            )
    claim_outputs([args.out], 'latent-stats')
    statistics.save(args.out)
    values = statistics.eigenvalues
    white = measure_whiteness(statistics, generator, seed=args.seed + 1)
    say(
        f'Eigenvalues from {values[-1]:.3g} to {values[0]:.3g}, {white.floored} of {len(values)} '
        f'floored.'
    )
    say(
        f'Whitened fresh samples: means within ±{white.largest_mean:.3f} (ideal 0), variances '
        f'{white.smallest_variance:.3f} to {white.largest_variance:.3f} (ideal 1).'
    )
    if white.largest_variance > 1.5:
        say('warning: too few samples for this generator, give more --num-samples', file=sys.stderr)
    say(f'Statistics of {args.num_samples:,} samples: {args.out}')


if __name__ == '__main__':
    run_tool(main)
