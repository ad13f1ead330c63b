# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An unpickler that runs nothing.

A pickle is a program: it may import any name and call it. Here the names that known files need are
mapped to inert stand-ins, and every other name is refused, so that nothing but tensors and plain
containers can come out. Bytes of tensors are read by ``torch.load(weights_only=True)``, or are a
file in an archive of ``torch.save``.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ['Module', 'PickledArray', 'Refused', 'RestrictedUnpickler', 'Storage', 'View']


class Refused(ValueError):
    """A pickle asks for what it may not have; the message is a whole clause."""


class _Inert:
    """What takes the place of an object that nobody needs; called or filled, it stays empty."""

    __slots__ = ()

    def __call__(self, *args: object) -> _Inert:
        return self

    def __setstate__(self, state: object) -> None:
        """Ignore the state."""


class PickledArray:
    """What numpy would have made of an array, or of its type: the state that a pickle gives it."""

    __slots__ = ('name', 'state')

    def __init__(self, *args: object) -> None:
        self.name: str = str((args or ('',))[0])
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def value(self) -> object:
        """Return a tensor, or the list that an array of objects holds."""
        _, shape, kind, fortran, data = self.state
        if isinstance(data, list):
            return data
        if not isinstance(kind, PickledArray) or not re.fullmatch('[fiu][1248]', kind.name):
            raise Refused('an array in it holds no numbers')
        order = '>' if kind.state[1:2] == ('>',) else '<'
        numbers = np.frombuffer(data, f'{order}{kind.name}').astype(kind.name)
        return torch.from_numpy(numbers.reshape(shape, order='F' if fortran else 'C').copy())


class Storage(NamedTuple):
    """The numbers of a tensor, one-dimensional."""

    numbers: Tensor


class View(NamedTuple):
    """A tensor that is not put together yet."""

    storage: Storage
    offset: int
    size: tuple
    stride: tuple


class Module(NamedTuple):
    """A network or a part of one: what NVIDIA's persistence module would have made."""

    state: dict


class _Function:
    """A stand-in for a function of torch: callable, and without attributes to tamper with."""

    __slots__ = ('__call',)
    __call: Callable[..., object]

    def __init__(self, call) -> None:
        object.__setattr__(self, '_Function__call', call)

    def __setattr__(self, name: str, value: object) -> None:
        raise Refused('it changes a function')

    def __call__(self, *args: object) -> object:
        return self.__call(*args)


def _bytes(text: str, *_: object) -> bytes:
    if type(text) is not str:
        raise Refused('it encodes what is no text')
    return text.encode('latin1')


def _module(meta: dict) -> Module:
    return Module(meta['state'])


def _storage(data: bytes) -> Storage:
    if data.startswith(b'PK'):  # an archive, which NVIDIA's are not, may unpack to much more
        raise Refused('the bytes of a tensor are an archive')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch's own storages warn of their end
        try:
            storage = torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)
        except pickle.UnpicklingError as error:
            raise Refused('the bytes of a tensor hold more than numbers') from error
        if not isinstance(storage, torch.storage.TypedStorage):
            raise Refused('the bytes of a tensor hold more than numbers')
        return Storage(torch.empty(0, dtype=storage.dtype).set_(storage))


def _view(storage: Storage, offset: int, size: tuple, stride: tuple, *_: object) -> View:
    return View(storage, offset, size, stride)


def _parameter(data: View, *_: object) -> View:
    return data


_NUMPY = {
    ('multiarray', 'scalar'): _Inert(),
    ('multiarray', '_reconstruct'): _Function(lambda *_: PickledArray()),
    ('numeric', '_frombuffer'): _Inert(),
}
_STORAGES = {
    f'{name}Storage': kind
    for name, kind in (
        ('Float', torch.float32),
        ('Double', torch.float64),
        ('Half', torch.float16),
        ('BFloat16', torch.bfloat16),
        ('Long', torch.int64),
        ('Int', torch.int32),
        ('Byte', torch.uint8),
        ('Bool', torch.bool),
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
    ('__builtin__', 'set'): set,  # in files of torch.save, as is the next
    ('_codecs', 'encode'): _Function(_bytes),
    # Gains of layers, stored as numpy scalars; mmgen computes its own.
    ('numpy', 'dtype'): _Function(PickledArray),
    ('numpy', 'ndarray'): _Inert(),
    **{(f'numpy.{c}.{m}', n): v for (m, n), v in _NUMPY.items() for c in ('core', '_core')},
    **{('torch', name): kind for name, kind in _STORAGES.items()},
}


class RestrictedUnpickler(pickle.Unpickler):
    """Reads a pickle by stand-ins; ``archive`` is that of ``torch.save`` with its tensors."""

    def __init__(self, file, archive: zipfile.ZipFile | None = None) -> None:
        super().__init__(file)
        self._archive, self._storages = archive, dict[str, Storage]()

    def persistent_load(self, pid: Any) -> Storage:
        """Return a storage of an archive of ``torch.save``."""
        kind, dtype, key, *_ = pid
        if self._archive is None or kind != 'storage' or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError('it refers to what is not in it')
        if key not in self._storages:
            (name,) = (n for n in self._archive.namelist() if n.endswith(f'/data/{key}'))
            data = bytearray(self._archive.read(name))
            numbers = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
            self._storages[key] = Storage(numbers)
        return self._storages[key]

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith('dnnlib.tflib'):
            raise Refused(
                'it is a TensorFlow pickle, whose networks are source code; convert it with '
                "legacy.py of NVIDIA's stylegan2-ada-pytorch, and give the pickle that it writes"
            )
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise Refused(
                f'it asks for {module}.{name}, and what is neither a tensor nor a plain container '
                f'could run code when loaded'
            ) from None
