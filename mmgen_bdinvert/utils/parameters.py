# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which keyword arguments a class takes, those that it passes on to its bases too."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Collection

__all__ = ['class_parameters']

_UNPACKED = re.compile(r'Unpack\[(\w+)\]')


def class_parameters(cls: type, package: str = '') -> tuple[dict[str, inspect.Parameter], bool]:
    """Return the arguments of a class; where it passes ``**kwargs`` on, those of its bases too.

    Where ``Unpack`` names a dict of settings as their kind, they are those of the dict.

    Args:
        cls (type): The class.
        package (str): Only bases of this package are looked at. Defaults to '': all.

    Returns:
        tuple[dict[str, inspect.Parameter], bool]: Parameters by name, and whether these are all.
    """
    found: dict[str, inspect.Parameter] = {}
    passed: Collection[str] | None = None  # to this base; None is any
    for base in cls.__mro__:
        if '__init__' not in vars(base) or not base.__module__.startswith(package):
            continue
        try:
            own = list(inspect.signature(base.__init__).parameters.values())[1:]
        except ValueError:  # of a class written in C
            return found, False
        for parameter in own:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                if passed is None or parameter.name in passed:
                    found.setdefault(parameter.name, parameter)
        rest = [p.annotation for p in own if p.kind is p.VAR_KEYWORD]
        if not rest:
            return found, True
        kind = _UNPACKED.search(str(rest[0]))
        if kind:
            passed = getattr(sys.modules[base.__module__], kind[1]).__annotations__
    return found, False
