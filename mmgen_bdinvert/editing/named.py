# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions by name: those that belong to the generator of a config."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from safetensors import SafetensorError, safe_open

from bdinvert_cli.catalogue import DIRECTIONS, known_places

from ..io import cache_folder, local_path
from .style_edit import DIRECTION_KIND

__all__ = ['find_direction', 'named_directions']


def named_directions(generator: Mapping) -> dict[str, Path]:
    """Find the directions that belong to a generator.

    They are the directions of this package beside the generator's file, as those of the embedded
    generators are, and those that ``bdinvert fetch`` has brought for it.

    Args:
        generator (Mapping): Its config; ``checkpoint`` is looked at.

    Returns:
        dict[str, Path]: Files by name, sorted by name.
    """
    source = str(generator.get('checkpoint') or '')
    if not source:
        return {}
    found: dict[str, Path] = {}
    if urlparse(source).scheme not in ('http', 'https'):
        try:
            folder = local_path(source).parent
        except (OSError, ValueError):  # which loading the generator reports
            return {}
        found = {path.stem: path for path in folder.glob('*.safetensors') if _is_direction(path)}
    places = known_places()
    for owner, names in DIRECTIONS.items():
        if PurePosixPath(urlparse(source).path).name == places[owner] or source.endswith(owner):
            there = [cache_folder() / places[name] for name in names]
            found.update({path.stem: path for path in there if path.is_file()})
    return dict(sorted(found.items()))


def find_direction(word: str, names: Mapping[str, Path]) -> str | Path:
    """Return the file of a direction that is given by its name, or as a file.

    Args:
        word (str): A name, or a path, which has a suffix or a folder in front.
        names (Mapping[str, Path]): From :func:`named_directions`.

    Raises:
        FileNotFoundError: There is no such name; the message lists those that there are.
    """
    if word in names:
        return names[word]
    if Path(word).suffix or '/' in word or Path(word).exists():  # a file
        return word
    if not names:
        raise FileNotFoundError(
            f'There is no direction {word!r}: this generator has none of its own, so give a file.'
        )
    close = difflib.get_close_matches(word, names, n=1)
    meant = f'did you mean {close[0]}? ' if close else ''
    raise FileNotFoundError(
        f'There is no direction {word!r}: {meant}this generator has {", ".join(names)}; or give a '
        f'file.'
    )


def _is_direction(path: Path) -> bool:
    try:
        with safe_open(path, 'pt') as file:
            return (file.metadata() or {}).get('kind') == DIRECTION_KIND
    except (OSError, SafetensorError):
        return False
