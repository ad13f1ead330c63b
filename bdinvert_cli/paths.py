# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Quick checks that the files which a command names exist; the package checks more later.

Each raises a FileNotFoundError with one sentence.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterable

from .options import IMAGE_SUFFIXES


def check_images(inputs: Iterable[str]) -> None:
    """Refuse images, lists and folders that do not exist; the package checks patterns."""
    for item in map(os.fspath, inputs):
        if item and not os.path.exists(item) and not glob.has_magic(item):
            raise FileNotFoundError(f'input {item!r} does not exist; check the path')


def check_codes(inputs: Iterable[str]) -> None:
    """Refuse codes that are not there, or pictures; the package looks for shards that records name.

    Raises:
        FileNotFoundError: One is not there.
        ValueError: One is a picture.
    """
    for item in inputs:
        if os.path.isfile(item):
            check_no_picture(item)
        if not os.path.exists(item) and not item.endswith('.tar'):
            raise FileNotFoundError(f'The code {item!r} does not exist: check the path.')


def check_no_picture(path: str | os.PathLike) -> None:
    """Refuse a picture where a code should be, by its name; a ValueError says what to do."""
    text = os.fspath(path)
    if os.path.splitext(text)[1].lower() in IMAGE_SUFFIXES:
        raise ValueError(
            f'{text!r} is a picture and no code: invert it first (bdinvert invert CONFIG '
            f'{shlex.quote(text)} --out-dir results/), then give the folder results/.'
        )


def check_directions(words: Iterable[str]) -> None:
    """Refuse files of directions, of ``FILE[@LAYERS] [FACTOR] …``, that do not exist.

    A word without folder and suffix may be a name that the generator's directions have.
    """
    for word in words:
        try:
            float(word)
        except ValueError:
            file = re.sub(r'@[\d,-]+$', '', word)
            named = re.fullmatch(r'[\w-]+', file)
            if not named and not (
                _may_be_file(file) or _may_be_file(re.sub(r'#[\w.-]+$', '', file))
            ):
                raise FileNotFoundError(
                    f'There is no direction file {file}: check the path.'
                ) from None


def check_checkpoint(file: str | None, part: str | None = None) -> None:
    """Refuse a checkpoint that does not exist; None and URLs pass.

    A ``part`` of the model, 'generator' or 'encoder', is one whose checkpoint a config can set.
    """
    if file is not None and not _may_be_file(file):
        hint = f' (in the tools: --cfg-options model.{part}.checkpoint=PATH)' if part else ''
        raise FileNotFoundError(
            f'There is no checkpoint file {file}: check the path, or give another{hint}.'
        )


def check_resumed(checkpoint: str | None) -> None:
    """Refuse a checkpoint to resume from that does not exist; None and 'auto' pass."""
    if checkpoint not in (None, 'auto') and not os.path.isfile(checkpoint):
        raise FileNotFoundError(
            f'There is no checkpoint {checkpoint} to resume from: check the path, or give --resume '
            f'alone for the latest one of the work dir.'
        )


def check_source(path: str) -> None:
    """Refuse a file or folder that does not exist."""
    if not os.path.exists(path):
        raise FileNotFoundError(f'There is no file {path}: check the path.')


def check_results(folder: str) -> None:
    """Refuse an output folder that does not exist."""
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f'There is no folder {folder!r}: give an output folder of tools/invert.py or '
            f'tools/edit.py.'
        )


def _may_be_file(path: str) -> bool:
    return os.path.isfile(path) or re.match(r'(asset|fetched|https?)://', path) is not None
