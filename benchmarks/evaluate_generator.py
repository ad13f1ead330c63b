# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure a generator against real images: Fréchet distance, precision, recall, a sample sheet.

The features are those of the shift-tolerant LPIPS network, averaged over the image: nothing has to
be downloaded, but the results can be compared with each other only, not with published FIDs. To say
what a distance means, two more are measured: of the halves of the real images, the least that can
be expected, and of the real images, blurred by half a pixel (standard deviation).
"""

from __future__ import annotations

import json

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
python -m benchmarks.evaluate_generator bdinvert_inv_toon64 data/toon64/train --num-images 1000
"""

_BLUR = 0.5  # pixels


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config whose model.generator is a BaseDetailGenerator')
    parser.add_argument('real', nargs='+', help='real images, or folders of them')
    parser.add_argument(
        '--num-images', type=int, default=2000, help='images of each kind (default: 2000)'
    )
    parser.add_argument('--batch-size', type=int, default=50, help='images at a time (default: 50)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the samples (default: 0)')
    parser.add_out_dir('folder for metrics and samples', default='work_dirs/evaluate_generator')
    parser.add_cfg_options()
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_images(args.real)
    import torch
    from torchvision.transforms.functional import gaussian_blur
    from torchvision.utils import make_grid
    from tqdm import tqdm

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
        tensor_to_image,
    )
    from mmgen_bdinvert.io.tables import save_json
    from mmgen_bdinvert.models import STLPIPSLoss

    out_dir = claim_folder(args.out_dir, 'evaluate-generator', into_existing=args.into_existing)
    paths = find_images(args.real)[: args.num_images]
    generator = init_generator(args.config, 'cpu', read_settings(args.cfg_options))
    network = STLPIPSLoss(net='vgg').network
    count, size = len(paths), generator.resolution
    rng = torch.Generator().manual_seed(args.seed)
    z = torch.randn(count, generator.style_dim, generator=rng)

    def read(start):
        files = paths[start : start + args.batch_size]
        return torch.cat([image_to_tensor(read_image(file, size)) for file in files])

    def read_blurred(start):
        return gaussian_blur(read(start), 5, _BLUR)

    def sample(start, number=args.batch_size):
        w_plus = generator.to_w_plus(generator.mapping(z[start : start + number]))
        return generator.to_rgb(generator.synthesis(w_plus)).clamp(-1, 1)

    @torch.no_grad()
    def features(name, batch_from):
        rows = []
        for start in tqdm(range(0, count, args.batch_size), desc=name):
            maps = network.net(network.scaling_layer(batch_from(start)))
            rows.append(torch.cat([m.mean((2, 3)) for m in maps[-2:]], 1))  # [ND]
        return torch.cat(rows)

    real, fake = features('real', read), features('fake', sample)
    blurred, half = features('blurred', read_blurred), count // 2
    precision, recall = precision_recall(real, fake)
    result = {
        'images': count,
        'frechet': frechet_distance(real, fake),
        'frechet_real_halves': frechet_distance(real[:half], real[half:]),
        'frechet_real_blurred': frechet_distance(real, blurred),
        'precision': precision,
        'recall': recall,
    }
    files = [out_dir / 'samples.png', out_dir / 'metrics.json']
    claim_outputs(files, 'evaluate-generator', paths)
    with torch.no_grad():
        sheet = make_grid(sample(0, 64), nrow=16, pad_value=1)
    save_png(files[0], tensor_to_image(sheet))
    save_json(files[1], result)
    print(json.dumps(result, indent=2))
    say(f'Samples: {files[0]}')


if __name__ == '__main__':
    run_tool(main)
