# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure straightened faces against the same faces drawn in alignment.

Held-out drawn faces are moved, inverted with the steps of their config, and straightened: the base
code moved back (align), and inverted once more and completed (straighten). Medians of PSNR against
the aligned drawing, of the whole picture and of what the photo shows; and the share of faces of
which a classifier that has seen neither generator nor encoders reads mouth and eyes as drawn. The
mouths 'sad' and 'smile' are thin lines, which it confuses in the drawings themselves: so they are
counted as one, too.
"""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

EXAMPLES = """
python -m benchmarks.straighten
python -m benchmarks.straighten bdinvert_inv_toon128_8x8 --count 8 --steps 30
"""
_AT_A_TIME = 16
_LINES = ('sad', 'smile')  # mouths that are drawn as a thin line


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        'config',
        nargs='?',
        default='bdinvert_inv_toon128',
        help='config of an inverter of drawn faces (default: bdinvert_inv_toon128)',
    )
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


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    import torch
    from mmgen.registry import MODULES
    from tqdm import tqdm

    from mmgen_bdinvert.apis import init_inverter
    from mmgen_bdinvert.utils import check_device, silence_host
    from projects.toon_faces import MOVES, TOON_LABELS

    from .quality.faces import DrawnFaces

    device = check_device(args.device)
    with silence_host():
        inverter = init_inverter(args.config, device=device)
        classifier = dict(
            type='ToonAttributes', checkpoint='asset://toon_attributes/judge.safetensors'
        )
        judge = MODULES.build(classifier).eval()
    drawn = DrawnFaces(args.count, inverter.generator.resolution)
    kinds = [kind for kind in MOVES if kind != 'aligned']
    lines = torch.tensor([TOON_LABELS['mouth'].index(name) for name in _LINES])
    values: dict[str, dict[str, list[float]]] = {}
    with tqdm(total=len(kinds) * args.count, unit='face', disable=None) as bar:
        for kind in kinds:
            for start in range(0, args.count, _AT_A_TIME):
                chosen = range(start, min(start + _AT_A_TIME, args.count))
                faces = [drawn.face(kind, i) for i in chosen]
                truth = torch.stack([face.aligned for face in faces])
                found, seen = pictures(inverter, faces, args.steps)
                for name, images in found.items():
                    rows = values.setdefault(name, {})
                    error = ((images - truth) / 2).square().mean(1, keepdim=True)  # [N1HW]
                    shown = (error * seen).sum((1, 2, 3)) / seen.sum((1, 2, 3))
                    rows.setdefault(kind, []).extend(_psnr(error.mean((1, 2, 3))))
                    rows.setdefault(f'{kind}, shown', []).extend(_psnr(shown))
                    with torch.no_grad():
                        logits = judge(images)
                    for label in ('mouth', 'eyes'):
                        read = logits[label].argmax(1)
                        meant = torch.tensor([face.labels[label] for face in faces])
                        rows.setdefault(label, []).extend((read == meant).float().tolist())
                        if label == 'mouth':
                            both = torch.isin(read, lines) & torch.isin(meant, lines)
                            right = (read == meant) | both
                            rows.setdefault('lines', []).extend(right.float().tolist())
                bar.update(len(faces))
    print(f'{args.count} faces of each kind; PSNR in dB: median (of what the photo shows)\n')
    print(f'| | {" | ".join(kinds)} | mouth as drawn | lines as one | eyes as drawn |')
    print('| --- ' * (len(kinds) + 4) + '|')
    for name, rows in values.items():
        cells = [f'{_median(rows[k]):.1f} ({_median(rows[f"{k}, shown"]):.1f})' for k in kinds]
        cells += [f'{sum(rows[k]) / len(rows[k]):.2f}' for k in ('mouth', 'lines', 'eyes')]
        print(f'| {name} | {" | ".join(cells)} |')


def _psnr(mse) -> list[float]:
    return (-10 * mse.clamp(min=1e-10).log10()).tolist()


def _median(values: list[float]) -> float:
    from statistics import median

    return median(values)


if __name__ == '__main__':
    run_tool(main)
