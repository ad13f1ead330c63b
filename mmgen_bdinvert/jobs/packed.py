# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results in tar shards instead of a folder for each image.

A shard, ``shards/<rank>-<number>.tar``, has members ``<name>.<file>``, such as
``photo.code.safetensors``, as WebDataset names them; ``tar`` reads it. Every process appends to
shards of its own, and the manifest is their index: an image counts once its record is written,
with the shard and where the image's members begin and end. Bytes behind the last record are from a
process that died, and are cut off before the next run. Only shards that the manifest or the
folder's mark names are ever changed or removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bdinvert_cli.sentences import reason_of

from ..io.outputs import remove_files, shown_path, sync_folder, writing
from ..io.ownership import claim_outputs, made_in
from ..io.stamps import FileStamp, change_time, check_regular
from .manifest import MAKER, latest_records, read_events
from .record import SHARD_NAME

__all__ = [
    'SHARDS',
    'ShardWriter',
    'cut_shards',
    'is_untouched',
    'last_records',
    'packed_records',
    'read_packed',
    'remove_shards',
    'shards_of',
]

SHARDS = 'shards'
_BLOCK = 512
_SHARD_BYTES = 2**30


class ShardWriter:
    """Appends the results of images to the shards of one process, each of about ``shard_bytes``."""

    def __init__(
        self, folder: str | os.PathLike, rank: int, shard_bytes: int = _SHARD_BYTES
    ) -> None:
        self.folder, self.rank, self.shard_bytes = Path(folder, SHARDS), rank, shard_bytes
        self._last = last_records(folder)

    def add(self, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Append the files of an image, by name; when this returns, they are on disk.

        Returns ``shard``, ``begin``, ``end`` and ``shard_stamp`` for the record. After an error,
        nothing of them stays in the shard.
        """
        with writing(self.folder):
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
                place = {'shard': path.name, 'begin': begin, 'end': file.tell()}
            stamp = FileStamp.of(path, begin, place['end'])
            self._last[path.name] = {**place, 'shard_stamp': stamp.json()}
            return self._last[path.name]

    def _shard(self) -> Path:
        """Return a shard that has room and that nobody else wrote to, or a new one."""
        number = 0
        while True:
            path = self.folder / f'{self.rank:05d}-{number:05d}.tar'
            if not os.path.lexists(path):
                claim_outputs([path], MAKER)
                return path
            last = self._last.get(path.name)
            if last and last['end'] < self.shard_bytes and is_untouched(path, last):
                return path
            number += 1


def last_records(folder: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """Find the record of the last image in each shard, by the shard's name."""
    last: dict[str, dict[str, Any]] = {}
    for record in read_events(folder, 'image'):
        if 'shard' in record and record['end'] > last.get(record['shard'], {'end': 0})['end']:
            last[record['shard']] = record
    return last


def is_untouched(path: Path, last: Mapping[str, Any]) -> bool:
    """Whether nothing was written to a shard since its last record: then all of it is sound."""
    stamp = FileStamp.of_json(last['shard_stamp'])
    try:
        found = check_regular(path)
    except OSError:
        return False
    return (found.st_size, change_time(found)) == (last['end'], stamp.time_ns)


def cut_shards(folder: str | os.PathLike) -> None:
    """Cut off what is in no record of the manifest, while no process writes.

    A shard that somebody has written over is left as it is.
    """
    last = last_records(folder)
    for path in _shards(folder):
        record = last.get(path.name)
        with contextlib.suppress(ValueError), writing(path):
            if record is not None:
                _part(path, record)
            end = 0 if record is None else record['end']
            if path.stat().st_size > end:
                os.truncate(path, end)


def remove_shards(folder: str | os.PathLike) -> None:
    """Remove the shards of an output folder."""
    remove_files(_shards(folder))


def shards_of(folder: str | os.PathLike) -> list[Path]:
    """List the shards in the records of an output folder, missing ones too; else those there."""
    named = {record['shard'] for record in packed_records(folder).values()}
    return sorted(Path(folder, SHARDS, name) for name in named) or _shards(folder)


def packed_records(
    folder: str | os.PathLike, passed_over: Counter[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the records of packed results by name of the image; see :func:`latest_records`."""
    records = latest_records(folder, passed_over)
    return {name: record for name, record in records.items() if 'shard' in record}


def read_packed(
    folder: str | os.PathLike, name: str, records: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Read the results of one image from the shards of an output folder.

    Args:
        folder (str | os.PathLike): The output folder.
        name (str): Name of the image, as in ``summary.csv``.
        records (Mapping[str, Any] | None): From :func:`packed_records`, to read many images
            faster. Defaults to None.

    Returns:
        dict[str, bytes]: Contents by file name, such as ``code.safetensors``.

    Raises:
        FileNotFoundError: There are no results of this name.
        ValueError: Their shard is gone or damaged.
    """
    found = (packed_records(folder) if records is None else records).get(name)
    if found is None:
        raise FileNotFoundError(f'There are no packed results of {name!r} in {shown_path(folder)}.')
    path = Path(folder, SHARDS, found['shard'])
    try:
        return _members(name, _part(path, found))
    except FileNotFoundError:
        reason = 'it is gone'
    except (ValueError, OSError, tarfile.TarError) as error:
        reason = reason_of(error)
    raise ValueError(
        f'The results of {name!r} cannot be read from the shard {shown_path(path)} ({reason}): '
        'invert the image again.'
    )


def _part(path: Path, record: Mapping[str, Any]) -> bytes:
    begin, end = record['begin'], record['end']
    if check_regular(path).st_size < end:
        raise ValueError('it is cut off')
    with open(path, 'rb') as file:
        file.seek(begin)
        data = file.read(end - begin)
    if hashlib.sha256(data).hexdigest() != FileStamp.of_json(record['shard_stamp']).digest:
        raise ValueError('it has been written over')
    return data


def _members(name: str, data: bytes) -> dict[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode='r:') as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None or not member.name.startswith(f'{name}.'):
                raise ValueError('it has been written over')
            files[member.name[len(name) + 1 :]] = content.read()
    return files


def _shards(folder: str | os.PathLike) -> list[Path]:
    """List the shards that the manifest or the mark of their folder names; no links."""
    names = {record['shard'] for record in read_events(folder, 'image') if 'shard' in record}
    names |= set(filter(SHARD_NAME.fullmatch, made_in(Path(folder, SHARDS), MAKER)))
    paths = (Path(folder, SHARDS, name) for name in sorted(names))
    return [path for path in paths if path.is_file() and not path.is_symlink()]
