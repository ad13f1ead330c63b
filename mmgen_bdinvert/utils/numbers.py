# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Checks of numbers that users set."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def checked_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    whole: bool = False,
) -> Any:
    """Return a setting as a finite number, an int if ``whole`` and else a float.

    Args:
        name (str): Name of the setting, for the message.
        value (object): What the user gave.
        above, least (float | None): Lower bound, exclusive or inclusive. Default to none.
        below, most (float | None): Upper bound, exclusive or inclusive. Default to none.
        whole (bool): Whether it must be a whole number. Defaults to False.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(value, Integral if whole else Real) and not isinstance(value, bool):
        given: Any = value
        try:
            number = int(given) if whole else float(given)
        except OverflowError:
            number = float('inf')
        fits = (
            -float('inf') < number < float('inf')
            and (above is None or number > above)
            and (least is None or number >= least)
            and (below is None or number < below)
            and (most is None or number <= most)
        )
        if fits:
            return number
    words = ['whole number' if whole else 'finite number']
    if least is not None and most is not None:
        words.append(f'from {least:g} to {most:g}')
    else:
        limits = {'above': above, 'of at least': least, 'below': below, 'at most': most}
        bounds = [f'{word} {limit:g}' for word, limit in limits.items() if limit is not None]
        words.append(' and '.join(bounds))
    raise ValueError(f'{name} is a {" ".join(words).strip()}, but got {value!r}.')


def finite_number(name: str, value: object) -> float:
    """Return ``value`` as a float, which must be a finite number.

    Raises:
        TypeError: It is no number.
        ValueError: It is infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f'{name} must be a number, but got {value!r} ({type(value).__name__})')
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f'{name} must be a finite number, but got {value}')
    return number
