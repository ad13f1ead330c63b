# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Move and edit inverted images.

For each code OUT_DIR/<name>/ gets edited.png, code.safetensors and comparison.png; with several
strengths edited_<strength>.png and code_<strength>.safetensors for each. The run gets
contact_sheet.png, config.py and settings.json. Exit code: 0 if all codes were edited, 1 if some
were not, 2 after a wrong command.

Motions move the base code: flip, then scale, shear, rotate, shift, perspective. With --align they
say how the photo left alignment, and are undone; what is saved is the aligned face, edited. With
--and-back too, edited.png is the edit where the photo shows the face; aligned.png (by the base
code) and unwarped.png (by the pixels, which loses less) are aligned views of it. Landmarks of the
photo, and where an aligned face has them, may take the motion's place.

Directions are added up, each with its own factor and layers: --direction smile.safetensors 2
age.pt@4-7 -0.5. Strength multiplies them all: --strength -2 0 2, or seven steps by --strength
-3:3:7. The w+ codes of a project_result.pt of mmgen's projector are edited too, and written back.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli import leave_at_once

    leave_at_once()

import logging
import sys

from tqdm import tqdm

logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)  # "No CUDA runtime"
try:
    from mmgen_bdinvert import apis
    from mmgen_bdinvert.editing import add_direction_options, read_directions, shield_ranges
    from mmgen_bdinvert.geometry import add_motion_options, read_motion
    from mmgen_bdinvert.io import claim_folder
    from mmgen_bdinvert.text import printable
    from mmgen_bdinvert.utils.cli import ToolParser, check_device, run_tool, say, silence_host
except ImportError as error:  # a package is missing: the message says which
    sys.exit(f'error: {error}')


EXAMPLES = """
bdinvert edit results/*/code.safetensors --shift 0.1 0 --rotate 15 --out-dir edited/
bdinvert edit results/0 --direction smile.safetensors 2 age.pt@4-7 -0.5 --out-dir edited/
bdinvert edit results/0 --direction smile.safetensors --strength -3:3:7 --out-dir edited/
bdinvert edit results/0 --align --and-back --rotate 20 --direction age.pt --out-dir edited/
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('codes', nargs='+', help='code files, or result folders of tools/invert.py')
    parser.add_out_dir('folder for the results')
    parser.add_argument('--config', help='their config: the model in settings.json beside them')
    add_direction_options(parser)
    add_motion_options(parser)
    parser.add_argument('--device', help='such as cpu or cuda:0: the GPU if there is one')
    parser.add_cfg_options()
    args = parser.parse_args(shield_ranges(sys.argv[1:] if argv is None else argv))
    args.move = read_motion(args)
    return args


def main(argv=None):
    args = parse_args(argv)
    # Everything that needs no network is checked before one is built.
    directions, strengths = read_directions(args)
    if not directions and args.move.is_identity:
        raise ValueError('there is nothing to do: give a --direction, or a motion')
    device = check_device(args.device)
    codes = apis.find_codes(args.codes)
    config = apis.load_config(args.config or apis.recorded_config(codes), args.cfg_options)
    claim_folder(args.out_dir, 'edit', into_existing=args.into_existing)
    with silence_host():
        generator = apis.init_generator(config, device)

    with tqdm(total=len(codes), desc='codes', disable=None) as bar:

        def on_code(outcome):
            bar.update()
            if outcome.reason:
                bar.write(printable(f'error: {outcome.reason}'), file=sys.stderr)

        outcomes = apis.edit_files(
            generator,
            codes,
            args.out_dir,
            directions=directions,
            strengths=strengths,
            move=args.move,
            align=args.align,
            and_back=args.and_back,
            padding_mode=args.padding_mode,
            sampling=args.sampling,
            on_code=on_code,
            on_note=lambda sentence: bar.write(f'note: {sentence}', file=sys.stderr),
        )
    done = sum(outcome.status == 'done' for outcome in outcomes)
    say(f'{done} of {len(outcomes)} codes edited. Results: {args.out_dir}')
    return 0 if done == len(outcomes) else 1


if __name__ == '__main__':
    run_tool(main)
