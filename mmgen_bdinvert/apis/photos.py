# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos of any size: finders, and where to look."""

from __future__ import annotations

import argparse
import os

from mmengine.config import Config
from mmgen.registry import MODULES

from bdinvert_cli.sentences import one_sentence

from ..io.decoding import decode
from ..photos import FaceFinder, Look, Window
from ..photos.mask import MASKS

__all__ = ['init_finder', 'look_of']

_PEOPLE = dict(type='YuNetFinder')


def init_finder(config: Config) -> FaceFinder:
    """Build the finder of what a config's generator knows.

    Args:
        config (Config): From :func:`mmgen_bdinvert.apis.load_config`; without a
            ``face_finder``, faces of people are found.

    Returns:
        FaceFinder: The finder.

    Raises:
        ImportError: What it needs is not installed.
        ValueError: Its weights cannot be read, or a setting is wrong.
    """
    try:
        return MODULES.build({**_PEOPLE, **(config.get('face_finder') or {})})
    except (KeyError, TypeError) as error:  # mmengine's, of a name that there is not
        raise ValueError(f'The face_finder cannot be built: {one_sentence(error)}.') from error


def look_of(args: argparse.Namespace, config: Config) -> Look | None:
    """Return where to look in photos.

    Args:
        args (argparse.Namespace): With the options of ``bdinvert_cli.options.add_photo_options``
            and ``--cfg-options``.
        config (Config): As for :func:`init_finder`.

    Returns:
        Look | None: None if no option asks for a window.

    Raises:
        ImportError: As :func:`init_finder`.
        ValueError: Options contradict each other, or a value is out of range.
    """
    mask = args.mask or ''
    if mask and mask not in MASKS:
        decode(mask)  # says what is wrong with it before heavy work
        mask = os.path.abspath(mask)
    if args.find is None:
        settings = any(option.startswith('face_finder') for option in args.cfg_options or ())
        if settings or args.window_margin is not None or args.no_face is not None:
            raise ValueError(
                '--window-margin, --no-face and settings of face_finder belong to --find, which '
                'is missing'
            )
        if args.window is None:
            if args.mask is not None:
                raise ValueError('--mask belongs to --window or --find, which are missing')
            return None
        if len(args.window) not in (3, 4):
            raise ValueError(f'--window is X Y SIZE [ANGLE], but got {len(args.window)} numbers')
        return Look(Window(*args.window), mask=mask)
    given = dict(margin=args.window_margin, no_face=args.no_face)
    given = {name: value for name, value in given.items() if value is not None}
    return Look(finder=init_finder(config), find=args.find, mask=mask, **given)
