# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Options that several tools share, and their choices.

The choices repeat those of the package, which takes seconds to import; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .parser import ToolParser

FINDS = ('face', 'faces')
FIT_MODES = ('crop', 'pad', 'squash')
LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
NO_FACE = ('fail', 'centre')
PADDING_MODES = ('border', 'reflection', 'zeros')
SAMPLING_MODES = ('bilinear', 'bicubic')
PRESETS = ('paper', 'fast', 'draft', 'quick', 'instant')
DIRECTIONS = {  # and targets, of the embedded generators
    'toon128': (
        *('beard', 'black_hair', 'blond_hair', 'closed_eyes', 'clothes_lightness', 'dark_skin'),
        *('eyes_open', 'hair_lightness', 'laugh', 'laughing', 'no_beard', 'pale_skin'),
        *('skin_lightness', 'wide_eyes'),
    ),
    'toon64': ('clothes_lightness', 'hair_lightness', 'skin_lightness'),
}
# HEIF needs a Pillow plugin, but is listed so that phone photos are never skipped silently.
IMAGE_SUFFIXES = frozenset(
    '.png .apng .jpg .jpeg .jpe .jfif .mpo .bmp .gif .webp .tif .tiff '
    '.ppm .pgm .pbm .pnm .jp2 .j2k .avif .heic .heif'.split()
)
FORMATS = {  # of foreign files, and what they are
    'genforce': 'a StyleGAN1 or StyleGAN2 generator of GenForce',
    'rosinality': "a StyleGAN2 of rosinality's, or one inside a file of e4e, pSp or ReStyle",
    'basicsr': 'a StyleGAN2 generator of BasicSR',
    'nvidia': "a StyleGAN2 of NVIDIA's PyTorch repositories, or one that PTI tuned",
    'mmgen': 'a StyleGAN1 or StyleGAN2 checkpoint of mmgen or mmagic',
    'bdinvert-encoder': "a base-code encoder of BDInvert's authors",
    'bdinvert-pnorm': "a folder of P-norm+ statistics of BDInvert's authors",
}


def add_device(parser: ToolParser) -> None:
    """Add ``--device``."""
    parser.add_argument('--device', help='such as cpu or cuda:0 (default: a GPU if available)')


def add_launcher(parser: ToolParser) -> None:
    """Add ``--launcher``."""
    parser.add_argument(
        '--launcher',
        choices=LAUNCHERS,
        default='none',
        help='how several processes were started (default: none)',
    )


def add_domain(parser: ToolParser) -> None:
    """Add what :func:`bdinvert_cli.configs.set_domain` reads."""
    parser.add_argument(
        '--domain',
        metavar='CONFIG',
        help='with a config baselines/...: the inversion whose generator it takes (default: '
        'bdinvert_inv_toon128)',
    )


def add_runner_options(parser: ToolParser) -> None:
    """Add the options that mmengine's tools share."""
    parser.add_out_dir(
        'folder for the results (default: work_dirs/<config name>)',
        option='--work-dir',
        required=False,
    )
    parser.add_argument('--amp', action='store_true', help='use mixed precision, bfloat16')
    parser.add_cfg_options(of_model=False)
    add_launcher(parser)
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help='set by the launcher'
    )


def add_photo_options(parser: ToolParser) -> None:
    """Add what ``mmgen_bdinvert.apis.look_of`` reads: where to look in photos."""
    group = parser.add_argument_group('photos', 'a square of each of them is inverted')
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        '--window',
        nargs='+',
        type=float,
        metavar='N',
        help='X Y SIZE [ANGLE]: its upper left corner and side in pixels, and by how many degrees '
        'it is turned about its centre, counter-clockwise',
    )
    where.add_argument(
        '--find', choices=FINDS, help='the largest face, or all, each with results of its own'
    )
    group.add_argument(
        '--window-margin',
        type=float,
        metavar='M',
        help='with --find: margin about a face, in sides of its aligned square (default: 0.1)',
    )
    group.add_argument(
        '--mask',
        metavar='FILE',
        help='what of the window counts: ellipse, face, or an image as large as the photo, black '
        'where it does not; an edit leaves the rest of the photo as it is',
    )
    group.add_argument(
        '--no-face',
        choices=NO_FACE,
        help='with --find: what becomes of a photo without a face: fail; or its centre square',
    )


