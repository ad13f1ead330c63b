# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Invert toon faces that are out of alignment, then move and edit them."""

from __future__ import annotations

import time
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool, say

IMAGES = Path(__file__).resolve().parents[1] / 'demo/images'  # in a wheel too
SHIFT = (0.125, -0.0625)  # whole cells of the base code
ROTATION = -15  # degrees, clockwise
EDITS = {
    'pale skin': ('pale_skin', 1.0),
    'dark skin': ('dark_skin', 1.0),
    'blond hair': ('blond_hair', 1.0),
    'black hair': ('black_hair', 1.0),
    'laughing': ('laughing', 1.5),
    'wide eyes': ('wide_eyes', 1.5),
}


EXAMPLES = """
bdinvert demo-toon --out-dir demo_results
bdinvert demo-toon --steps 20 --images photo.png --out-dir demo_results
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        '--config',
        default='bdinvert_inv_toon128',
        help='config of the inversion (default: bdinvert_inv_toon128)',
    )
    parser.add_argument(
        '--images', default=IMAGES, help='image, or folder of images (default: demo/images)'
    )
    parser.add_out_dir('folder for the results', default='work_dirs/demo')
    parser.add_argument('--steps', type=int, help="optimisation steps (default: the config's)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_images([args.images])
    import torch
    from tqdm import tqdm

    from mmgen_bdinvert.apis import edit, init_inverter, invert, render, straighten, transform
    from mmgen_bdinvert.evaluation import psnr
    from mmgen_bdinvert.geometry import GeometricTransform
    from mmgen_bdinvert.io import (
        claim_folder,
        claim_outputs,
        ensure_writable_folder,
        find_images,
        image_to_tensor,
        output_names,
        read_image,
        save_png,
    )
    from mmgen_bdinvert.io.tables import save_json
    from mmgen_bdinvert.visualization import contact_sheet

    out_dir = claim_folder(args.out_dir, 'demo-toon', into_existing=args.into_existing)
    paths = find_images([args.images])
    options = {} if args.steps is None else {'model.num_steps': args.steps}
    inverter = init_inverter(args.config, cfg_options=options)
    size = inverter.generator.resolution
    photos = [read_image(path, size) for path in paths]

    bar = tqdm(total=inverter.num_steps, desc=f'inverting {len(photos)} faces', unit='step')

    def show(step, total, losses, images):
        bar.update(step - bar.n)
        if step % 10 == 0:
            bar.set_postfix({k: f'{float(v.mean()):.4f}' for k, v in losses.items()})

    start = time.perf_counter()
    result = invert(inverter, photos, batch_size=len(photos), callback=show)
    bar.close()
    seconds = time.perf_counter() - start

    targets = torch.cat([image_to_tensor(photo, 'rgb') for photo in photos])
    quality = psnr(inverter.generator.to_rgb(result.reconstruction), targets).tolist()
    columns = {'out-of-range photo': photos, 'BDInvert': render(inverter, result.code)}
    if getattr(inverter, 'detail_encoder', None) is not None:  # which finds the motion
        steps = min(20, inverter.num_steps)
        straight = straighten(inverter, result.code, num_steps=steps)
        columns['straightened'] = render(inverter, straight)
    columns |= {
        'shifted': render(inverter, transform(inverter, result.code, GeometricTransform(SHIFT))),
        'rotated': render(
            inverter, transform(inverter, result.code, GeometricTransform(rotate=ROTATION))
        ),
    }
    for column, (name, strength) in EDITS.items():
        direction = f'asset://toon128/{name}.safetensors'
        columns[column] = render(inverter, edit(inverter, result.code, direction, strength))
    rows = [{name: images[i] for name, images in columns.items()} for i in range(len(photos))]
    names = [f'{path.stem}\n{value:.1f} dB' for path, value in zip(paths, quality)]
    for i, name in enumerate(output_names(paths)):
        folder = ensure_writable_folder(out_dir / name)
        files = folder / 'code.safetensors', folder / 'reconstruction.png'
        claim_outputs(files, 'demo-toon', paths)
        result.code[i].save(files[0])
        save_png(files[1], columns['BDInvert'][i])
    sheet = out_dir / 'contact_sheet.png'
    claim_outputs([sheet, out_dir / 'summary.json'], 'demo-toon', paths)
    save_png(sheet, contact_sheet(rows, names, tile=128))
    summary = {
        'images': len(photos),
        'steps': inverter.num_steps,
        'inversion_seconds': round(seconds, 1),
        'mean_psnr': round(sum(quality) / len(quality), 2),
    }
    save_json(out_dir / 'summary.json', summary)
    say(', '.join(f'{k} {v}' for k, v in summary.items()))
    say(f'Contact sheet: {sheet}')


if __name__ == '__main__':
    run_tool(main)
