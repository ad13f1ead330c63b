# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Exceptions as one sentence, without importing the packages that raise them."""

from __future__ import annotations

import difflib
import re
import sys

from .text import printable

# RuntimeError, AssertionError and the like are faults of the package, and keep their traceback.
_USER_ERRORS = (ValueError, TypeError, OSError, ImportError, KeyError, SyntaxError)
_UNREGISTERED = re.compile(r'(\S+) is not in the (\S+) registry\.')


def is_users(error: BaseException) -> bool:
    """Return whether a user can cause, and correct, an error."""
    return (
        isinstance(error, _USER_ERRORS)
        or _is_a(error, 'mmengine', 'ConfigParsingError')
        or is_out_of_memory(error)
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there is not enough memory, on a GPU or a CPU."""
    if isinstance(error, MemoryError) or _is_gpu_out_of_memory(error):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or 'not enough memory' in text
    )


def one_sentence(error: BaseException) -> str:
    """Return the meaning of an exception in one line, at least its type."""
    return printable(_sentence(error))


def reason_of(error: BaseException) -> str:
    """Return the message of an exception in one line, or else its type."""
    return getattr(error, 'strerror', None) or ' '.join(str(error).split()) or type(error).__name__


def _sentence(error: BaseException) -> str:
    text = ' '.join(str(error).split())
    if _is_gpu_out_of_memory(error):
        return 'the GPU is out of memory: make the batch smaller, or choose another device'
    if is_out_of_memory(error):
        more = f' ({text})' if text else ''
        return f'the memory of this machine does not suffice: work on less at a time{more}'
    if isinstance(error, KeyError) and error.args:
        text = ' '.join(str(error.args[0]).split())  # str() of a KeyError is quoted
        unregistered = _UNREGISTERED.match(text)
        if unregistered:
            return (
                f'the type {unregistered[1]!r} of the config is not in the registry '
                f'{unregistered[2]}: {_alike(unregistered[1])}check its spelling, and '
                'custom_imports'
            )
        if ' ' not in text:
            return f'the setting {text!r} is missing: check the config'
    elif isinstance(error, SyntaxError):
        text = f'syntax error in a config: {text}'
    elif isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f'{error.filename!r}: {error.strerror}'
    return text or type(error).__name__


def _alike(kind: str) -> str:
    """Name the registered type that one is a misspelling of; mmgen is imported by now."""
    registries = vars(sys.modules.get('mmgen.registry', re)).values()
    found = [getattr(registry, 'module_dict', None) for registry in registries]
    names = {name for known in found if isinstance(known, dict) for name in known}
    close = difflib.get_close_matches(kind, sorted(names), n=1)
    return f'did you mean {close[0]}? Else ' if close else ''


def _is_gpu_out_of_memory(error: BaseException) -> bool:
    return _is_a(error, 'torch', 'OutOfMemoryError')


def _is_a(error: BaseException, package: str, name: str) -> bool:
    """Return whether an error is of a class, which is not imported."""
    return any(
        cls.__name__ == name and cls.__module__.partition('.')[0] == package
        for cls in type(error).__mro__
    )