def add_motion_options(parser: ToolParser) -> None:
    """Add what ``mmgen_bdinvert.geometry.read_motion`` reads, and how a map is sampled.

    Args:
        parser (ToolParser): Gets ``--shift``, ``--rotate``, ``--scale``, ``--shear``,
            ``--flip``, ``--perspective``, ``--landmarks``, ``--template``, ``--align``,
            ``--and-back``, ``--padding-mode`` and ``--sampling``.
    """
    group = parser.add_argument_group(
        'motion', 'in the order flip, scale, shear, rotate, shift, perspective (default: none)'
    )
    pair = dict(nargs=2, type=float, default=(0.0, 0.0), metavar=('DX', 'DY'))
    group.add_argument('--shift', **pair, help='right and down, as fractions of the image')
    turn = dict(type=float, default=0.0, metavar='DEGREES')
    group.add_argument('--rotate', **turn, help='counter-clockwise')
    group.add_argument('--scale', type=float, default=1.0, metavar='S', help='enlargement')
    group.add_argument('--shear', **turn, help='slant the top to the right')
    group.add_argument('--flip', action='store_true', help='mirror left-right')
    points = dict(type=float, metavar='X')
    group.add_argument(
        '--perspective',
        nargs=8,
        **points,
        help='new places of the corners, clockwise from the upper left: X Y X Y X Y X Y as '
        'fractions of the image (default: 0 0 1 0 1 1 0 1)',
    )
    group.add_argument(
        '--align',
        nargs='?',
        const='given',
        default=False,
        choices=('given', 'auto'),
        metavar='auto',
        help='undo that motion instead, so that the face of a moved photo is aligned; auto, for '
        'bdinvert edit alone: the motion by which --find has found the face out of alignment, or '
        'with --complete the detail encoder',
    )
    group.add_argument(
        '--and-back',
        action='store_true',
        help='with --align, for bdinvert edit alone: keep the edited face at its place in the '
        'photo, and save aligned views too',
    )
    group.add_argument(
        '--landmarks',
        nargs='+',
        **points,
        help='with --align: estimate the motion from two or more points X Y of the photo, as '
        'fractions of the image',
    )
    group.add_argument(
        '--template', nargs='+', **points, help='places of these landmarks in an aligned face'
    )
    group.add_argument(
        '--padding-mode',
        choices=(*PADDING_MODES, 'mean'),
        default='border',
        help='what fills the area that comes into view; mean is the mean base code (default: '
        'border)',
    )
    group.add_argument(
        '--sampling',
        choices=SAMPLING_MODES,
        default='bicubic',
        help='interpolation of the base code (default: bicubic)',
    )


def add_direction_options(parser: ToolParser) -> None:
    """Add what ``mmgen_bdinvert.editing.read_directions`` reads."""
    shipped = '; '.join(f'{domain}: {", ".join(names)}' for domain, names in DIRECTIONS.items())
    parser.add_argument(
        '--direction',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME',
        help='directions and targets, one after the other: NAME[@LAYERS] [FACTOR] ... for those '
        f'of the generator ({shipped}; of FFHQ, those that fetch ffhq-authors brings), or '
        'FILE[#CHOICE][@LAYERS] [FACTOR] ...',
    )
    parser.add_argument(
        '--strength', nargs='+', metavar='S', help='factors of all of them (default: 1)'
    )
    parser.add_argument(
        '--layers', nargs='+', metavar='A-B', help='w+ layers to edit (default: all)'
    )


def shield_ranges(argv: Sequence[str]) -> list[str]:
    """Return arguments that argparse reads as they are meant.

    A strength like -3:3:7 is not an option, and ``--align`` has no value except 'auto'.
    """
    words = [f' {word}' if re.match(r'-[\d.]+:', word) else word for word in argv]
    return [
        '--align=given' if word == '--align' and after != 'auto' else word
        for word, after in zip(words, [*words[1:], ''])
    ]
