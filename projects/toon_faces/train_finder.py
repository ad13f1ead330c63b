# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Train the finder of toon faces on drawn photos, and say what it finds in some that are held out.

Photos are drawn once; each is seen mirrored or not, and in other colours every time.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.io import check_outputs, claim_outputs, image_to_tensor
from mmgen_bdinvert.io.saved import save_tensors
from mmgen_bdinvert.photos import ToonFinder, Window
from mmgen_bdinvert.photos.toon_finder import STRIDE, UNIT, ToonFinderNetwork

from .photo_truth import matches
from .photos import draw_photo

_MAKER = 'train-toon-finder'
_SIZE = 256
EXAMPLES = """
python -m projects.toon_faces.train_finder finder.safetensors
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('out', metavar='OUT', help='weights to write, .safetensors')
    parser.add_argument('--photos', type=int, default=1600, help='photos to train on: 1600')
    parser.add_argument('--steps', type=int, default=2200, help='of 8 photos each: 2200')
    args = parser.parse_args(argv)
    if not args.out.endswith('.safetensors') or min(args.photos, args.steps) < 1:
        parser.error('OUT ends in .safetensors, --photos and --steps are 1 or more')
    return args


def draw(kind: str, count: int):
    """Return photos (n, 3, 256, 256) in [-1, 1] and the faces of each; a few have none."""
    images, faces = [], []
    for i in trange(count, desc=f'photos {kind}'):
        names = [f'f{kind}{(5 * i + k) % 1500}' for k in range(i % 5)]
        sides = (0.14, 0.4) if i % 2 else (0.3, 1.0)
        photo, drawn = draw_photo(
            f'{kind}{i}', (_SIZE, _SIZE), faces=names, sides=sides, turn=180 if i % 10 == 0 else 60
        )
        images.append(image_to_tensor(np.array(photo)))
        faces.append([face.square for face in drawn])
    return torch.cat(images), faces


def targets(faces: list[Window]) -> Tensor:
    """Return what the network should say: six planes, and a seventh where it is held to five."""
    side = _SIZE // STRIDE
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing='ij')
    planes = torch.zeros(7, side, side)
    for face in faces:
        x, y = (face.centre / STRIDE - 0.5).tolist()
        away = (columns - x) ** 2 + (rows - y) ** 2
        heat = torch.exp(-away / (2 * max(0.7, 0.05 * face.size / STRIDE) ** 2))
        near = away < 2.0
        turn = math.radians(face.angle)
        size = math.log(face.size / UNIT)
        shown = (columns, x - columns), (rows, y - rows)
        for plane, value in enumerate(
            (shown[0][1], shown[1][1], size, math.cos(turn), math.sin(turn)), 1
        ):
            planes[plane] = torch.where(near, torch.as_tensor(value).float(), planes[plane])
        planes[0] = torch.maximum(planes[0], heat)
        planes[6] = torch.maximum(planes[6], near.float())
        if near.any():
            row, column = divmod(int(away.argmin()), side)
            planes[0, row, column] = 1
    return planes


def loss_of(cells: Tensor, wanted: Tensor) -> Tensor:
    """Focal loss for the middles of faces, distance of the rest where there is one."""
    heat, score = wanted[:, 0], cells[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4)
    there = heat == 1
    positive = (1 - score) ** 2 * score.log() * there
    negative = (1 - heat) ** 4 * score**2 * (1 - score).log() * ~there
    count = there.sum().clamp(min=1)
    place = F.smooth_l1_loss(cells[:, 1:], wanted[:, 1:6], reduction='none').sum(1) * wanted[:, 6]
    return -(positive + negative).sum() / count + place.sum() / wanted[:, 6].sum().clamp(min=1)


def augmented(images: Tensor, wanted: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror half of the photos, and change the colours of all."""
    mirrored = (torch.rand(len(images), 1, 1, 1, generator=rng) < 0.5).float()
    signs = torch.tensor([1.0, -1, 1, 1, 1, -1, 1]).view(1, 7, 1, 1)
    images = mirrored * images.flip(3) + (1 - mirrored) * images
    wanted = mirrored * wanted.flip(3) * signs + (1 - mirrored) * wanted
    gain = 0.7 + 0.6 * torch.rand(len(images), 3, 1, 1, generator=rng)
    shift = 0.4 * torch.rand(len(images), 3, 1, 1, generator=rng) - 0.2
    noise = 0.05 * torch.randn(images.shape, generator=rng)
    return (gain * images + shift + noise).clamp(-1, 1), wanted


def train(images: Tensor, wanted: Tensor, steps: int) -> ToonFinderNetwork:
    """Train a network by AdamW, the rate of which follows one cycle."""
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = ToonFinderNetwork()
    torch.nn.init.constant_(network[-1].bias[:1], -4.0)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    with trange(steps, desc='steps') as bar:
        for _ in bar:
            chosen = torch.randint(len(images), (8,), generator=rng)
            batch, truth = augmented(images[chosen], wanted[chosen], rng)
            loss = loss_of(network(batch), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f'{loss.item():.3f}')
    return network.eval()


def main(argv=None):
    args = parse_args(argv)
    check_outputs([args.out], _MAKER, [])
    images, faces = draw('train', args.photos)
    network = train(images, torch.stack(list(map(targets, faces))), args.steps)
    claim_outputs([args.out], _MAKER)
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_tensors(args.out, half, {})
    finder, found, there, wrong = ToonFinder(args.out), 0, 0, 0
    for i in trange(24, desc='held out'):
        photo, drawn = draw_photo(
            f'held{i}', (1500, 1000), faces=[f'h{4 * i + k}' for k in range(4)]
        )
        hits, false = matches([f.square for f in drawn], [f.square for f in finder.find(photo)])
        found, there, wrong = found + len(hits), there + len(drawn), wrong + false
    say(f'{found} of {there} held-out faces found, and {wrong} where there is none.')


if __name__ == '__main__':
    run_tool(main)
