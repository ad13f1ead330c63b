# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Run the path of docs/authors.md at full size on random weights: times and peak memory.

It writes a generator in OpenMMLab's layout, a VGG16 in torchvision's and an encoder in the layout
of BDInvert's authors, then converts, inverts and edits with the commands that a user gives, and
trains an encoder for a few iterations at each batch size. The pictures mean nothing; times and
memory are those of real weights.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_directions, check_source
from bdinvert_cli.running import run_tool, say

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = """
python -m benchmarks.full_size --statistics pnorm/stylegan2_ffhq1024 --directions age.pt smile.pt
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        '--statistics', metavar='FOLDER', help="P-norm+ statistics of BDInvert's authors"
    )
    parser.add_argument(
        '--directions', nargs='*', default=[], metavar='FILE', help='directions to edit with'
    )
    parser.add_argument('--steps', type=int, default=10, help='steps to invert (default: 10)')
    parser.add_argument(
        '--batch-size',
        type=int,
        nargs='*',
        default=[1, 2, 4],
        help='batch sizes to train an encoder with (default: 1 2 4)',
    )
    parser.add_argument('--iterations', type=int, default=3, help='iterations of each (default: 3)')
    parser.add_argument('--device', default='cpu', help='device, as of torch (default: cpu)')
    parser.add_out_dir('folder for files and results', default='work_dirs/full_size')
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'steps', 'iterations', 'batch_size')
    return args


def write_weights(folder: str) -> None:
    """Write random weights in the layouts of OpenMMLab, torchvision and BDInvert's authors."""
    import torch
    from torchvision.models import vgg16

    from mmgen_bdinvert.engine import read_config
    from mmgen_bdinvert.models import BaseCodeEncoder

    # mmgen is imported by the line above, in the order that it needs.
    from mmgen.models.architectures import StyleGANv2Generator  # isort: skip

    torch.manual_seed(0)
    generator = StyleGANv2Generator(1024, 512).state_dict()
    settings = dict(read_config(find_config('bdinvert_inv_ffhq')).model.encoder)
    settings.pop('type'), settings.pop('checkpoint')
    encoder = BaseCodeEncoder(**settings).model.state_dict()
    contents = {
        'generator.pth': {'state_dict': {f'generator_ema.{k}': v for k, v in generator.items()}},
        'encoder.pth': {'encoder': {f'model.{k}': v for k, v in encoder.items()}, 'epoch': 0},
        'vgg16.pth': vgg16(weights=None).state_dict(),
    }
    for name, content in contents.items():
        torch.save(content, Path(folder, name))


def measured(words: Sequence[str], log: Path) -> tuple[float, float, float]:
    """Run a command of this checkout; return wall and CPU seconds and its peak memory in MiB."""
    began, env = time.monotonic(), {**os.environ, 'PYTHONPATH': str(ROOT)}
    with log.open('ab') as file:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=ROOT, env=env, stdout=file, stderr=file
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{" ".join(map(str, words))} failed; see {log}')
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(argv=None):
    args = parse_args(argv)
    if args.statistics is not None:
        check_source(args.statistics)
    check_directions(args.directions)
    from mmgen_bdinvert.io import claim_folder, claim_outputs

    out_dir = claim_folder(args.out_dir, 'full-size').resolve()
    log = out_dir / 'commands.log'
    files = {name: out_dir / f'{name}.pth' for name in ('generator', 'encoder', 'vgg16')}
    claim_outputs([*files.values(), log], 'full-size')
    # In a process of its own: what this one holds would count as memory of those it starts.
    write = 'import sys; from benchmarks.full_size import write_weights; write_weights(sys.argv[1])'
    measured(['-c', write, str(out_dir)], log)
    photo = ROOT / 'demo/images/rotated_0.png'
    for line in ('| command | seconds | CPU seconds | peak MiB |', '| --- | --- | --- | --- |'):
        say(line)

    def row(name, words):
        seconds, cpu, memory = measured(words, log)
        say(f'| {name} | {seconds:.1f} | {cpu:.1f} | {memory:.0f} |')

    weights = [
        f'model.generator.checkpoint={files["generator"]}',
        f'model.encoder.checkpoint={out_dir / "encoder.safetensors"}',
        f'model.statistics.path={out_dir / "statistics.safetensors"}',
        f'model.losses.perceptual.backbone={files["vgg16"]}',
    ]
    convert = ['tools/convert.py', files['encoder'], out_dir / 'encoder.safetensors']
    row('convert the encoder', [*convert, '--from', 'bdinvert-encoder', '--base-size', 16])
    if args.statistics is not None:
        source = Path(args.statistics).resolve()
        convert = ['tools/convert.py', source, out_dir / 'statistics.safetensors']
        row('convert the statistics', [*convert, '--from', 'bdinvert-pnorm'])
    else:
        words = ['tools/latent_stats.py', 'bdinvert_inv_ffhq', out_dir / 'statistics.safetensors']
        row('measure the statistics', [*words, '--cfg-options', weights[0]])
    results = out_dir / 'results'
    for steps in (1, args.steps + 1):
        words = ['tools/invert.py', 'bdinvert_inv_ffhq_authors', photo, '--steps', steps]
        words += ['--device', args.device, '--out-dir', results / str(steps)]
        row(f'invert a photo, {steps} steps', [*words, '--cfg-options', *weights])
    code = results / str(args.steps + 1) / photo.stem / 'code.safetensors'
    for direction in args.directions:
        words = ['tools/edit.py', code, '--direction', Path(direction).resolve()]
        words += ['--strength', -2, -1, 0, 1, 2, '--device', args.device]
        words += ['--out-dir', out_dir / 'edited' / Path(direction).stem]
        row(f'five edits with {Path(direction).name}', words)
    for size in args.batch_size:
        words = ['tools/train.py', 'bdinvert_enc_ffhq', '--work-dir', out_dir / f'train_{size}']
        words += ['--cfg-options', weights[0], weights[3]]
        words += [f'val_evaluator.perceptual.backbone={files["vgg16"]}']
        words += [f'train_dataloader.batch_size={size}', f'train_cfg.max_iters={args.iterations}']
        words += ['val_dataloader.batch_size=1', 'val_dataloader.dataset.length=1']
        row(f'train an encoder, {args.iterations} iterations of {size}', words)


if __name__ == '__main__':
    run_tool(main)
