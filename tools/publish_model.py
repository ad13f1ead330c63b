# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Write the generator or the encoder of a training checkpoint as a small safetensors file."""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli import leave_at_once

    leave_at_once()

from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.saved import save_tensors
from mmgen_bdinvert.models.checkpoint import (
    ENCODER_PREFIXES,
    GENERATOR_PREFIXES,
    read_state_dict,
    select_part,
)
from mmgen_bdinvert.utils.cli import ToolParser, run_tool, say

# Without the bare prefix '': a checkpoint that has no such part must not pass for one.
PARTS = {'generator': GENERATOR_PREFIXES[:-1], 'encoder': ENCODER_PREFIXES[:-1]}


EXAMPLES = """
bdinvert publish-model work_dirs/my_gan/iter_1000.pth encoder.safetensors --part encoder --half
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('checkpoint', help='checkpoint of tools/train.py')
    parser.add_argument('out', help='.safetensors file to write')
    parser.add_argument('--part', choices=list(PARTS), required=True, help='what to write')
    parser.add_argument('--half', action='store_true', help='store weight matrices in float16')
    args = parser.parse_args(argv)
    if not args.out.endswith('.safetensors'):
        parser.error(f'OUT must end in .safetensors, but got {args.out}')
    return args


def main(argv=None):
    args = parse_args(argv)
    check_outputs([args.out], 'publish-model', [args.checkpoint])
    tensors, prefix = select_part(read_state_dict(args.checkpoint), PARTS[args.part])
    if not tensors:
        raise ValueError(
            f'{args.checkpoint} holds no {args.part}: no key starts with any of '
            f'{", ".join(PARTS[args.part])}.'
        )
    if args.half:  # running statistics and biases are small, and need their range
        tensors = {
            k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in tensors.items()
        }
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            remedy = ': leave --half out' if args.half else ''
            raise ValueError(f'The tensor {name} holds values that are not finite{remedy}.')
    claim_outputs([args.out], 'publish-model')
    save_tensors(args.out, tensors)
    say(f'Wrote the {len(tensors)} tensors under "{prefix}" to {args.out}.')


if __name__ == '__main__':
    run_tool(main)
