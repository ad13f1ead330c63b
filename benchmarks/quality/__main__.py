# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Compare BDInvert with its baselines: reconstruction, and edits against drawn truth.

Every inversion and every measurement is stored at once, so a run that was stopped resumes, and a
run can be split by --methods, --kinds and --count. With everything stored, a run only writes the
report. For photos (--images) no edit is known to be true, so only reconstruction is measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool, say

from . import KINDS

EXAMPLES = """
python -m benchmarks.quality toon128 --count 4 --kinds aligned shifted --methods w_plus bdinvert_8
python -m benchmarks.quality ffhq --images photos/ --out-dir work_dirs/photos
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        'plan', nargs='?', default='toon64', help='config of the benchmark (default: toon64)'
    )
    parser.add_argument('--images', help='folder of photos (default: drawn faces)')
    parser.add_argument('--methods', nargs='+', help='methods to compare (default: all)')
    parser.add_argument(
        '--kinds', nargs='+', choices=KINDS, help='motions of the faces (default: all)'
    )
    parser.add_argument('--count', type=int, help='faces of each kind (default: 64; all photos)')
    parser.add_argument(
        '--steps', type=int, help="steps of every optimisation (default: the configs')"
    )
    parser.add_argument('--batch-size', type=int, default=16, help='images at a time (default: 16)')
    parser.add_out_dir('folder for stored results', default='work_dirs/benchmark')
    parser.add_argument(
        '--report-dir', help='folder for tables and pictures (default: OUT_DIR/report)'
    )
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'count')
    parser.check_least(args, 0, 'steps')
    return args


def main(argv=None):
    args = parse_args(argv)
    check_images([args.images] if args.images else [])
    from tqdm import tqdm

    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.utils import check_device, silence_host
    from mmgen_bdinvert.utils.markdown import print_markdown

    from .faces import DrawnFaces, Photos
    from .plan import read_plan, resolution
    from .report import write_report
    from .runner import Benchmark

    device = check_device(args.device)
    report_dir = args.report_dir or f'{args.out_dir}/report'
    if args.into_existing:
        for folder in (args.out_dir, report_dir):
            claim_folder(folder, 'benchmark-quality', into_existing=True)
    with silence_host():
        plan = read_plan(args.plan)
        if args.steps is not None:
            plan = replace(plan, num_steps=args.steps)
        size = resolution(plan)
        faces: DrawnFaces | Photos
        if args.images is None:
            faces, kinds = DrawnFaces(args.count or 64, size), list(KINDS)
        else:
            faces, kinds = Photos(args.images, args.count, size), ['aligned']
            plan = replace(plan, edits=(), classifier=None)
        benchmark = Benchmark(
            plan,
            faces,
            args.kinds or kinds,
            args.out_dir,
            batch_size=args.batch_size,
            device=device,
        )
    counts = [len(benchmark.indices_of(method)) for method in args.methods or plan.methods]
    total = len(benchmark.kinds) * sum(counts)
    with tqdm(total=total, desc='faces', disable=None) as bar:

        def on_inverted(method, kind, count):
            bar.set_description(f'{method} {kind}')
            bar.update(count)

        def on_step(step, steps, *_):
            bar.set_postfix_str(f'step {step}/{steps}')

        rows = benchmark.run(args.methods, on_inverted=on_inverted, on_step=on_step)
    command = f'python -m benchmarks.quality {Path(args.plan).stem} --count {len(faces.names)}'
    command += f' --kinds {" ".join(benchmark.kinds)}'
    command += f' --methods {" ".join(args.methods)}' if args.methods else ''
    command += '' if plan.num_steps is None else f' --steps {plan.num_steps}'
    files = write_report(benchmark, rows, report_dir, command=command)
    print_markdown(files[0].read_text(encoding='utf-8'))
    say(f'Report: {", ".join(map(str, files))}')


if __name__ == '__main__':
    run_tool(main)
