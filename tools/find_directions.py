# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Find directions for tools/edit.py.

CONFIG is the config of an inverter with a `finder` (examples: configs/directions). OUT_DIR gets
<name>.safetensors for each direction, and a picture <name>.png of its effect. Strength 1 is one
standard deviation of w along the direction, for every finder; of a target it is the way to its
class.

To label samples by hand, draw them with --draw-samples, write a table with the columns index and
attribute, and name it in the config as finder.labels; the same --seed draws the same samples.
"""

from __future__ import annotations

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from bdinvert_cli.text import printable

EXAMPLES = """
bdinvert find-directions directions/sefa_toon128 --out-dir directions/
bdinvert find-directions directions/sefa_ffhq --out-dir directions/ --device cuda:0
bdinvert find-directions bdinvert_inv_toon64 --draw-samples 200 --out-dir to_label/
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', metavar='CONFIG', help='config with a model and a finder')
    parser.add_out_dir('folder for the directions')
    parser.add_argument('--preview-dir', help='folder for the pictures (default: OUT_DIR)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the samples (default: 0)')
    parser.add_argument(
        '--draw-samples', type=int, metavar='N', help='only draw N samples, <index>.png, to label'
    )
    add_device(parser)
    parser.add_cfg_options(of_model=False)
    return parser.parse_args(argv)


def show(found, title):
    """Print what is known about each direction or target."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mmgen_bdinvert.apis.directions import quality_notes

    rows = [quality_notes(edit) for edit in found]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table()
    for name in (title, *columns):
        table.add_column(Text(printable(name)))
    for edit, row in zip(found, rows):
        cells = (edit.name, *(row.get(name, '') for name in columns))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


def main(argv=None):
    args = parse_args(argv)
    file = find_config(args.config)
    from tqdm import tqdm

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.apis.directions import finder_of
    from mmgen_bdinvert.editing import Target
    from mmgen_bdinvert.engine import read_config, read_settings
    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.utils import check_device, silence_host

    device = check_device(args.device)
    config = read_config(file, read_settings(args.cfg_options))
    finder = finder_of(config, args.config) if args.draw_samples is None else None
    for folder in filter(None, (args.out_dir, args.preview_dir)):
        claim_folder(folder, 'find-directions', into_existing=args.into_existing)
    with silence_host():
        generator = apis.init_generator(config, device)

    with tqdm(desc='samples', disable=None, leave=False) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        options = dict(seed=args.seed, progress=progress)
        if args.draw_samples is not None:
            folder = apis.draw_samples(generator, args.out_dir, count=args.draw_samples, **options)
        else:
            found = apis.find_directions(
                generator, finder, args.out_dir, preview_dir=args.preview_dir, **options
            )
    if args.draw_samples is not None:
        say(f'{args.draw_samples} samples of seed {args.seed}: {folder}')
        return
    title = 'target' if all(isinstance(edit, Target) for edit in found) else 'direction'
    show(found, title)
    say(f'{len(found)} {title}{"s" * (len(found) != 1)}: {args.out_dir}')


if __name__ == '__main__':
    run_tool(main)
