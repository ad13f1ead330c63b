# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Compare finders of directions: how well each reaches an attribute, and what else it changes.

Each config names a finder; those without labels give directions without names, of which the one
that changes an attribute most stands for it. Generated faces are edited by ±2, and a classifier
that never saw a generator reads them. Changes are in standard deviations of its scores.
"""

from __future__ import annotations

from typing import NamedTuple

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

CONFIGS = [f'directions/{name}_toon128' for name in ('interfacegan', 'ganspace', 'sefa')]
EXAMPLES = """
python -m benchmarks.directions
python -m benchmarks.directions directions/sefa_toon128 --cfg-options finder.count=16
"""
_SEED = 1  # of the faces that are edited; finders draw theirs from seed 0


class Effect(NamedTuple):
    """What a direction does to an attribute, and to the one that it changes most besides."""

    direction: str
    own: float
    other: str
    largest: float


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        'configs',
        nargs='*',
        default=CONFIGS,
        help=f'configs of one generator of drawn faces (default: {" ".join(CONFIGS)})',
    )
    parser.add_argument('--count', type=int, default=128, help='faces (default: 128)')
    parser.add_cfg_options(of_model=False)
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 2, 'count')
    return args


def effects(generator, directions, labeller, count: int) -> dict[str, Effect]:
    """Return for each attribute what the direction does that stands for it.

    Args:
        generator (BaseDetailGenerator): The generator.
        directions (Sequence[StyleEdit]): Those of a finder. One that is named as an attribute
            stands for it; otherwise the one that changes it most.
        labeller (Callable): RGB images (b, 3, H, W) in [-1, 1] to a score (b,) by attribute.
        count (int): Faces that are edited, two or more.
    """
    from mmgen_bdinvert.editing.samples import (
        draw_latents,
        edit_effect,
        sample_codes,
        score_samples,
    )

    w = draw_latents(generator, count, _SEED)
    scores = score_samples(generator, sample_codes(generator, w), labeller)
    deviations = {name: max(values.std().item(), 1e-6) for name, values in scores.items()}
    changes = {}
    for direction in directions:
        found = edit_effect(generator, direction, labeller, w)
        changes[direction.name] = {name: found[name] / deviations[name] for name in found}
    table = {}
    for name in deviations:
        chosen = max(changes, key=lambda key: (key == name, abs(changes[key][name])))
        rest = {other: change for other, change in changes[chosen].items() if other != name}
        other = max(rest, key=lambda key: abs(rest[key]))
        # The sign of a direction without a name is arbitrary.
        sign = -1 if changes[chosen][name] < 0 else 1
        table[name] = Effect(chosen, sign * changes[chosen][name], other, sign * rest[other])
    return table


def main(argv=None):
    args = parse_args(argv)
    files = [find_config(config) for config in args.configs]
    from mmgen.registry import MODULES

    from mmgen_bdinvert.apis import init_generator
    from mmgen_bdinvert.apis.directions import finder_of
    from mmgen_bdinvert.engine import read_config, read_settings
    from mmgen_bdinvert.utils import check_device, silence_host

    device = check_device(args.device)
    with silence_host():
        attributes = read_config(find_config(CONFIGS[0])).finder.labeller
        attributes.classifier.checkpoint = 'asset://toon_attributes/judge.safetensors'
        judge = MODULES.build(attributes).to(device).eval()
    options, columns = read_settings(args.cfg_options), {}
    for config, file in zip(args.configs, files):
        with silence_host():
            settings = read_config(file, options)
            finder = MODULES.build(dict(finder_of(settings, config)))
            generator = init_generator(settings, device)
        found = finder.find(generator)
        columns[config] = effects(generator, found, judge, args.count)
    heads = (config.removeprefix('directions/') for config in columns)
    print(f'| | {" | ".join(heads)} |')
    print(f'| --- |{" --- |" * len(columns)}')
    for name in attributes.attributes:
        cells = (
            f'{effect.own:+.2f} by {effect.direction}; {effect.other} {effect.largest:+.2f}'
            for effect in (column[name] for column in columns.values())
        )
        print(f'| {name} | {" | ".join(cells)} |')


if __name__ == '__main__':
    run_tool(main)
