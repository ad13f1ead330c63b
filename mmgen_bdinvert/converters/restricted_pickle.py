# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""NVIDIA's network pickles, read without running anything in them.

A pickle is a program: it may import any name and call it. Here the names that a network pickle
needs are mapped to inert stand-ins, and every other name is refused, so that nothing but tensors
and plain containers can come out. The module source code that these pickles carry is never looked
at. Bytes of tensors are read by ``torch.load(weights_only=True)``.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..io.tensors import check_tensors

__all__ = ['read_network_pickle']

_PLAIN = (str, int, float, bool, type(None))
_MAX_DEPTH = 32  # modules inside modules


class _Refused(ValueError):
    """A pickle asks for what it may not have; the message is a whole clause."""


class _Inert:
    """What takes the place of an object that nobody needs; called or filled, it stays empty."""

    __slots__ = ()

    def __call__(self, *args: object) -> _Inert:
        return self

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


class _Storage(NamedTuple):
    """The numbers of a tensor, one-dimensional."""

    numbers: Tensor


class _View(NamedTuple):
    """A tensor that is not put together yet."""

    storage: _Storage
    offset: int
    size: tuple
    stride: tuple


class _Module(NamedTuple):
    """A network or a part of one: what NVIDIA's persistence module would have made."""

    class_name: str
    state: dict


class _Function:
    """A stand-in for a function of torch: callable, and without attributes to tamper with."""

    __slots__ = ('__call',)
    __call: Callable[..., object]

    def __init__(self, call) -> None:
        object.__setattr__(self, '_Function__call', call)

    def __setattr__(self, name: str, value: object) -> None:
        raise _Refused('it changes a function')

    def __call__(self, *args: object) -> object:
        return self.__call(*args)


def _module(meta: dict) -> _Module:
    return _Module(meta['class_name'], meta['state'])


def _storage(data: bytes) -> _Storage:
    if data.startswith(b'PK'):  # an archive, which NVIDIA's are not, may unpack to much more
        raise _Refused('the bytes of a tensor are an archive')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch's own storages warn of their end
        try:
            storage = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
        except pickle.UnpicklingError as error:
            raise _Refused('the bytes of a tensor hold more than numbers') from error
        if not isinstance(storage, torch.storage.TypedStorage):
            raise _Refused('the bytes of a tensor hold more than numbers')
        return _Storage(torch.empty(0, dtype=storage.dtype).set_(storage))


def _view(storage: _Storage, offset: int, size: tuple, stride: tuple, *_: object) -> _View:
    return _View(storage, offset, size, stride)


def _parameter(data: _View, *_: object) -> _View:
    return data


_ARRAYS = {
    (f'numpy.{core}.{module}', name): _Inert()
    for core in ('core', '_core')
    for module, name in (
        ('multiarray', 'scalar'),
        ('multiarray', '_reconstruct'),
        ('numeric', '_frombuffer'),
    )
}
_ALLOWED = {
    ('torch_utils.persistence', '_reconstruct_persistent_obj'): _Function(_module),
    ('torch.storage', '_load_from_bytes'): _Function(_storage),
    ('torch._utils', '_rebuild_tensor_v2'): _Function(_view),
    ('torch._utils', '_rebuild_parameter'): _Function(_parameter),
    ('torch._utils', '_rebuild_parameter_with_state'): _Function(_parameter),
    # Types that no pickle can change.
    ('collections', 'OrderedDict'): dict,
    ('dnnlib.util', 'EasyDict'): dict,
    ('builtins', 'set'): set,
    # Gains of layers, stored as numpy scalars; mmgen computes its own.
    ('numpy', 'dtype'): _Inert(),
    ('numpy', 'ndarray'): _Inert(),
    **_ARRAYS,
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith('dnnlib.tflib'):
            raise _Refused(
                'it is a TensorFlow pickle, whose networks are source code; convert it with '
                "legacy.py of NVIDIA's stylegan2-ada-pytorch, and give the pickle that it writes"
            )
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(
                f'it asks for {module}.{name}, and what is neither a tensor nor a plain container '
                f'could run code when loaded'
            ) from None


def read_network_pickle(path: str | Path) -> dict[str, Any]:
    """Read a network pickle of NVIDIA's PyTorch repositories.

    Args:
        path (str | Path): Such as ``network-snapshot-000000.pkl``, with ``G``, ``D`` and ``G_ema``.

    Returns:
        dict[str, Any]: For each network a dict of its tensors, on the CPU, and of the plain
        settings of its modules, both by dotted name as ``synthesis.b4.const``.

    Raises:
        ValueError: The file is damaged, holds no network, or asks for anything that is neither a
            tensor nor a plain container.
    """
    try:
        with open(path, 'rb') as file:
            content = _RestrictedUnpickler(file).load()
        if not isinstance(content, dict):
            raise _Refused('it holds no networks by name')
        networks = {str(k): v for k, v in dict.items(content) if isinstance(v, _Module)}
        found = {name: dict(_contents(module)) for name, module in networks.items()}
        _check(found, path)
        return found
    except _Refused as error:
        raise ValueError(f'{path} is refused: {error}.') from error
    except OSError:
        raise
    except Exception as error:  # damaged files raise nearly anything
        raise ValueError(
            f'{path} is not a readable network pickle: it is damaged, or another kind of file '
            f'({type(error).__name__}).'
        ) from error


def _check(found: dict[str, dict], path: str | Path) -> None:
    try:
        check_tensors(found, path)
    except ValueError as error:
        raise _Refused(str(error)) from error


def _contents(module: _Module, prefix: str = '', depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield tensors and plain settings of a module and its parts, by dotted name."""
    if depth > _MAX_DEPTH:
        raise _Refused('its modules are nested too deeply')
    state = dict(module.state)
    for kind in ('_parameters', '_buffers'):
        for name, value in dict(state.pop(kind, {})).items():
            if value is not None:
                yield f'{prefix}{name}', _tensor(value)
    for name, part in dict(state.pop('_modules', {})).items():
        if isinstance(part, _Module):
            yield from _contents(part, f'{prefix}{name}.', depth + 1)
        elif part is not None:
            raise _Refused(f'its part {prefix}{name} is no network')
    for name, value in state.items():
        if type(value) in _PLAIN:
            yield f'{prefix}{name}', value


def _tensor(view: _View) -> Tensor:
    if not (isinstance(view, _View) and isinstance(view.storage, _Storage)):
        raise _Refused('a parameter in it is no tensor')
    return torch.as_strided(view.storage.numbers, view.size, view.stride, view.offset)
