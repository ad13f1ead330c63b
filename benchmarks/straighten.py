# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure straightened faces against the same faces drawn in alignment.

Held-out drawn faces are moved, inverted with the steps of their config, and straightened: the base
code moved back (align), and inverted once more and completed (straighten). Medians of PSNR against
the aligned drawing, of the whole picture and of what the photo shows; and the share of faces of
which a classifier that has seen neither generator nor encoders reads mouth and eyes as drawn.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from statistics import fmean, median

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

from .options import add_config

EXAMPLES = """
python -m benchmarks.straighten
python -m benchmarks.straighten bdinvert_inv_toon128_8x8 --count 8 --steps 30
"""
_AT_A_TIME = 16


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    add_config(parser)
    parser.add_argument('--count', type=int, default=64, help='faces of each kind (default: 64)')
    parser.add_argument(
        '--steps', type=int, default=20, help='steps of the second inversion (default: 20)'
    )
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'count')
    parser.check_least(args, 0, 'steps')
    return args


def pictures(inverter, faces, num_steps):
    """Invert and straighten faces.

    Args:
        inverter (RegularizedInverter): Takes the steps of its config.
        faces (Sequence[Face]): n moved faces.
        num_steps (int): Steps of the second inversion.

    Returns:
        tuple[dict[str, Tensor], Tensor]: RGB pictures in alignment by what they are, (n, 3, H, W)
        in [-1, 1], and which of their pixels the photo shows, bool (n, 1, H, W).
    """
    import torch

    from mmgen_bdinvert.apis import align, straighten
    from mmgen_bdinvert.geometry import inverse, validity_mask

    from .quality.faces import unmove

    generator, moves = inverter.generator, [face.move for face in faces]
    targets = torch.stack([face.image for face in faces]).to(generator.device)
    result = inverter.invert(generator.to_rgb(targets))

    def rgb(code):
        return generator.to_rgb(generator.render(code)).clamp(-1, 1).cpu()

    with torch.no_grad():
        back = [align(generator, result.code[i], move) for i, move in enumerate(moves)]
        aligned = torch.cat([rgb(code) for code in back])
    straight = straighten(inverter, result.code, moves, num_steps=num_steps)
    with torch.no_grad():
        found = {
            'the photo, its pixels moved back': unmove(targets, moves).cpu(),
            'reconstruction, its pixels moved back': unmove(rgb(result.code), moves),
            'base code moved back (align)': aligned,
            'straightened and completed (straighten)': rgb(straight),
        }
    sides = generator.resolution
    return found, torch.cat([validity_mask(inverse(move), sides) for move in moves])


def measures(images, faces, seen, judge) -> dict[str, list[float]]:
    """Measure pictures in alignment.

    Args:
        images (Tensor): RGB (n, 3, H, W) in [-1, 1].
        faces (Sequence[Face]): The n faces that they show.
        seen (Tensor): Which pixels the photos show, bool (n, 1, H, W).
        judge (ToonAttributes): Reads mouth and eyes.

    Returns:
        dict[str, list[float]]: PSNR ('all') and that of what is shown ('shown') in dB; 1 or 0 for
        'mouth' and 'eyes', as drawn or not.
    """
    import torch

    from mmgen_bdinvert.evaluation import masked_rmse, psnr
    from mmgen_bdinvert.evaluation.functional import psnr_of

    truth = torch.stack([face.aligned for face in faces])
    shown = psnr_of(masked_rmse(images, truth, seen).square())
    with torch.no_grad():
        logits = judge(images)
    right = {
        name: logits[name].argmax(1) == torch.tensor([face.labels[name] for face in faces])
        for name in ('mouth', 'eyes')
    }
    values = {'all': psnr(images, truth), 'shown': shown, **right}
    return {name: value.float().tolist() for name, value in values.items()}


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    from tqdm import tqdm

    from mmgen_bdinvert.apis import init_inverter
    from mmgen_bdinvert.utils import check_device, silence_host
    from projects.toon_faces import MOVES, ToonAttributes

    from .quality.faces import DrawnFaces

    with silence_host():
        inverter = init_inverter(args.config, device=check_device(args.device))
        judge = ToonAttributes('asset://toon_attributes/judge128.safetensors', size=128)
    drawn = DrawnFaces(args.count, inverter.generator.resolution)
    kinds = MOVES[1:]  # all but aligned
    values: dict[tuple, list[float]] = defaultdict(list)  # by picture, measure and kind of motion
    with tqdm(total=len(kinds) * args.count, unit='face', disable=None) as bar:
        for kind, start in product(kinds, range(0, args.count, _AT_A_TIME)):
            chosen = range(start, min(start + _AT_A_TIME, args.count))
            faces = [drawn.face(kind, i) for i in chosen]
            found, seen = pictures(inverter, faces, args.steps)
            for name, images in found.items():
                for measure, numbers in measures(images, faces, seen, judge).items():
                    values[name, measure, kind] += numbers
            bar.update(len(faces))
    print(f'{args.count} faces of each kind; PSNR in dB: median (of what the photo shows)\n')
    print(f'| | {" | ".join(kinds)} | mouth as drawn | eyes as drawn |')
    print('| --- ' * (len(kinds) + 3) + '|')
    for name in found:
        pairs = [[median(values[name, part, kind]) for part in ('all', 'shown')] for kind in kinds]
        cells = [f'{everything:.1f} ({shown:.1f})' for everything, shown in pairs]
        for measure in ('mouth', 'eyes'):
            read = [number for kind in kinds for number in values[name, measure, kind]]
            cells.append(f'{fmean(read):.2f}')
        print(f'| {name} | {" | ".join(cells)} |')


if __name__ == '__main__':
    run_tool(main)
