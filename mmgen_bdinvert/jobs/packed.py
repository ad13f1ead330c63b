# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results in tar shards instead of a folder for each image.

A shard, ``shards/<rank>-<number>.tar``, holds members ``<name>.<file>``, such as
``photo.code.safetensors``, which is WebDataset's naming; ``tar`` reads it. Every process appends to
shards of its own, and the manifest is their index: an image counts once its record, which names the
shard and where the image's members begin and end, is written. What lies behind the last record of a
shard is the rest of a process that died, and is cut off before the next run.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..io.outputs import shown_path, sync_folder, write_error
from .manifest import image_records

__all__ = [
    'SHARDS',
    'ShardWriter',
    'cut_shards',
    'packed_records',
    'read_packed',
    'remove_shards',
]

_BLOCK = 512
_SHARD_BYTES = 2**30
SHARDS = 'shards'


class ShardWriter:
    """Appends the results of images to the shards of one process.

    Args:
        folder (str | os.PathLike): The output folder.
        rank (int): Number of the process.
        shard_bytes (int): Size from which on a new shard is begun. Defaults to 1 GiB.
    """

    def __init__(
        self, folder: str | os.PathLike, rank: int, shard_bytes: int = _SHARD_BYTES
    ) -> None:
        self.folder, self.rank, self.shard_bytes = Path(folder, SHARDS), rank, shard_bytes

    def add(self, name: str, files: dict[str, bytes]) -> dict[str, Any]:
        """Append the files of an image; when this returns, they are on disk.

        Args:
            name (str): Name of the image.
            files (dict[str, bytes]): Contents by file name.

        Returns:
            dict[str, Any]: ``shard``, ``begin`` and ``end``, for the record in the manifest.

        Raises:
            OutputError: They cannot be written; then nothing of them stays in the shard.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            path = self._shard()
            with open(path, 'ab') as file:
                begin = file.tell()
                try:
                    for key, content in files.items():
                        info = tarfile.TarInfo(f'{name}.{key}')
                        info.size = len(content)
                        file.write(info.tobuf(tarfile.PAX_FORMAT))
                        file.write(content + bytes(-len(content) % _BLOCK))
                    file.flush()
                    os.fsync(file.fileno())
                except BaseException:
                    os.ftruncate(file.fileno(), begin)
                    raise
                if begin == 0:
                    sync_folder(self.folder)
                return {'shard': path.name, 'begin': begin, 'end': file.tell()}
        except OSError as error:
            raise write_error(self.folder, error) from error

    def _shard(self) -> Path:
        number = 0
        while True:
            path = self.folder / f'{self.rank:05d}-{number:05d}.tar'
            if not path.exists() or path.stat().st_size < self.shard_bytes:
                return path
            number += 1


def cut_shards(folder: str | os.PathLike) -> None:
    """Cut off what no record of the manifest speaks of, while no process writes.

    Raises:
        OutputError: A shard cannot be written to.
    """
    ends = {path.name: 0 for path in _shards(folder)}
    for record in image_records(folder):
        if record.get('shard') in ends:
            ends[record['shard']] = max(ends[record['shard']], record['end'])
    for name, end in ends.items():
        path = Path(folder, SHARDS, name)
        try:
            if path.stat().st_size > end:
                os.truncate(path, end)
        except OSError as error:
            raise write_error(path, error) from error


def remove_shards(folder: str | os.PathLike) -> None:
    """Remove all shards of an output folder.

    Raises:
        OutputError: A shard cannot be removed.
    """
    for path in _shards(folder):
        try:
            path.unlink()
        except OSError as error:
            raise write_error(path, error) from error


def packed_records(folder: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """Find where the packed results of an output folder are, by name of the image."""
    return {record['name']: record for record in image_records(folder) if 'shard' in record}


def read_packed(
    folder: str | os.PathLike, name: str, records: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Read the results of one image from the shards of an output folder.

    Args:
        folder (str | os.PathLike): The output folder.
        name (str): Name of the image, as ``summary.csv`` has it.
        records (Mapping[str, Any] | None): From :func:`packed_records`, for who reads many images.
            Defaults to None.

    Returns:
        dict[str, bytes]: Contents by file name, such as ``code.safetensors``.

    Raises:
        FileNotFoundError: There are no results of this name.
    """
    found = (packed_records(folder) if records is None else records).get(name)
    if found is None:
        raise FileNotFoundError(f'There are no packed results of {name!r} in {shown_path(folder)}.')
    files = {}
    with open(Path(folder, SHARDS, found['shard']), 'rb') as file:
        file.seek(found['begin'])
        with tarfile.open(fileobj=file, mode='r:') as archive:
            while file.tell() <= found['end']:
                member = archive.next()
                if member is None or member.offset >= found['end']:
                    break
                files[member.name[len(name) + 1 :]] = archive.extractfile(member).read()
    return files


def _shards(folder: str | os.PathLike) -> list[Path]:
    return sorted(Path(folder, SHARDS).glob('*.tar'))
