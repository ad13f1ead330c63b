# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""NVIDIA's network pickles and numpy's pickled dicts, read without running anything in them.

The module source code that NVIDIA's pickles carry is never looked at.
"""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..io.tensors import check_archive, check_tensors
from .unpickler import Module, PickledArray, Refused, RestrictedUnpickler, Storage, View

__all__ = ['holds_pickle', 'read_network_pickle', 'read_pickled_arrays']

_PLAIN = (str, int, float, bool, type(None))
_MAX_DEPTH = 32  # modules inside modules


def read_network_pickle(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read a network pickle of NVIDIA's PyTorch repositories.

    Args:
        path (str | Path): Such as ``network-snapshot-000000.pkl``, with ``G``, ``D`` and ``G_ema``,
            or a file of ``torch.save`` with such networks, or one alone, as PTI writes it.

    Returns:
        dict[str, dict[str, Any]]: For each network, '' for one alone, its tensors, on the CPU, and
        the plain settings of its modules, both by dotted name as ``synthesis.b4.const``.

    Raises:
        ValueError: The file is damaged, holds no network, or asks for anything that is neither a
            tensor nor a plain container.
    """
    with _explained(path, 'network pickle'):
        content = _load(Path(path))
        content = {'': content} if isinstance(content, Module) else content
        if not isinstance(content, dict):
            raise Refused('it holds no networks by name')
        networks = {str(k): v for k, v in dict.items(content) if isinstance(v, Module)}
        found = {name: dict(_contents(module)) for name, module in networks.items()}
        _check(found, path)
        return found
    raise AssertionError


def holds_pickle(path: str | Path) -> bool:
    """Tell whether a ``.npy`` file is one that :func:`read_pickled_arrays` reads."""
    try:
        with open(path, 'rb') as file:
            return _object_header(file)
    except ValueError:
        return False


def read_pickled_arrays(path: str | Path) -> object:
    """Read what ``numpy.save`` pickled, as the dict of ReStyle's ``latents.npy``.

    Returns:
        object: Dicts, lists and plain values, and tensors in the place of arrays.

    Raises:
        ValueError: As :func:`read_network_pickle`.
    """
    with _explained(path, 'file of arrays'), open(path, 'rb') as file:
        _object_header(file)
        content = _plain(RestrictedUnpickler(file).load())
        _check(content, path)
        return content[0] if isinstance(content, list) and len(content) == 1 else content
    raise AssertionError


def _object_header(file) -> bool:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    _, _, kind = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
    return kind.hasobject


def _load(path: Path) -> object:
    with open(path, 'rb') as file:
        if file.read(2) != b'PK':
            file.seek(0)
            return RestrictedUnpickler(file).load()
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith('/data.pkl'))
        return RestrictedUnpickler(io.BytesIO(archive.read(name)), archive).load()


def _plain(value: object, depth: int = 0) -> object:
    if depth > _MAX_DEPTH:
        raise Refused('its containers are nested too deeply')
    if isinstance(value, PickledArray):
        value = value.value()
    if isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in dict.items(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(v, depth + 1) for v in value]
    if isinstance(value, Tensor) or type(value) in _PLAIN:
        return value
    raise Refused('it holds more than arrays and plain containers')


def _check(found: object, path: str | Path) -> None:
    try:
        check_tensors(found, path)
    except ValueError as error:
        raise Refused(str(error)) from error


def _contents(module: Module, prefix: str = '', depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield tensors and plain settings of a module and its parts, by dotted name."""
    if depth > _MAX_DEPTH:
        raise Refused('its modules are nested too deeply')
    state = dict(module.state)
    for kind in ('_parameters', '_buffers'):
        for name, value in dict(state.pop(kind, {})).items():
            if value is not None:
                yield f'{prefix}{name}', _tensor(value)
    for name, part in dict(state.pop('_modules', {})).items():
        if isinstance(part, Module):
            yield from _contents(part, f'{prefix}{name}.', depth + 1)
        elif part is not None:
            raise Refused(f'its part {prefix}{name} is no network')
    for name, value in state.items():
        if type(value) in _PLAIN:
            yield f'{prefix}{name}', value


def _tensor(view: View) -> Tensor:
    if not (isinstance(view, View) and isinstance(view.storage, Storage)):
        raise Refused('a parameter in it is no tensor')
    return torch.as_strided(view.storage.numbers, view.size, view.stride, view.offset)


@contextlib.contextmanager
def _explained(path: str | os.PathLike, title: str) -> Iterator[None]:
    """Say in one sentence what is wrong with a file."""
    try:
        yield
    except Refused as error:
        raise ValueError(f'{path} is refused: {error}.') from error
    except OSError:
        raise
    except Exception as error:  # damaged files raise nearly anything
        raise ValueError(
            f'{path} is not a readable {title}: it is damaged, or another kind of file '
            f'({type(error).__name__}).'
        ) from error
