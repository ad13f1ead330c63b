# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Write the weights from which another training of the toon generator can start, in float16.

These are the moving average, or the generator if there is none yet, and the discriminator: for
``model.start_from`` of ``stylegan2_toon128``, or ``model.grow_from`` of the stages before it.
"""

from __future__ import annotations

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert.io import check_outputs, claim_outputs
from mmgen_bdinvert.io.saved import save_tensors
from mmgen_bdinvert.models.checkpoint import read_state_dict

EXAMPLES = """
python -m projects.toon_faces.snapshot work_dirs/stylegan2_toon128/iter_200.pth gan.safetensors
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('checkpoint', help='checkpoint from tools/train.py')
    parser.add_argument('out', help='.safetensors file to write')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    check_outputs([args.out], 'snapshot', [args.checkpoint])
    weights = read_state_dict(args.checkpoint)
    averaged = any(name.startswith('generator_ema.') for name in weights)
    kept = ('generator_ema.' if averaged else 'generator.', 'discriminator.', 'mean_path_length')
    half = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
        if name.startswith(kept)
    }
    claim_outputs([args.out], 'snapshot', [args.checkpoint])
    save_tensors(args.out, half)
    size = sum(tensor.numel() * tensor.element_size() for tensor in half.values())
    say(f'{args.out}: {len(half)} tensors, {size / 1e6:.1f} MB.')


if __name__ == '__main__':
    run_tool(main)
