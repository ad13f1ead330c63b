# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Make figures like the paper's on the embedded toon faces.

OUT_DIR gets teaser.png, base_codes.png, targets.png, ablation.png and moved_edits.png. Another run
takes the inversions from WORK_DIR.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool, say

FACES = ('shifted_2', 'rotated_0', 'scaled_0', 'shifted_0')  # photos of demo/images
METHODS = {
    'w_plus': 'W+',
    'fw_plain': 'no regulariser',
    'fw_detail': 'detail regulariser',
    'bdinvert_16': 'base and detail regulariser',
}
COLOURS = {
    'pale skin': ('pale_skin', 1.0),
    'dark skin': ('dark_skin', 1.0),
    'blond hair': ('blond_hair', 1.0),
    'black hair': ('black_hair', 1.0),
    'lighter clothes': ('clothes_lightness', 2.0),
}
SHAPES = {
    'laughing': ('laughing', 1.5),
    'wide eyes': ('wide_eyes', 1.5),
    'closed eyes': ('closed_eyes', 1.5),
}
TARGETS = {
    **{name: COLOURS[name] for name in ('black hair', 'blond hair', 'pale skin', 'dark skin')},
    **SHAPES,
    'no beard': ('no_beard', 1.5),
}


EXAMPLES = """
python -m benchmarks.figures --out-dir figures/
python -m benchmarks.figures --out-dir figures/ --steps 5 --device cpu
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_out_dir('folder for the figures')
    parser.add_argument(
        '--work-dir',
        default='work_dirs/figures',
        help='folder for the inversions (default: work_dirs/figures)',
    )
    parser.add_argument(
        '--images',
        default=Path(__file__).parents[2] / 'demo' / 'images',
        help='folder of the photos (default: demo/images of the checkout)',
    )
    parser.add_argument(
        '--steps', type=int, help="optimisation steps (default: the benchmark config's)"
    )
    add_device(parser)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    check_images([args.images])
    from tqdm import tqdm

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.apis.codes import load_codes
    from mmgen_bdinvert.editing import load_direction
    from mmgen_bdinvert.io import claim_folder, claim_outputs, read_image, save_png
    from mmgen_bdinvert.utils import check_device, silence_host

    from ..quality.plan import build_method, read_plan
    from . import rows as figures

    def load_edits(edits):
        return {
            caption: (load_direction(f'asset://toon128/{name}.safetensors'), strength)
            for caption, (name, strength) in edits.items()
        }

    device = check_device(args.device)
    out_dir = claim_folder(args.out_dir, 'make-figures', into_existing=args.into_existing)
    paths = [Path(args.images, f'{name}.png') for name in FACES]
    plan = read_plan('toon128')
    if args.steps is not None:
        plan = replace(plan, num_steps=args.steps)
    codes = {}
    for method in tqdm(METHODS, desc='methods', disable=None):
        folder = Path(args.work_dir, method)
        with silence_host():
            inverter = build_method(plan, method, device)
        apis.invert_files(inverter, paths, folder)
        files = [folder / name / 'code.safetensors' for name in FACES]
        codes[method] = load_codes(files, inverter.generator)
    generator = inverter.generator
    photos = [read_image(path, generator.resolution) for path in paths]
    names = [name.partition('_')[0] for name in FACES]
    colours, shapes = load_edits(COLOURS), load_edits(SHAPES)
    few = {key: colours[key] for key in ('dark skin', 'blond hair')}
    first = {**few, 'wide eyes': shapes['wide eyes']}
    ours = codes['bdinvert_16']
    straight = apis.straighten(inverter, ours, num_steps=min(20, inverter.num_steps))
    made = {
        'teaser': figures.teaser(generator, photos, ours, codes['w_plus'], first, straight, names),
        'base_codes': figures.base_codes(generator),
        'targets': figures.targets(generator, load_edits(TARGETS)),
        'ablation': figures.ablation(
            generator,
            photos,
            {METHODS[method]: codes[method] for method in METHODS if method != 'w_plus'},
            few,
            names,
        ),
        'moved_edits': figures.moved_edits(generator, photos, ours, colours, shapes, names),
    }
    claim_outputs([out_dir / f'{name}.png' for name in made], 'make-figures', paths)
    for name, picture in made.items():
        save_png(out_dir / f'{name}.png', figures.rounded(picture))
    say(f'Figures: {out_dir}')


if __name__ == '__main__':
    run_tool(main)
