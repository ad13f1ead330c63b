# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Train a classifier of drawn toon faces, and print its accuracy on held-out faces.

FACES is a folder of projects/toon_faces/draw.py. Its last --held-out faces are not trained on: they
test the classifier as they are, and after a random motion out of the picture and back again.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import torch
from rich.console import Console
from rich.table import Table
from tqdm import tqdm, trange

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool
from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.saved import save_tensors
from projects.toon_faces import (
    LabelledToonFaces,
    ToonAttributes,
    attribute_accuracy,
    train_toon_attributes,
)

from .attributes import away_and_back, resize

EXAMPLES = """
python -m projects.toon_faces.train_attributes data/toon64/train labeller.safetensors --epochs 4
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('faces', metavar='FACES', help='folder with labels.jsonl')
    parser.add_argument('out', metavar='OUT', help='weights to write, .safetensors')
    parser.add_argument(
        '--size',
        type=int,
        choices=(64, 128),
        default=64,
        help='side in pixels at which the classifier reads faces (default: 64)',
    )
    parser.add_argument('--first', type=int, default=0, help='first face to train on (default: 0)')
    parser.add_argument(
        '--count', type=int, default=9000, help='number of faces to train on (default: 9000)'
    )
    parser.add_argument(
        '--held-out', type=int, default=2000, help='number of held-out faces (default: 2000)'
    )
    parser.add_argument('--epochs', type=int, default=16, help='epochs (default: 16)')
    parser.add_argument('--batch-size', type=int, default=64, help='faces at a time (default: 64)')
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of weights and order (default: 0)'
    )
    args = parser.parse_args(argv)
    if not args.out.endswith('.safetensors'):
        parser.error(f'OUT ends in .safetensors, but got {args.out!r}')
    return args


def load(faces, first, count, size):
    """RGB uint8 (n, 3, size, size), and labels (n, A)."""
    images = torch.empty(count, 3, size, size, dtype=torch.uint8)
    for place in trange(count, desc='faces'):
        image = resize(faces[first + place]['inputs'][None].float(), size)
        images[place] = image[0].round().clamp(0, 255)
    return images, faces.labels[first : first + count]


def main(argv=None):
    args = parse_args(argv)
    check_outputs([args.out], 'train-toon-attributes')
    faces = LabelledToonFaces(args.faces)
    last = len(faces) - args.held_out
    if not 0 <= args.first < args.first + args.count <= last < len(faces):
        raise ValueError(
            f'Faces {args.first} to {args.first + args.count - 1} cannot be trained on: there are '
            f'{len(faces)} in {args.faces}, and the last {args.held_out} are held out.'
        )
    images, labels = load(faces, last, args.held_out, args.size)
    images = images.float() / 127.5 - 1
    rng = torch.Generator().manual_seed(args.seed)
    moved = torch.cat([away_and_back(part, rng) for part in images.split(20)])
    tests = {'held out': images, 'moved and back': moved}

    pixels, choices = load(faces, args.first, args.count, args.size)
    torch.manual_seed(args.seed)
    model = ToonAttributes(size=args.size)
    with tqdm(desc='training') as bar:

        def on_step(step, steps, loss):
            bar.total = steps
            bar.set_postfix(loss=f'{loss:.2f}', refresh=False)
            bar.update()

        train_toon_attributes(
            model,
            pixels,
            choices,
            epochs=args.epochs,
            batch_size=args.batch_size,
            seed=args.seed,
            on_step=on_step,
        )
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    claim_outputs([args.out], 'train-toon-attributes')
    save_tensors(args.out, weights)

    model = ToonAttributes(args.out, args.size)  # as it is shipped
    accuracy = {name: attribute_accuracy(model, batch, labels) for name, batch in tests.items()}
    table = Table('attribute', *accuracy, 'choices')
    for name, known in model.classes.items():
        table.add_row(name, *(f'{a[name]:.3f}' for a in accuracy.values()), str(len(known)))
    Console().print(table)


if __name__ == '__main__':
    run_tool(main)
