# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Codes of other programs, read, and written for them."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..io import Projection, check_outputs, claim_outputs, ensure_writable_folder, load_projections
from ..io.outputs import write_bytes
from ..io.saved import save_pickled
from ..io.tensors import floats, read_file, shown_name
from ..structures import LatentCode
from .restricted_pickle import holds_pickle, read_pickled_arrays

__all__ = ['CODE_SUFFIXES', 'convert_codes', 'read_codes']

CODE_SUFFIXES = ('.npy', '.npz', '.pt')  # that codes are written to
_NAMES = ('w', 'dlatents', 'latents', 'latent', 'w_plus', 'ws')  # what an array of codes is called
_BASE, _DETAIL = 'invert_basecode', 'invert_detailcode'  # folders of BDInvert's authors


def read_codes(path: str | os.PathLike) -> dict[str, Projection]:
    """Read codes of other programs; no code in the file is run.

    Args:
        path (str | os.PathLike): An array of w or w+, as e4e and pSp (``latents.pt``), PTI
            (``0.pt``) and NVIDIA's projector (``projected_w.npz``) write it; a dict of them by
            image, as ReStyle's ``latents.npy``; what the projectors of mmgen and rosinality write;
            one of the pair ``invert_basecode/X.npy`` and ``invert_detailcode/X.npy`` of BDInvert's
            authors; or what :func:`convert_codes` wrote.

    Returns:
        dict[str, Projection]: By the name of the image, or of the file and a number.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, damaged, or holds more than tensors and plain data.
    """
    file = Path(path)
    if file.parent.name in (_BASE, _DETAIL):
        pair = [file.parent.parent / folder / file.name for folder in (_BASE, _DETAIL)]
        base, detail = (_floats(file, read_file(part, 'file of codes')) for part in pair)
        return _numbered(file, _as_rows(file, detail, 3), _as_rows(file, base, 4))
    pickled = file.suffix == '.npy' and holds_pickle(file)
    content = read_pickled_arrays(file) if pickled else read_file(file, 'file of codes')
    if isinstance(content, Tensor):
        return _numbered(file, _rows(file, content))
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f'{file} holds no codes, but a {type(content).__name__}.')
    if {'base', 'detail'} <= set(content):
        base, detail = (_floats(file, content[name]) for name in ('base', 'detail'))
        return _numbered(file, _as_rows(file, detail, 3), _as_rows(file, base, 4))
    known = [name for name in _NAMES if isinstance(content.get(name), Tensor)]
    if known:
        return _numbered(file, _rows(file, content[known[0]]))
    if any(isinstance(value, Mapping) for value in content.values()):
        return load_projections(file)
    found = {}
    for name, value in content.items():  # of several iterations, the last is the result
        value = value[-1] if isinstance(value, list) and value else value
        rows = _rows(file, value)
        if len(rows) != 1:
            raise ValueError(f'{file} holds {len(rows)} codes for {shown_name(name)!r}, not one.')
        found[str(name)] = Projection(rows[0])
    return found


def _floats(file: Path, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f'{file} must hold arrays of codes, but got {type(value).__name__}.')
    try:
        return floats(value, '')
    except ValueError as error:
        raise ValueError(f'{file} holds no usable code: {error}.') from error


def _rows(file: Path, value: object) -> list[Tensor]:
    """Return each w (D,) or w+ (N, D) of an array: w, w+, or n of them."""
    codes = _floats(file, value)
    if not 1 <= codes.ndim <= 3 or codes.numel() == 0:
        raise ValueError(
            f'{file} must hold w (D,), w+ (N, D) or n of them, but holds {tuple(codes.shape)}.'
        )
    codes = codes.reshape((1,) * (3 - codes.ndim) + codes.shape)
    return [one[0] if len(one) == 1 else one for one in codes]


def _as_rows(file: Path, codes: Tensor, rank: int) -> list[Tensor]:
    """Return the parts of a base or detail code of this rank, with or without the batch."""
    if codes.ndim not in (rank - 1, rank):
        raise ValueError(f'{file} holds {tuple(codes.shape)}: no pair of base and detail code.')
    return list(codes if codes.ndim == rank else codes[None])


