# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Transfer the weights of a generator with a given mapping network to one with a learned one.

A style of the old generator is a linear function of its w. The old w of a face is estimated from
the new w by least squares over random labels; the product of both is a linear function of the new
w. Layers that a later stage has already trained come from its checkpoint.
"""

from __future__ import annotations

import math

import torch

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.saved import save_tensors
from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from mmgen_bdinvert.models.checkpoint import GENERATOR_PREFIXES, read_state_dict, select_part

from .labelled_latents import latents_with_labels
from .labelled_noise import LabelledNoise

CHOICES = [4, 4, 2, 5, 2, 5, 5, 5, 5, 5, 5, 10, 8]  # of TOON_LABELS
STYLE = '.style_modulation.linear.weight_orig'
SAMPLES, RIDGE = 30000, 1e-4

EXAMPLES = """
python -m projects.toon_faces.carry_over old.safetensors iter_2400.pth carried.safetensors
"""


def mapping_of(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Return the mapping network of a generator's weights."""
    part = {k: v for k, v in weights.items() if k.startswith('style_mapping.')}
    width = len(part['style_mapping.1.bias'])
    generator = NarrowStyleGANv2Generator(8, width, {4: 1, 8: 1}, num_mlps=len(part) // 2)
    generator.load_state_dict(part, strict=False)
    return generator.style_mapping


@torch.no_grad()
def estimate(old: torch.nn.Module, new: torch.nn.Module, old_width: int, width: int):
    """Return the matrix (D, D_old) and the offset (D_old,) that take new w to old w."""
    labels = (torch.rand(SAMPLES, len(CHOICES)) * torch.tensor(CHOICES)).long()
    noise = LabelledNoise(CHOICES)
    w = new(noise(labels, torch.full((SAMPLES, noise.motions), torch.nan), width)[0])
    target = sum(old(latents_with_labels(labels, CHOICES, old_width)) for _ in range(4)) / 4
    x = torch.cat([w, torch.ones(SAMPLES, 1)], 1)
    gram = x.T @ x / SAMPLES + RIDGE * torch.eye(x.shape[1])
    matrix = torch.linalg.solve(gram, x.T @ target / SAMPLES)
    return matrix[:-1], matrix[-1]


def carried_over(old: dict[str, torch.Tensor], mapping: dict[str, torch.Tensor]) -> dict:
    """Return the old generator's weights under the mapping network of the other ones."""
    old = {name: tensor.float() for name, tensor in old.items()}
    old_width, width = (len(part['style_mapping.1.bias']) for part in (old, mapping))
    matrix, offset = estimate(mapping_of(old), mapping_of(mapping), old_width, width)
    weights = dict(old)
    for name in [name for name in old if name.endswith(STYLE)]:
        linear = old[name] / math.sqrt(old_width)
        weights[name] = linear @ matrix.T * math.sqrt(width)
        bias = name.replace(STYLE, '.style_modulation.bias')
        weights[bias] = old[bias] + linear @ offset
    for name in [name for name in old if name.endswith('noise_injector.weight')]:
        weights[name] = torch.zeros(1)  # drawings have no noise
    weights.update((k, v) for k, v in mapping.items() if k.startswith('style_mapping.'))
    return weights


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('old', help='weights of the generator with a given mapping network')
    parser.add_argument('mapping', help='checkpoint of stylegan2_toon128_mapping')
    parser.add_argument('out', help='.safetensors file to write, for grow_from')
    parser.add_argument('--trained', help='checkpoint of a stage whose layers are kept')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    inputs = [args.old, args.mapping, args.trained]
    check_outputs([args.out], 'carry-over', inputs)
    torch.manual_seed(0)
    old, mapping = (
        select_part(read_state_dict(path), GENERATOR_PREFIXES)[0]
        for path in (args.old, args.mapping)
    )
    weights = carried_over(old, mapping)
    if args.trained:
        weights.update(select_part(read_state_dict(args.trained), GENERATOR_PREFIXES)[0])
    claim_outputs([args.out], 'carry-over', inputs)
    save_tensors(args.out, weights)
    say(f'Carried over into {args.out}: {len(weights)} tensors.')


if __name__ == '__main__':
    run_tool(main)
