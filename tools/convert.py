# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Convert foreign files: generators, the authors' encoder, the authors' P-norm+ statistics.

Every tensor of SOURCE is used, left out with a reason, or refused by name, and no code in it is
run. The last line of the output is the setting with which a config uses OUT.

Codes go the other way: --from codes writes a code.safetensors, or codes of one program for another,
to .npy, .npz or .pt. The tools read codes of other programs as they are.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bdinvert_cli.options import FORMATS
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_source
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert convert stylegan2-ffhq.pkl checkpoints/ffhq.safetensors --from nvidia
bdinvert convert cifar10.pkl checkpoints/ships.safetensors --from nvidia --label 8
bdinvert convert encoder.pth checkpoints/encoder.safetensors --from bdinvert-encoder --base-size 16
bdinvert convert stylegan2_ffhq1024/ checkpoints/statistics.safetensors --from bdinvert-pnorm
bdinvert convert results/photo/code.safetensors photo.npz --from codes
"""
_CODES = 'codes'


def parse_args(argv=None):
    titles = {**FORMATS, _CODES: 'latent codes of this or another program'}
    formats = '\n'.join(f'  {name:17} {title}' for name, title in titles.items())
    parser = ToolParser(
        description=f'{__doc__}\nformats:\n{formats}',
        examples=EXAMPLES,
    )
    parser.add_argument('source', help='file to convert; a folder for bdinvert-pnorm')
    parser.add_argument(
        'out', type=Path, help='.safetensors file to write; for codes .npy, .npz or .pt'
    )
    parser.add_argument(
        '--from', dest='format', choices=list(titles), required=True, help='format of SOURCE'
    )
    parser.add_argument(
        '--base-size',
        type=int,
        metavar='S',
        help='side of the base codes of a bdinvert-encoder, which is not in the file (default: 16)',
    )
    parser.add_argument(
        '--label',
        type=int,
        metavar='K',
        help='class of a conditional generator, 0 for the first; the result makes that class alone',
    )
    args = parser.parse_args(argv)
    suffixes = ('.npy', '.npz', '.pt') if args.format == _CODES else ('.safetensors',)
    if args.out.suffix not in suffixes:
        parser.error(f'OUT must end in {", ".join(suffixes)}, but got {args.out}')
    if args.base_size is not None and args.format != 'bdinvert-encoder':
        parser.error(f'--base-size belongs to bdinvert-encoder, but the format is {args.format}')
    if args.label is not None and args.format != 'nvidia':
        parser.error(f'--label belongs to nvidia, but the format is {args.format}')
    return args


def main(argv=None):
    args = parse_args(argv)
    check_source(args.source)
    from mmgen_bdinvert.converters import convert_codes, convert_file
    from mmgen_bdinvert.io import ensure_writable_folder
    from mmgen_bdinvert.utils import silence_host

    if args.format == _CODES:
        with silence_host():
            notes = []
            written = convert_codes(args.source, args.out, notes.append)
        for note in notes:
            say(f'note: {note}')
        say(f'Wrote {", ".join(map(str, written))}.')
        return
    ensure_writable_folder(args.out.parent)
    with silence_host():
        options = dict(base_size=args.base_size, label=args.label)
        done = convert_file(args.source, args.out, args.format, **options)
    say(f'{args.source}: {FORMATS[args.format]}.')
    total = done.used + len(done.set_aside)
    say(f'Used {done.used} of {total} tensors for the {len(done.tensors)} of the result.')
    for reason, count in Counter(done.set_aside.values()).items():
        say(f'Set aside {count}: {reason}.')
    if done.facts.get('source_channel_order') == 'rgb':
        say('Channels: RGB in the source, BGR in the result, as all generators of mmgen.')
    if 'source_clamp' in done.facts:
        say(f'The source clamps activations at ±{done.facts["source_clamp"]}; mmgen does not.')
    if 'label' in done.facts:
        say(f'The result makes class {done.facts["label"]} alone.')
    if 'noise_seed' in done.facts:
        say('The source has no noise maps: they are drawn, from the seed 0.')
    say(f'Wrote {args.out}. In a config:')
    say(done.config_line(args.out))


if __name__ == '__main__':
    run_tool(main)