def _numbered(
    file: Path, latents: list[Tensor], bases: Sequence[Tensor | None] = ()
) -> dict[str, Projection]:
    """Name codes after their file; a number alone, as PTI's ``0.pt``, after its folder."""
    bases = bases or [None] * len(latents)
    if len(bases) != len(latents):
        raise ValueError(f'{file} holds {len(bases)} base codes and {len(latents)} detail codes.')
    stem = file.resolve().parent.name if file.stem.isdigit() else file.stem
    names = [stem] if len(latents) == 1 else [f'{stem}_{i}' for i in range(len(latents))]
    return {n: Projection(w, base=base) for n, w, base in zip(names, latents, bases)}


def convert_codes(
    source: str | os.PathLike,
    out: str | os.PathLike,
    on_note: Callable[[str], object] | None = None,
) -> list[Path]:
    """Write codes for other programs.

    A w+ becomes one array (n, N, D): in ``.npz`` under ``w``, as NVIDIA's, in ``.npy``, or as a
    tensor in ``.pt``, as e4e's and PTI's. Base and detail codes become two, called so; ``X.npy``
    becomes the pair ``invert_basecode/X.npy`` and ``invert_detailcode/X.npy`` beside it, as
    BDInvert's authors have it. Style vectors that reach no pixel are zeros.

    Args:
        source (str | os.PathLike): A ``code.safetensors``, the folder of one image's results, or a
            file that :func:`read_codes` reads.
        out (str | os.PathLike): The ``.npy``, ``.npz`` or ``.pt`` to write.
        on_note (Callable | None): Called with a sentence on what is not written. Defaults to None.

    Returns:
        list[Path]: What was written.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no codes, or some that no array has room for together.
        ForeignFileError: ``out`` is there, and no earlier conversion made it.
        OutputError: It cannot be written.
    """
    source, out = Path(source), Path(out)
    if out.suffix not in CODE_SUFFIXES:
        raise ValueError(
            f'Codes are written to {", ".join(CODE_SUFFIXES)}, but got {out}; the tools read those '
            f'of other programs as they are.'
        )
    source = source / 'code.safetensors' if source.is_dir() else source
    arrays = _arrays(source, on_note)
    if out.suffix == '.npy':
        files = {out: arrays['w']} if 'w' in arrays else _pair(out, arrays)
    else:
        files = {out: arrays.get('w', arrays) if out.suffix == '.pt' else arrays}
    check_outputs(files, 'convert', [source])
    for path in files:
        ensure_writable_folder(path.parent)
    claim_outputs(files, 'convert')
    for path, content in files.items():
        if path.suffix == '.pt':
            save_pickled(path, content)
            continue
        buffer = io.BytesIO()
        if isinstance(content, Tensor):
            np.save(buffer, content.numpy())
        else:
            np.savez(buffer, **{name: value.numpy() for name, value in content.items()})
        write_bytes(path, buffer.getvalue())
    return list(files)


def _arrays(source: Path, on_note: Callable[[str], object] | None) -> dict[str, Tensor]:
    if source.suffix == '.safetensors':
        code = LatentCode.load(source)
        if code.changes and on_note is not None:
            on_note('tuned weights and noise maps are not written: the image differs without them')
        if code.w_plus is not None:
            return {'w': code.w_plus}
        return {'base': code.base, 'detail': _all_vectors(code)}
    found = list(read_codes(source).values())
    latents = [one.latent if one.latent.ndim == 2 else one.latent[None] for one in found]
    bases = [one.base for one in found if one.base is not None]
    if any(one.noises for one in found) and on_note is not None:
        on_note('noise maps are not written: the image differs without them')
    if len({tuple(one.shape) for one in latents}) > 1 or len(bases) not in (0, len(found)):
        raise ValueError(f'{source} holds codes of several kinds, which no array has room for.')
    stacked = torch.stack(latents)
    return {'base': torch.stack(bases), 'detail': stacked} if bases else {'w': stacked}


def _all_vectors(code: LatentCode) -> Tensor:
    """Return a detail code as BDInvert's authors have it, with vectors that reach no pixel."""
    first = 2 * (int(math.log2(code.base_size)) - 2)  # M
    return torch.nn.functional.pad(code.detail, (0, 0, first, 0))


def _pair(out: Path, arrays: Mapping[str, Tensor]) -> dict[Path, Tensor]:
    files = {}
    for folder, name in ((_BASE, 'base'), (_DETAIL, 'detail')):
        for i, one in enumerate(arrays[name]):
            stem = out.stem if len(arrays[name]) == 1 else f'{out.stem}_{i}'
            files[out.parent / folder / f'{stem}.npy'] = one[None]
    return files
