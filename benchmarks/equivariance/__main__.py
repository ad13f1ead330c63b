# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how closely moving the base code moves the image: T(G(f, w)) against G(T'(f), w).

For each base size, motion and magnitude: PSNR in the valid area, as the method runs, with the
generator's noise off, and away from the borders. OUT_DIR gets equivariance.md, .csv and .png.
"""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import SAMPLING_MODES, add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say

from . import MAGNITUDES

EXAMPLES = """
python -m benchmarks.equivariance bdinvert_inv_toon64
python -m benchmarks.equivariance bdinvert_inv_toon128 --base-sizes 8 --motions shift
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an inverter, or the name of a shipped one')
    parser.add_out_dir('folder for the report', default='work_dirs/equivariance')
    parser.add_argument(
        '--base-sizes',
        nargs='+',
        type=int,
        default=[8, 16],
        metavar='S',
        help='sides of the base code (default: 8 16)',
    )
    parser.add_argument(
        '--motions',
        nargs='+',
        choices=MAGNITUDES,
        default=list(MAGNITUDES),
        help='kinds of motion (default: all)',
    )
    parser.add_argument(
        '--num-samples', type=int, default=16, help='images of each magnitude (default: 16)'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the samples (default: 0)')
    parser.add_argument(
        '--sampling',
        choices=SAMPLING_MODES,
        default='bicubic',
        help='interpolation of the base code (default: bicubic)',
    )
    parser.add_argument(
        '--perceptual', action='store_true', help="measure the config's perceptual distance too"
    )
    add_device(parser)
    parser.add_cfg_options()
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    from tqdm import tqdm

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.utils import check_device, silence_host
    from mmgen_bdinvert.utils.markdown import print_markdown

    from .measure import measure_equivariance
    from .report import equivariance_markdown, write_equivariance

    device = check_device(args.device)
    claim_folder(args.out_dir, 'equivariance', into_existing=args.into_existing)
    sizes = list(dict.fromkeys(args.base_sizes))
    magnitudes = {motion: MAGNITUDES[motion] for motion in args.motions}
    perceptual, generators = None, []
    with silence_host():
        for size in sizes:
            options = {**read_settings(args.cfg_options), 'model.generator.base_size': size}
            generators.append(apis.init_generator(args.config, device, options))
        if args.perceptual:
            losses = generators[0].cfg.model.get('losses') or {}
            if 'perceptual' not in losses:
                raise ValueError('--perceptual needs model.losses.perceptual, which is not there')
            from mmgen.registry import MODULES

            perceptual = MODULES.build(losses.perceptual).to(device)

    rows = []
    steps = 2 * sum(map(len, magnitudes.values())) * len(sizes)
    with tqdm(total=steps, desc='magnitudes', disable=None) as bar:
        for generator in generators:
            rows += measure_equivariance(
                generator,
                magnitudes,
                num_samples=args.num_samples,
                seed=args.seed,
                mode=args.sampling,
                perceptual=perceptual,
                progress=bar.update,
            )
    print_markdown(equivariance_markdown(rows))
    resolution = generators[0].resolution
    files = write_equivariance(rows, args.out_dir, f'{resolution}×{resolution}')
    for file in files:
        say(file)


if __name__ == '__main__':
    run_tool(main)
