# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Make the edit directions of the embedded domain from measured colours of generated faces."""

from __future__ import annotations

from pathlib import Path

import torch
from tqdm import trange

from mmgen_bdinvert.apis import init_generator
from mmgen_bdinvert.editing import Direction, fit_direction
from mmgen_bdinvert.io import ensure_writable_folder
from mmgen_bdinvert.utils.cli import ToolParser, run_tool

# Where an aligned toon face shows a colour: rows and columns as shares of the side.
PATCHES = {
    'skin_lightness': ((0.56, 0.63), (0.44, 0.56)),  # the nose
    'hair_lightness': ((0.12, 0.20), (0.42, 0.58)),  # above the forehead
    'clothes_lightness': ((0.90, 0.99), (0.42, 0.58)),  # the chest
}


def parse_args(argv=None):
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', nargs='?', default='bdinvert_inv_toon64')
    parser.add_argument('--out-dir', default='mmgen_bdinvert/assets/toon64')
    parser.add_argument('--num-samples', type=int, default=4000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_cfg_options()
    return parser.parse_args(argv)


def lightness(images, patch):
    """Mean of a patch of RGB images (n, 3, H, W) in [-1, 1]: (n,)."""
    (top, bottom), (left, right) = ((round(a * images.shape[-1]) for a in pair) for pair in patch)
    return images[:, :, top:bottom, left:right].mean((1, 2, 3))


@torch.no_grad()
def main(argv=None):
    args = parse_args(argv)
    out_dir = ensure_writable_folder(args.out_dir)
    generator = init_generator(args.config, 'cpu', args.cfg_options)
    rng = torch.Generator().manual_seed(args.seed)
    latents, images = [], []
    for _ in trange(args.num_samples // 50, desc='faces'):
        w = generator.mapping(torch.randn(50, generator.style_dim, generator=rng))
        latents.append(w)
        images.append(generator.to_rgb(generator.synthesis(generator.to_w_plus(w))))
    latents, images = torch.cat(latents), torch.cat(images)
    for name, patch in PATCHES.items():
        vector, r2 = fit_direction(latents, lightness(images, patch))
        direction = Direction(
            vector,
            name=name,
            fingerprint=generator.fingerprint,
            method='regression',
            notes={'held_out_r2': f'{r2:.3f}', 'samples': str(len(latents))},
        )
        direction.save(Path(out_dir) / f'{name}.safetensors')
        print(f'{name}: held-out R² {r2:.3f}')


if __name__ == '__main__':
    run_tool(main)
