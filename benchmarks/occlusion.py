# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure inversions of faces that something covers, with and without a mask of it.

Held-out drawn faces are moved, and an ellipse of one colour, about a tenth of the picture, covers
some of each. Mean PSNR in dB against the face that nothing covers: of the part that is seen, and of
the part below the ellipse.
"""

from __future__ import annotations

from itertools import product

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

from .options import add_config

EXAMPLES = """
python -m benchmarks.occlusion
python -m benchmarks.occlusion --presets instant quick --count 16
"""
_KINDS = ('shifted', 'combined')
_AT_A_TIME = 16


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    add_config(parser)
    parser.add_argument('--count', type=int, default=32, help='faces of each kind (default: 32)')
    parser.add_argument(
        '--presets',
        nargs='+',
        default=['instant'],
        help='presets of the inversion (default: instant)',
    )
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'count')
    return args


def covered_faces(images, first=0):
    """Cover a part of each face.

    Args:
        images (Tensor): RGB (n, 3, H, H) in [-1, 1].
        first (int): Number of the first face, the seed of its ellipse. Defaults to 0.

    Returns:
        tuple[Tensor, Tensor]: The covered faces, and what is seen of them: 1, or 0 below an
        ellipse, (n, 1, H, H).
    """
    import torch

    line = torch.linspace(0, 1, images.shape[-1])
    y, x = torch.meshgrid(line, line, indexing='ij')
    photos, masks = [], []
    for number, image in enumerate(images, first):
        rng = torch.Generator().manual_seed(number)
        centre, axes = torch.rand(2, 2, generator=rng) * 0.4
        (u, v), (wide, high) = 0.3 + centre, 0.1 + axes / 3
        seen = (((x - u) / wide) ** 2 + ((y - v) / high) ** 2 > 1).float()[None]
        colour = torch.rand(3, 1, 1, generator=rng) * 2 - 1
        photos.append(torch.where(seen > 0, image, colour))
        masks.append(seen)
    return torch.stack(photos), torch.stack(masks)


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    import torch
    from tqdm import tqdm

    from mmgen_bdinvert.apis import init_inverter, load_config
    from mmgen_bdinvert.evaluation import masked_rmse
    from mmgen_bdinvert.evaluation.functional import psnr_of
    from mmgen_bdinvert.utils import check_device, silence_host

    from .quality.faces import DrawnFaces

    device = check_device(args.device)
    configs = {name: load_config(args.config, preset=name) for name in args.presets}
    print('| preset | what is inverted | PSNR of what is seen | below the ellipse |')
    print('| --- ' * 4 + '|')
    for preset, config in configs.items():
        with silence_host():
            inverter = init_inverter(config, device=device)
        generator = inverter.generator
        drawn = DrawnFaces(args.count, generator.resolution)
        values: dict[str, list] = {}
        parts = list(product(_KINDS, range(0, args.count, _AT_A_TIME)))
        for kind, start in tqdm(parts, desc=preset, disable=None):
            chosen = range(start, min(start + _AT_A_TIME, args.count))
            truth = torch.stack([drawn.face(kind, i).image for i in chosen])
            photos, seen = covered_faces(truth, start)
            for name, images, mask in (
                ('the face alone', truth, None),
                ('covered', photos, None),
                ('covered, with a mask', photos, seen),
            ):
                result = inverter.invert(generator.to_rgb(images.to(device)), mask=mask)
                rgb = generator.to_rgb(result.reconstruction).detach().clamp(-1, 1).cpu()
                errors = [masked_rmse(rgb, truth, part) for part in (seen > 0, seen == 0)]
                values.setdefault(name, []).append(psnr_of(torch.stack(errors, 1).square()))
        for name, found in values.items():
            visible, hidden = torch.cat(found).mean(0).tolist()
            print(f'| {preset} | {name} | {visible:.1f} | {hidden:.1f} |', flush=True)


if __name__ == '__main__':
    run_tool(main)
