# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Turn an output folder of tools/invert.py or tools/edit.py into one HTML page.

The page holds everything that it shows: the images, worst first, with a wipe between original and
reconstruction, loss curves and figures; medians and histograms; failures and why; settings and
versions. Packed results are read too. Nothing is changed in the folder but report.html.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli import leave_at_once

    leave_at_once()

import logging
import sys

logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)  # "No CUDA runtime"
try:
    from mmgen_bdinvert.report import write_page
    from mmgen_bdinvert.utils.cli import ToolParser, run_tool, say
except ImportError as error:  # a package is missing: the message says which
    sys.exit(f'error: {error}')


EXAMPLES = """
bdinvert report results/
bdinvert report results/ --out-file worst.html --max-images 50
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('folder', metavar='OUT_DIR', help='output folder')
    parser.add_argument('--out-file', help='the page: OUT_DIR/report.html')
    parser.add_argument(
        '--max-images',
        type=int,
        default=200,
        help='the most images with pictures, the worst ones, 30 to 60 kB each: 200',
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    path = write_page(
        args.folder,
        args.out_file,
        max_images=args.max_images,
        on_note=lambda sentence: say(f'note: {sentence}', file=sys.stderr),
    )
    say(f'Report: {path} ({path.stat().st_size / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_tool(main)
