# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Write the generator or an encoder of a training checkpoint as a small safetensors file."""

from __future__ import annotations

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_checkpoint
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert publish-model work_dirs/encoder/iter_1000.pth encoder.safetensors --part encoder --half
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('checkpoint', help='checkpoint from tools/train.py')
    parser.add_argument('out', help='.safetensors file to write')
    parser.add_argument(
        '--part',
        choices=('generator', 'encoder', 'detail_encoder'),
        required=True,
        help='part to write',
    )
    parser.add_argument(
        '--half', action='store_true', help='store weight matrices in float16 (half precision)'
    )
    args = parser.parse_args(argv)
    if not args.out.endswith('.safetensors'):
        parser.error(f'OUT must end in .safetensors, but got {args.out}')
    return args


def main(argv=None):
    args = parse_args(argv)
    check_checkpoint(args.checkpoint)
    from mmgen_bdinvert.io import check_outputs, claim_outputs
    from mmgen_bdinvert.io.saved import save_tensors
    from mmgen_bdinvert.models.checkpoint import (
        DETAIL_PREFIXES,
        ENCODER_PREFIXES,
        GENERATOR_PREFIXES,
        read_state_dict,
        select_part,
    )

    check_outputs([args.out], 'publish-model', [args.checkpoint])
    # Without the bare prefix '': a checkpoint that has no such part must not pass for one.
    known = {
        'generator': GENERATOR_PREFIXES,
        'encoder': ENCODER_PREFIXES,
        'detail_encoder': DETAIL_PREFIXES,
    }
    prefixes = known[args.part][:-1]
    tensors, prefix = select_part(read_state_dict(args.checkpoint), prefixes)
    if not tensors:
        raise ValueError(
            f'{args.checkpoint} holds no {args.part}: no key starts with any of '
            f'{", ".join(prefixes)}.'
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
