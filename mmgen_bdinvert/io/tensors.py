# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tensors from files of every kind: no code in them is run, and unusable tensors are refused."""

from __future__ import annotations

import contextlib
import json
import os
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as deserialize
from torch import Tensor, nn

from bdinvert_cli.sentences import reason_of

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_MAX_HEADER = 2**24  # bytes of names and shapes; a StyleGAN2 of 1024 pixels has 30,000
_MAX_GROWTH = 20  # times the file that tensors may take in memory
_MAX_DEPTH, _MAX_TENSORS = 64, 100_000  # of containers in containers; of tensors in a file
_UNREADABLE = 'it is empty, damaged or another kind of file'


def read_file(
    path: str | os.PathLike, title: str = 'file', *, safe_globals: Sequence[Any] = ()
) -> Any:
    """Read everything in a file, without running any code in it.

    Args:
        path (str | os.PathLike): ``.safetensors``, ``.npy``, ``.npz``, or a file of ``torch.save``.
        title (str): What it should be, for messages. Defaults to 'file'.
        safe_globals (Sequence): Further classes that this file of ``torch.save`` may hold. Defaults
            to none.

    Returns:
        Any: What was saved; a dict of tensors from ``.safetensors`` and ``.npz``, one tensor from
        ``.npy``. All tensors in it are dense, on the CPU, each with memory of its own size.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged or of another kind, holds what could run code, or an unusable
            tensor, which the message names.
    """
    path = Path(path)
    if path.suffix == '.safetensors':
        return read_safetensors(path, title)[0]
    with _readable(path, title):
        check_archive(path)
        if path.suffix in ('.npy', '.npz'):
            content = _read_numpy(path)
        else:
            with _allowed(list(safe_globals)), warnings.catch_warnings():
                warnings.simplefilter('ignore')  # of old pickles and storages
                content = torch.load(path, map_location='cpu', weights_only=True)
        check_tensors(content, path)
    return content


def read_array(path: str | os.PathLike) -> Tensor:
    """Read the one tensor of a ``.npy``, ``.npz``, ``.pt`` or ``.pth`` file, in float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds anything else; no code in it is run.
    """
    file = Path(path)
    content = read_file(file, 'array of numbers')
    if file.suffix == '.npz' and len(content) == 1:
        (content,) = content.values()
    if not isinstance(content, Tensor):
        raise ValueError(f'{file} must hold one tensor, but holds a {type(content).__name__}.')
    try:
        return floats(content, file.stem)
    except ValueError as error:
        raise ValueError(f'{file} is not a usable array of numbers: {error}.') from error


