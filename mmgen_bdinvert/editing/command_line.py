# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions, strengths and layers as people write them on a command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from .directions import load_direction
from .named import find_direction
from .style_edit import StyleEdit

__all__ = ['parse_directions', 'parse_layers', 'parse_strengths', 'read_directions']

_MOST_STRENGTHS = 1000


def read_directions(
    args: argparse.Namespace, names: Mapping[str, Path] | None = None
) -> tuple[list[StyleEdit], list[float]]:
    """Load the directions and strengths (default: 1) that the command line gives.

    Its options are those of ``bdinvert_cli.options.add_direction_options``.

    Args:
        args (argparse.Namespace): The command line.
        names (Mapping[str, Path] | None): As for :func:`parse_directions`. Defaults to None.

    Raises:
        FileNotFoundError, ValueError: As :func:`parse_directions`, or strengths or layers are
            malformed, or there is no direction for them.
    """
    if not args.direction and (args.strength or args.layers):
        raise ValueError('--strength and --layers belong to a --direction, but there is none')
    layers = parse_layers(','.join(args.layers)) if args.layers else None
    directions = parse_directions(args.direction, layers, names)
    return directions, [s for word in args.strength or ['1'] for s in parse_strengths(word)]


def parse_directions(
    words: Iterable[str],
    layers: Iterable[int] | None = None,
    names: Mapping[str, Path] | None = None,
) -> list[StyleEdit]:
    """Load directions written as ``FILE[#CHOICE][@LAYERS] [FACTOR] …``, each times its factor.

    In the place of a file may be a name.

    Args:
        words (Iterable[str]): Such as ``['smile.safetensors', '2', 'age.pt@4-7', '-0.5']``. A
            number is the factor of the file before it.
        layers (Iterable[int] | None): w+ layers of the directions that name none. Defaults to
            None: their own, or all.
        names (Mapping[str, Path] | None): Files by name, from :func:`named_directions`. Defaults to
            None: there are no names.

    Raises:
        FileNotFoundError: There is no such file, and no such name; the message lists the names.
        ValueError: The first word is a factor, a file holds no direction, or a factor or layers are
            malformed.
    """
    found: list[StyleEdit] = []
    for word in words:
        try:
            factor = float(word)
        except ValueError:
            file, own = word, None
            if re.search(r'@[0-9,-]+$', word):
                file, _, own = word.rpartition('@')
            direction = load_direction(find_direction(file, names or {}))
            chosen = layers if own is None else parse_layers(own)
            found.append(direction if chosen is None else replace(direction, layers=chosen))
            continue
        if not found:
            raise ValueError(f'A factor follows the file of its direction, but {word!r} is first.')
        found[-1] *= factor
    return found


def parse_layers(text: str) -> list[int]:
    """Read w+ layers such as ``'4-7'`` or ``'2,4-7'``; ranges include both ends.

    Raises:
        ValueError: The text is malformed.
    """
    layers: list[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'([0-9]{1,4})(?:-([0-9]{1,4}))?', part)
        found = range(int(match[1]), int(match[2] or match[1]) + 1) if match else ()
        if not found:
            raise ValueError(f'Layers are written like 4-7 or 2,4-7, but got {text!r}.')
        layers += found
    return layers


def parse_strengths(text: str) -> list[float]:
    """Read a strength, ``'1.5'``, or evenly spaced ones, ``'-3:3:7'`` (-3, -2, … 3).

    Raises:
        ValueError: The text is malformed.
    """
    start, *rest = text.split(':')
    try:
        if not rest:
            return [float(start)]
        stop, count = float(rest[0]), int(rest[1])
        if len(rest) == 2 and 1 <= count <= _MOST_STRENGTHS:
            return np.linspace(float(start), stop, count).tolist()
    except (ValueError, IndexError):
        pass
    raise ValueError(
        f'A strength is a number, or start:stop:count such as -3:3:7, count from 1 to '
        f'{_MOST_STRENGTHS}, but got {text!r}.'
    )
