# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The safetensors files that this package writes: their kind, version and generator."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as serialize
from torch import Tensor

from .outputs import write_bytes
from .tensors import floats, read_safetensors


@dataclass(frozen=True)
class FileKind:
    """A kind of file of this package.

    Args:
        kind (str): Its ``kind`` in the metadata.
        title (str): What it holds, for messages, such as 'latent code'.
        remedy (str): What to give instead of a wrong file, as an imperative.
        version (str): Its ``version`` in the metadata. Defaults to '1'.
        generator (str): Key of the generator's fingerprint. Defaults to 'generator'.
    """

    kind: str
    title: str
    remedy: str
    version: str = '1'
    generator: str = 'generator'

    def save(
        self,
        path: str | os.PathLike,
        tensors: Mapping[str, Tensor],
        facts: Mapping[str, str],
        fingerprint: str = '',
    ) -> None:
        """Write tensors and further metadata as a file of this kind, see :func:`save_tensors`."""
        own = {'kind': self.kind, 'version': self.version, self.generator: fingerprint}
        save_tensors(path, tensors, {**facts, **own})

    def read(
        self,
        path: str | os.PathLike,
        names: Iterable[str] | None = None,
        fingerprint: str = '',
        optional: Sequence[str] = (),
        instead: Sequence[str] = (),
    ) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Read a file of this kind.

        Args:
            path (str | os.PathLike): The file.
            names (Iterable[str] | None): All tensors that it must have. Defaults to None, any.
            fingerprint (str): A file of another generator is refused; '', here or there, fits any.
            optional (Sequence[str]): Patterns of further tensors that it may have. Defaults to ().
            instead (Sequence[str]): All tensors that it may have instead of ``names``: those of a
                file that has one of them. Defaults to ().

        Returns:
            tuple[dict, dict]: Tensors in float32 on the CPU, and the metadata, in which the
            fingerprint is at least ''.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is damaged, of another kind, version or generator, or a tensor holds
                anything but finite real numbers.
        """
        path = Path(path)
        try:
            tensors, facts = read_safetensors(path, self.title)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f'{str(error).rstrip(".")}: {self.remedy}.') from error
        if facts.get('kind') != self.kind:
            raise ValueError(f'{path} is not a {self.title}: {self.remedy}.')
        if facts.get('version') != self.version:
            raise ValueError(
                f'{path} has format version {facts.get("version")}, but this release reads version '
                f'{self.version}.'
            )
        names = instead if set(instead) & set(tensors) else names
        known = set(names or ())
        others = [name for name in tensors if not any(fnmatchcase(name, p) for p in optional)]
        if names is not None and known != set(others):
            raise ValueError(
                f'A {self.title} has the tensors {", ".join(names)}, but {path} has '
                f'{", ".join(sorted(tensors)[:4]) or "none"}: {self.remedy}.'
            )
        try:
            tensors = {name: floats(tensor, name) for name, tensor in tensors.items()}
        except ValueError as error:
            raise ValueError(f'{path} is not a usable {self.title}: {error}.') from error
        found = facts.setdefault(self.generator, '')
        if fingerprint and found and found != fingerprint:
            raise ValueError(
                f'{path} is a {self.title} of another generator (fingerprint {found[:12]}…, this '
                f'one is {fingerprint[:12]}…): {self.remedy}.'
            )
        return tensors, facts


def save_tensors(
    path: str | os.PathLike,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file, atomically; the same content gives the same bytes.

    Raises:
        OutputError: It cannot be written.
    """
    write_bytes(path, to_bytes(tensors, metadata or {}))


def save_pickled(path: str | os.PathLike, content: object) -> None:
    """Write a file as ``torch.save`` does, atomically."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue())


def to_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the content of a safetensors file, see :func:`save_tensors`."""
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    data = serialize(own, dict(metadata))
    size = int.from_bytes(data[:8], 'little')
    # safetensors writes the metadata in a random order.
    encoded = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True).encode()
    encoded += b' ' * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, 'little') + encoded + data[8 + size :]


def json_fact(path: str | os.PathLike, facts: Mapping[str, str], name: str, default: Any) -> Any:
    """Return an entry of a file's metadata, which is JSON, or a default.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(facts[name]) if name in facts else default
    except (ValueError, RecursionError) as error:
        reason = 'it is no JSON' if isinstance(error, ValueError) else 'it is nested too deeply'
        raise ValueError(
            f'{path} has metadata that cannot be read under {name}: {reason}.'
        ) from error