def read_safetensors(
    path: str | os.PathLike, title: str = 'file'
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a ``.safetensors`` file, and its metadata."""
    path = Path(path)
    with _readable(path, title):
        # Not mapped into memory: the file may be replaced while its tensors are in use.
        data = path.read_bytes()
        size = int.from_bytes(data[:8], 'little')
        if size > min(_MAX_HEADER, len(data) - 8):
            raise ValueError(f'{_UNREADABLE} (its header claims {size:,} bytes)')
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_without_twins)
        tensors, metadata = deserialize(data), dict(header.get('__metadata__', {}))
        check_tensors(tensors, path)
    return tensors, metadata


@contextlib.contextmanager
def _readable(path: Path, title: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file inside the ``with`` block into one sentence."""
    if not path.is_file():
        raise FileNotFoundError(f'There is no {title} {path}: check the path.')
    try:
        yield
        return
    except (OSError, ValueError) as error:
        reason = reason_of(error)
    except UnpicklingError as error:
        # torch's own message explains at length how to load without the check.
        held = re.search(r'GLOBAL (\S+)', str(error))
        if held:
            raise ValueError(
                f'{path} is refused: it holds {held[1]}, and what is neither a tensor nor plain '
                f'data could run code when loaded. Give a file with the tensors alone.'
            ) from error
        reason = f'{_UNREADABLE} (UnpicklingError)'
    except Exception as error:  # damaged files raise nearly anything
        reason = f'{_UNREADABLE} ({type(error).__name__})'
    raise ValueError(f'{path} is not a readable {title}: {shown_name(reason, 300).rstrip(".")}.')


def check_tensors(content: object, path: str | os.PathLike) -> None:
    """Check all tensors that were read from a file, and that they are not far larger than it."""
    total = 0
    for name, tensor in named_tensors(content):
        check_usable(tensor, name)
        total += tensor.numel() * tensor.element_size()
    if total > _MAX_GROWTH * os.path.getsize(path):
        raise ValueError(f'its tensors claim {total:,} bytes, far more than the file has')


def named_tensors(content: object) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor inside nested dicts and lists, with its path as ``a.b.0.c``."""
    waiting: list[tuple[str, object, int]] = [('', content, 0)]
    seen = 0
    while waiting:
        prefix, value, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_TENSORS:
            raise ValueError('its containers are nested too deeply or hold too much')
        items: list[tuple[Any, Any]] = []
        if isinstance(value, Tensor):
            yield prefix, value
        elif isinstance(value, Mapping):
            items = list(value.items())
        elif isinstance(value, (list, tuple)):
            items = list(enumerate(value))
        for key, item in reversed(items):
            if isinstance(key, tuple):  # str() of a nested one may not end
                raise ValueError('it has names that are not text')
            if isinstance(item, (Tensor, Mapping, list, tuple)):
                waiting.append((f'{prefix}.{key}' if prefix else str(key), item, depth + 1))


def check_usable(tensor: Tensor, name: str) -> None:
    """Check that a tensor of any type is dense and holds all of its values; else a ValueError."""
    called = _called(name)
    if type(tensor) not in (Tensor, nn.Parameter):
        raise ValueError(f'{called} must be a plain tensor, but is a {type(tensor).__name__}')
    for is_so, kind in (
        (tensor.is_meta, 'on the meta device, without values'),
        (tensor.is_nested, 'nested'),
        (tensor.layout != torch.strided, f'sparse ({tensor.layout})'),
        (tensor.is_quantized, 'quantised'),
    ):
        if is_so:
            raise ValueError(f'{called} must be a dense tensor, but is {kind}')
    claimed, held = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if claimed > held:
        raise ValueError(
            f'{called} must hold all of its values, but {tuple(tensor.shape)} is expanded from '
            f'{held:,} bytes: save a clone of it'
        )


def floats(tensor: Tensor, name: str) -> Tensor:
    """Return finite real numbers of any precision in float32, detached; else a ValueError."""
    check_usable(tensor, name)
    called = _called(name)
    if tensor.dtype not in _FLOATS:
        raise ValueError(
            f'{called} must hold floating-point numbers of 16, 32 or 64 bits, but holds '
            f'{str(tensor.dtype).removeprefix("torch.")}'
        )
    if not tensor.isfinite().all():
        raise ValueError(f'{called} holds values that are not finite')
    result = tensor.detach().float()
    if not result.isfinite().all():
        largest = tensor.abs().max().item()
        raise ValueError(f'{called} holds values that float32 cannot hold, up to {largest:g}')
    return result


def shown_name(text: object, length: int = 80) -> str:
    """Return a name from a file for a message: one printable line, not too long."""
    text = ''.join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
    return text if len(text) <= length else f'{text[: length - 1]}…'


def _called(name: str) -> str:
    return f'the tensor {shown_name(name)}' if name else 'its tensor'


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'its header names {shown_name(twin)} twice')
    return found


@contextlib.contextmanager
def _allowed(classes: list[Any]) -> Iterator[None]:
    """Let files of torch hold further classes inside the ``with`` block."""
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals(classes)
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def check_archive(path: Path) -> None:
    """Refuse an archive, such as ``.npz`` or a newer file of torch, that unpacks to much more."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        claimed = sum(member.file_size for member in archive.infolist())
        names = archive.namelist()
    if claimed > _MAX_GROWTH * path.stat().st_size:
        raise ValueError(f'it claims to unpack to {claimed:,} bytes')
    if len(set(names)) < len(names):
        raise ValueError('it holds two members of one name')


def _read_numpy(path: Path) -> Tensor | dict[str, Tensor]:
    if path.suffix == '.npz':
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _from_numpy(arrays[name], name) for name in arrays}
    # Mapped into memory, so that nothing is allocated for an array larger than the file.
    return _from_numpy(np.load(path, mmap_mode='r', allow_pickle=False), path.stem)


def _from_numpy(array: np.ndarray, name: str) -> Tensor:
    if array.dtype.kind not in 'biufc':
        raise ValueError(f'the array {shown_name(name)} must hold numbers, but got {array.dtype}')
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder('=')))
