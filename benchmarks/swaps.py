# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure what base codes show of a face that the detail code should decide.

Faces are generated, and rendered with the detail code of another one: from the base code that the
generator made, and from the one that the encoder predicts. A classifier that never saw a generator
reads attributes of the result, where they differ in the two faces: 1 is read as in the face of the
detail code, so that an edit can change it; what is read as in the face of the base code, an edit of
the detail code hardly reaches.
"""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

from .options import add_config

ATTRIBUTES = ('mouth', 'eyes', 'has_beard', 'skinColor', 'hairColor', 'clothesColor')
EXAMPLES = """
python -m benchmarks.swaps
python -m benchmarks.swaps bdinvert_inv_toon128_8x8 --count 32
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    add_config(parser)
    parser.add_argument('--count', type=int, default=128, help='faces (default: 128)')
    parser.add_cfg_options()
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 2, 'count')
    return args


def shares(inverter, classifier, count: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Read attributes of generated faces with swapped detail codes.

    Args:
        inverter (RegularizedInverter): With an encoder.
        classifier (nn.Module): RGB images (n, 3, H, W) to logits (n, classes) by attribute.
        count (int): Faces, two or more; the detail code of each is that of the next one.

    Returns:
        dict[str, dict[str, tuple[float, float]]]: For 'generator' and 'encoder', by attribute: the
        shares that are read as in the face of the detail code, and as in that of the base code;
        NaN where all faces are alike.
    """
    import torch

    generator = inverter.generator
    z = torch.randn(count, generator.style_dim, generator=torch.Generator().manual_seed(0))

    def read(images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {k: v.argmax(1).cpu() for k, v in classifier(images.clamp(-1, 1)).items()}

    found: dict[str, list[dict[str, torch.Tensor]]] = {}
    with torch.no_grad():
        styles = generator.to_w_plus(generator.mapping(z.to(generator.device)))
        for first in range(0, count, 16):
            own = styles[first : first + 16]
            other = styles.roll(-1, 0)[first : first + 16, generator.first_detail :]
            rgb = generator.to_rgb(generator.quick_synthesis(own)).clamp(-1, 1)
            bases = {'generator': generator.split(own).base, 'encoder': inverter.encoder(rgb)}
            found.setdefault('faces', []).append(read(rgb))
            for name, base in bases.items():
                swapped = read(generator.to_rgb(generator(base, other)))
                found.setdefault(name, []).append(swapped)
    whole = {k: {a: torch.cat([part[a] for part in v]) for a in v[0]} for k, v in found.items()}
    faces = whole.pop('faces')

    def share(seen: torch.Tensor, of_base: torch.Tensor) -> tuple[float, float]:
        of_detail = of_base.roll(-1, 0)
        chosen = of_base != of_detail
        as_detail, as_base = ((seen == of)[chosen].float().mean() for of in (of_detail, of_base))
        return float(as_detail), float(as_base)

    return {k: {a: share(seen, faces[a]) for a, seen in v.items()} for k, v in whole.items()}


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    from mmgen_bdinvert.apis import init_inverter, load_config
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.utils import check_device, silence_host
    from projects.toon_faces.attributes import ToonAttributes

    device = check_device(args.device)
    with silence_host():
        config = load_config(args.config, read_settings(args.cfg_options))
        inverter = init_inverter(config, device=device)
        judge = ToonAttributes('asset://toon_attributes/judge.safetensors').to(device)
    if getattr(inverter, 'encoder', None) is None:
        raise ValueError(
            f'Base codes are predicted by a config with an encoder, but {args.config} has none.'
        )
    found = shares(inverter, judge, args.count)
    print(f'| base code of | {" | ".join(ATTRIBUTES)} |')
    print(f'| --- |{" --- |" * len(ATTRIBUTES)}')
    for k, label in enumerate(('as the detail code', 'as the base code')):
        for source, by_attribute in found.items():
            values = ' | '.join(f'{by_attribute[name][k]:.2f}' for name in ATTRIBUTES)
            print(f'| the {source}, read {label} | {values} |')


if __name__ == '__main__':
    run_tool(main)
