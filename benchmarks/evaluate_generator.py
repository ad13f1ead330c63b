# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure a generator against real images: Fréchet distance, precision, recall, a sample sheet.

Features are those of the shift-tolerant LPIPS network, averaged over the image, so nothing has to
be downloaded; the numbers compare generators here with each other, not with published FIDs.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import json
from pathlib import Path

import torch
from tqdm import tqdm

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.apis import init_generator
from mmgen_bdinvert.engine import read_settings
from mmgen_bdinvert.evaluation import frechet_distance, precision_recall
from mmgen_bdinvert.io import (
    claim_folder,
    claim_outputs,
    find_images,
    image_to_tensor,
    read_image,
    save_png,
)
from mmgen_bdinvert.io.tables import save_json
from mmgen_bdinvert.models import STLPIPSLoss
from mmgen_bdinvert.visualization import image_grid

EXAMPLES = """
python -m benchmarks.evaluate_generator bdinvert_inv_toon64 data/toon64/train --num-images 1000
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config whose model.generator is a BaseDetailGenerator')
    parser.add_argument('real', nargs='+', help='real images, or folders of them')
    parser.add_argument('--num-images', type=int, default=2000, help='images of each kind')
    parser.add_argument('--batch-size', type=int, default=50, help='images at a time: 50')
    parser.add_argument('--seed', type=int, default=0, help='of the samples: 0')
    parser.add_out_dir(
        'folder for figures and samples: work_dirs/evaluate_generator',
        default='work_dirs/evaluate_generator',
    )
    parser.add_cfg_options()
    return parser.parse_args(argv)


@torch.no_grad()
def features(batches, total, network, name):
    rows = []
    for batch in tqdm(batches, total=total, desc=name):
        maps = network.network.net(network.network.scaling_layer(batch))
        rows.append(torch.cat([m.mean((2, 3)) for m in maps[-2:]], 1))  # [ND]
    return torch.cat(rows)


def main(argv=None):
    args = parse_args(argv)
    out_dir = claim_folder(args.out_dir, 'evaluate-generator', into_existing=args.into_existing)
    paths = find_images(args.real)[: args.num_images]
    generator = init_generator(args.config, 'cpu', read_settings(args.cfg_options))
    network = STLPIPSLoss(net='vgg')

    count = len(paths)
    starts = range(0, count, args.batch_size)
    size = generator.resolution
    rng = torch.Generator().manual_seed(args.seed)
    z = torch.randn(count, generator.style_dim, generator=rng)

    @torch.no_grad()
    def sample(latents):
        images = generator.synthesis(generator.to_w_plus(generator.mapping(latents)))
        return generator.to_rgb(images).clamp(-1, 1)

    real = features(
        (
            torch.cat(
                [
                    image_to_tensor(read_image(p, size), 'rgb')
                    for p in paths[i : i + args.batch_size]
                ]
            )
            for i in starts
        ),
        len(starts),
        network,
        'real',
    )
    fake = features(
        (sample(z[i : i + args.batch_size]) for i in starts), len(starts), network, 'fake'
    )
    half = count // 2
    precision, recall = precision_recall(real, fake)
    result = {
        'images': count,
        'frechet': frechet_distance(real, fake),
        'frechet_real_halves': frechet_distance(real[:half], real[half:]),
        'precision': precision,
        'recall': recall,
    }
    files = [out_dir / 'samples.png', out_dir / 'metrics.json']
    claim_outputs(files, 'evaluate-generator', paths)
    save_png(files[0], image_grid(sample(z[:64]), ncol=16))
    save_json(files[1], result)
    print(json.dumps(result, indent=2))
    say(f'Samples: {Path(out_dir) / "samples.png"}')


if __name__ == '__main__':
    run_tool(main)
