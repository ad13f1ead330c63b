# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how little a motion changes the detail codes that a detail encoder predicts.

Held-out drawn faces are encoded as they are and moved. Compared are mean squared distances of
whitened detail codes, each coordinate as far as it is visible in the image: of a moved face from
its unmoved twin, and of two different unmoved faces.
"""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

from .options import add_config

EXAMPLES = """
python -m benchmarks.twins
python -m benchmarks.twins bdinvert_inv_toon128_8x8 --count 16
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    add_config(parser)
    parser.add_argument('--count', type=int, default=64, help='faces (default: 64)')
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 2, 'count')
    return args


def distances(inverter, count: int) -> dict[str, float]:
    """Measure mean squared distances of detail codes.

    Args:
        inverter (RegularizedInverter): With a detail encoder and statistics.
        count (int): Faces of each kind, two or more.

    Returns:
        dict[str, float]: Of twins by the kind of motion, and ``'two faces'``.
    """
    import torch

    from mmgen_bdinvert.models.visibility import visibility
    from projects.toon_faces import MOVES

    from .quality.faces import DrawnFaces

    generator, statistics = inverter.generator, inverter.statistics
    faces = DrawnFaces(count, generator.resolution)
    scale = visibility(generator, statistics)

    def codes(kind: str) -> torch.Tensor:
        images = torch.stack([faces.face(kind, i).image for i in range(count)])
        with torch.no_grad():
            parts = [
                inverter.detail_encoder(part) for part in images.to(generator.device).split(16)
            ]
            return scale * statistics.whiten(torch.cat(parts))  # [NLD]

    unmoved = codes('aligned')
    # Over all pairs, as twice the variance: each face with each other one.
    found = {'two faces': 2 * float(unmoved.var(0).mean())}
    for kind in MOVES:
        if kind != 'aligned':
            found[kind] = float((codes(kind) - unmoved).square().mean())
    return found


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    from mmgen_bdinvert.apis import init_inverter
    from mmgen_bdinvert.utils import check_device, silence_host

    with silence_host():
        inverter = init_inverter(args.config, device=check_device(args.device))
    if getattr(inverter, 'detail_encoder', None) is None or inverter.statistics is None:
        raise ValueError(
            f'Detail codes are predicted by a config with a detail encoder and statistics, but '
            f'{args.config} lacks one of them.'
        )
    found = distances(inverter, args.count)
    between = found.pop('two faces')
    print('| | mean squared distance | two different faces, as a multiple |\n| --- | --- | --- |')
    print(f'| two different faces | {between:.4f} | 1 |')
    for kind, value in found.items():
        print(f'| {kind} and its twin | {value:.4f} | {between / value:.1f} |')
    mean = sum(found.values()) / len(found)
    print(f'| all moved and their twins | {mean:.4f} | {between / mean:.1f} |')


if __name__ == '__main__':
    run_tool(main)
