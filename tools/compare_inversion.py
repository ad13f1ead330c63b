# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Compare BDInvert with plain W+ inversion on moved toon faces that no model has seen.

Both use the same generator, images, image losses, optimiser and number of steps. The faces are
drawn on the first run.
"""

from __future__ import annotations

import json

import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from mmgen_bdinvert.apis import init_inverter
from mmgen_bdinvert.datasets import MOVES, draw_set
from mmgen_bdinvert.evaluation import compare_with_w_plus
from mmgen_bdinvert.io import (
    ensure_writable_folder,
    find_images,
    image_to_tensor,
    read_image,
    save_png,
    tensor_to_image,
)
from mmgen_bdinvert.utils.cli import ToolParser, run_tool
from mmgen_bdinvert.visualization import contact_sheet

JUDGES = {
    'ST-LPIPS alex': dict(type='STLPIPSLoss', net='alex'),
    'ST-LPIPS vgg': dict(type='STLPIPSLoss', net='vgg'),
}


def parse_args(argv=None):
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='bdinvert_inv_toon64', help='inversion config')
    parser.add_argument('--data-root', default='data/toon64', help='folder of the drawn sets')
    parser.add_argument('--kinds', nargs='+', choices=MOVES, default=list(MOVES))
    parser.add_argument('--count', type=int, default=16, help='faces of each kind')
    parser.add_argument('--steps', type=int, help='optimisation steps, for both methods')
    parser.add_argument('--out-dir', default='work_dirs/compare_inversion')
    parser.add_cfg_options()
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    out_dir = ensure_writable_folder(args.out_dir)
    options = dict(args.cfg_options or {})
    if args.steps is not None:
        options['model.num_steps'] = args.steps
    inverter = init_inverter(args.config, cfg_options=options)
    size = inverter.generator.resolution

    table = Table(title=f'{inverter.num_steps} steps, {args.count} faces of each kind')
    columns = ['psnr', *JUDGES, 'v2']
    for name in ('kind', 'method', 'PSNR (dB)', *JUDGES, 'mean v²'):
        table.add_column(name, justify='left' if name in ('kind', 'method') else 'right')
    report, rows, names = {}, [], []
    for kind in args.kinds:
        seeds = [f'h{i}' for i in range(args.count)]
        folder = draw_set(
            f'{args.data_root}/heldout_{kind}_{args.count}', seeds, size=size, move=kind
        )
        paths = find_images(folder)
        images = torch.cat([image_to_tensor(read_image(p, size), 'rgb') for p in paths])
        bars = {}

        def progress(method, step, total, bars=bars, kind=kind):
            if method not in bars:
                bars[method] = tqdm(total=total, desc=f'{kind} {method}')
            bars[method].update(step - bars[method].n)

        results = compare_with_w_plus(
            inverter, images, judges=JUDGES, batch_size=len(images), progress=progress
        )
        for bar in bars.values():
            bar.close()
        means = {
            method: {name: float(values[name].mean()) for name in columns if name in values}
            for method, values in results.items()
        }
        report[kind] = means
        for method, row in means.items():
            cells = [f'{row[c]:.4g}' if c in row else '' for c in columns]
            table.add_row(kind, method, *cells)
        ratio = [
            f'{means["bdinvert"]["psnr"] - means["w_plus"]["psnr"]:+.2f} dB',
            *(f'× {means["bdinvert"][j] / means["w_plus"][j]:.2f}' for j in JUDGES),
            '',
        ]
        table.add_row('', '[bold]BDInvert to W+', *ratio, end_section=True)
        for i in range(min(4, len(images))):
            rows.append(
                {
                    'target': tensor_to_image(images[i : i + 1], 'rgb'),
                    'W+': tensor_to_image(results['w_plus']['images'][i : i + 1], 'rgb'),
                    'BDInvert': tensor_to_image(results['bdinvert']['images'][i : i + 1], 'rgb'),
                }
            )
            names.append(f'{kind} {paths[i].stem}')
    Console().print(table)
    (out_dir / 'comparison.json').write_text(json.dumps(report, indent=2) + '\n')
    save_png(out_dir / 'comparison.png', contact_sheet(rows, names))
    print(f'Pictures: {out_dir / "comparison.png"}')


if __name__ == '__main__':
    run_tool(main)
