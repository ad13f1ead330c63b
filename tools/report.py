# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Turn an output folder of tools/invert.py or tools/edit.py into one HTML page.

The page is self-contained: the images, worst first, with a wipe between original and
reconstruction, loss curves and metrics; medians and histograms; failures and their reasons;
settings and versions. Packed results are read too. In the folder only report.html is written.
"""

from __future__ import annotations

import sys

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_results
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert report results/
bdinvert report results/ --out-file worst.html --max-images 50
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('folder', metavar='OUT_DIR', help='output folder')
    parser.add_argument('--out-file', help='file of the page (default: OUT_DIR/report.html)')
    parser.add_argument(
        '--max-images',
        type=int,
        default=200,
        help='maximum number of images with pictures, the worst ones, 25 to 60 kB each (default: '
        '200)',
    )
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    check_results(args.folder)
    from mmgen_bdinvert.report import write_page

    path = write_page(
        args.folder,
        args.out_file,
        max_images=args.max_images,
        on_note=lambda sentence: say(f'note: {sentence}', file=sys.stderr),
    )
    say(f'Report: {path} ({path.stat().st_size / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_tool(main)
