# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An output folder belongs to one run at a time, and to one set of settings."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import nn

from ..io.errors import OutputError
from ..io.outputs import remove_files, shown_path, write_error
from ..io.stamps import check_regular, input_digests
from ..io.tables import save_json
from ..models.state_dicts import update_digest
from .manifest import manifest_files
from .packed import remove_shards

__all__ = [
    'SETTINGS_FILE',
    'flat_settings',
    'lock_file',
    'locked_folder',
    'model_settings',
    'recorded_settings',
    'remember_settings',
    'settings_of',
]

SETTINGS_FILE = 'settings.json'
_ORPHANS = 60  # seconds that processes may need to end when the first process of their run is dead


def lock_file(rank: int) -> str:
    """Return the name of the file by which a process locks an output folder."""
    return f'.lock-{rank}'


@contextlib.contextmanager
def locked_folder(folder: str | os.PathLike, rank: int = 0) -> Iterator[None]:
    """Lock an output folder; the system drops the lock when the process ends, even by a kill.

    Args:
        folder (str | os.PathLike): An existing folder.
        rank (int): Number of the process in its run. Defaults to 0.

    Raises:
        OutputError: Another run has locked it, or it cannot be written to.
    """
    lock = FileLock(Path(folder, lock_file(rank)))
    try:
        lock.acquire(timeout=_ORPHANS if rank else 0)
    except Timeout as error:
        raise OutputError(
            f'another run is writing to {shown_path(folder)}; wait for its end, or choose another '
            'folder'
        ) from error
    except OSError as error:
        raise write_error(lock.lock_file, error) from error
    try:
        yield
    finally:
        lock.release()


def settings_of(inverter: nn.Module, **settings: Any) -> dict[str, Any]:
    """Describe what determines the results of a run: model, weights and ``settings``.

    Args:
        inverter (OptimizationInverter): With its config as ``cfg`` if it was built from one.
        **settings: Others, such as ``fit``.

    Returns:
        dict[str, Any]: Values as JSON would return them.
    """
    digest = hashlib.sha256(inverter.generator.fingerprint.encode())
    for module in (inverter, inverter.statistics):
        update_digest(digest, {} if module is None else module.state_dict())
    model = model_settings(inverter)
    # The weights of losses are files of the config, not weights of the inverter.
    described = {**settings, 'weights': digest.hexdigest(), 'files': input_digests(model)}
    return {**json.loads(json.dumps(described, default=str)), 'model': model}


def model_settings(owner: object) -> dict[str, Any] | None:
    """Return the config of a model as data, or None if it was not built from a config."""
    config = getattr(owner, 'cfg', None)
    return None if config is None else json.loads(json.dumps(config.model.to_dict(), default=str))


def remember_settings(
    folder: str | os.PathLike, settings: Mapping[str, Any], restart: bool = False
) -> None:
    """Write the settings of an output folder, or check that they are still the same.

    Args:
        folder (str | os.PathLike): A folder that this process has locked.
        settings (Mapping[str, Any]): From :func:`settings_of`.
        restart (bool): Forget the results in the folder: remove the files of the manifest and the
            shards that they name. Defaults to False.

    Raises:
        OutputError: The folder cannot be written to.
        ValueError: They differ; the message names the first difference.
    """
    if restart:
        remove_shards(folder)  # first: the manifest names them
        remove_files(manifest_files(folder))
    elif manifest_files(folder):
        old = recorded_settings(folder)
        if old is None:
            raise ValueError(
                f'The settings of the results in {shown_path(folder)} are not known, as '
                f'{SETTINGS_FILE} is gone or damaged: choose another output folder, or --restart '
                '(restart=True), which inverts all images anew.'
            )
        if old != settings:
            raise ValueError(
                f'The results in {shown_path(folder)} were made with other settings '
                f'({_first_difference(old, settings)}): choose another output folder, or '
                '--restart (restart=True), which inverts all images anew.'
            )
        return
    save_json(Path(folder, SETTINGS_FILE), settings)


def recorded_settings(folder: str | os.PathLike) -> dict[str, Any] | None:
    """Read the settings of an output folder; None if there are none, or the file is damaged."""
    path = Path(folder, SETTINGS_FILE)
    try:
        check_regular(path)
        settings = json.loads(path.read_text(encoding='utf-8'))
        flat = dict(flat_settings(settings))  # a RecursionError if it is nested too deep
    except (OSError, ValueError, RecursionError):
        return None
    return settings if isinstance(settings, dict) and flat else None


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    one, two = dict(flat_settings(old)), dict(flat_settings(new))
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    if keys == ['weights']:
        return 'the weights of a network are no longer the same'
    key = next(key for key in keys if key != 'weights')
    if key.startswith('files.'):
        return f'the file {key[len("files.") :]!r} has changed'
    return f'{key} was {one.get(key)!r} and is {two.get(key)!r}'


def flat_settings(value: Any, prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield nested settings as pairs of dotted key and value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat_settings(inner, f'{prefix}.{key}' if prefix else str(key))
    else:
        yield prefix, value
