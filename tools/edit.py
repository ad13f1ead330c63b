# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Move and edit inverted images.

For each code OUT_DIR/<name>/ gets edited.png, code.safetensors and comparison.png; with several
strengths edited_<strength>.png and code_<strength>.safetensors for each; of a window of a photo
also photo.png, the photo with the edit in it. The run gets contact_sheet.png, config.py and
settings.json. Exit code: 0 if all codes were edited, 1 if some were not, 2 after a wrong command.

Motions move the base code: flip, then scale, shear, rotate, shift, perspective. With --align the
motion is the one that took the photo out of alignment, and is undone: the results show the aligned
face. With --and-back too, edited.png has the edited face at its place in the photo; aligned.png (by
the base code) and unwarped.png (by the pixels, which loses less detail) are aligned views of it.
Instead of a motion, landmarks of the photo and of an aligned face can be given; --align auto takes
the motion of the face that invert --find has found. With --complete the aligned face is inverted
once more, and what its photo does not show is drawn by the generator; aligned.png shows that.

Directions are added, and targets reached, one after the other, each with its own factor and layers:
--direction black_hair beard 2 age.pt@4-7 -0.5. Of two targets of one attribute the last one counts.
Those of a generator have names (see --direction), others are files. Strengths multiply all of
them: --strength -2 0 2, or seven steps by --strength -3:3:7. Codes of other programs (.pt,
.npy, .npz) can be edited too; edited codes of a projector are also saved in its format.
"""

from __future__ import annotations

import sys

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import (
    add_device,
    add_direction_options,
    add_motion_options,
    shield_ranges,
)
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_codes, check_directions
from bdinvert_cli.running import run_tool, say
from bdinvert_cli.text import printable

EXAMPLES = """
bdinvert edit results/*/code.safetensors --shift 0.1 0 --rotate 15 --out-dir edited/
bdinvert edit results/0 --direction beard 2 age.pt@4-7 -0.5 --out-dir edited/
bdinvert edit results/0 --direction beard --strength -3:3:7 --out-dir edited/
bdinvert edit results/0 --align --and-back --rotate 20 --direction age.pt --out-dir edited/
bdinvert edit results/ --align auto --and-back --direction age.pt --out-dir edited/
bdinvert edit results/ --align auto --complete --out-dir straight/
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('codes', nargs='+', help='code files, also foreign ones, or result folders')
    parser.add_out_dir('folder for the results')
    parser.add_argument(
        '--config', help='their config (default: the model in settings.json beside them)'
    )
    add_direction_options(parser)
    add_motion_options(parser)
    parser.add_argument(
        '--complete',
        action='store_true',
        help='with --align: invert the aligned face once more (20 steps), and let the generator '
        'draw what the photo does not show',
    )
    add_device(parser)
    parser.add_cfg_options()
    args = parser.parse_args(shield_ranges(sys.argv[1:] if argv is None else argv))
    if args.complete and not args.align:
        parser.error('--complete belongs to --align, which is missing')
    if args.complete and (args.padding_mode, args.sampling) != ('border', 'bicubic'):
        parser.error('--complete moves no base code: --padding-mode and --sampling do not apply')
    return args


def main(argv=None):
    args = parse_args(argv)
    if args.config is not None:
        find_config(args.config)
    check_codes(args.codes)
    check_directions(args.direction)
    from tqdm import tqdm

    from mmgen_bdinvert import apis
    from mmgen_bdinvert.editing import named_directions, read_directions
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.engine.config import pivot_of
    from mmgen_bdinvert.geometry import read_motion
    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.utils import check_device, silence_host

    # Everything that needs no network is checked before one is built.
    move = read_motion(args)
    asked = args.direction or args.strength or args.layers
    if not asked and move.is_identity and args.align != 'auto':
        raise ValueError('there is nothing to do: give a --direction, or a motion')
    device = check_device(args.device)
    codes = apis.find_codes(args.codes)
    config = apis.load_config(
        args.config or apis.recorded_config(codes), read_settings(args.cfg_options)
    )
    if args.complete and config.model.get('encoder') is None:
        raise ValueError(
            '--complete needs an inverter with a base-code encoder, but the config has none: give '
            '--config of one'
        )
    names = named_directions(pivot_of(config.model).get('generator') or {})
    directions, strengths = read_directions(args, names)
    claim_folder(args.out_dir, 'edit', into_existing=args.into_existing)
    with silence_host():
        build = apis.init_inverter if args.complete else apis.init_generator
        model = build(config, device=device)

    with tqdm(total=len(codes), desc='codes', disable=None) as bar:

        def on_code(outcome):
            bar.update()
            if outcome.reason:
                bar.write(printable(f'error: {outcome.reason}'), file=sys.stderr)

        outcomes = apis.edit_files(
            model,
            codes,
            args.out_dir,
            directions=directions,
            strengths=strengths,
            move=move,
            align='auto' if args.align == 'auto' else bool(args.align),
            and_back=args.and_back,
            complete=args.complete,
            padding_mode=args.padding_mode,
            sampling=args.sampling,
            on_code=on_code,
            on_note=lambda sentence: bar.write(printable(f'note: {sentence}'), file=sys.stderr),
        )
    done = sum(outcome.status == 'done' for outcome in outcomes)
    say(f'{done} of {len(outcomes)} codes edited. Results: {args.out_dir}')
    return 0 if done == len(outcomes) else 1


if __name__ == '__main__':
    run_tool(main)
