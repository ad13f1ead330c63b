# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results of version 0.1.0, which left no marks: they are told by what they hold, and marked."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..io.ownership import adopt_files, is_marked
from .folder import SETTINGS_FILE, lock_file
from .manifest import MAKER, MANIFEST, image_records, manifest_files, read_events
from .results import CONFIG_FILE, RESULT_FILES

__all__ = ['adopt_results']

_RUN_FILES = (CONFIG_FILE, SETTINGS_FILE, 'contact_sheet.png', 'report.md', 'summary.csv')


def adopt_results(folder: str | os.PathLike) -> None:
    """Mark an output folder of version 0.1.0, so that a run goes on in it; leave others alone.

    Args:
        folder (str | os.PathLike): It need not exist.

    Raises:
        OutputError: It cannot be written to.
    """
    folder = Path(folder)
    if is_marked(folder, MAKER) or not _is_old(folder):
        return
    names = {str(record['name']) for record in image_records(folder)}
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            # What a killed run was writing has no record, and nothing but such files.
            if path.name in names or set(os.listdir(path)) <= set(RESULT_FILES):
                adopt_files(path, MAKER, RESULT_FILES)
    files = [path.name for path in manifest_files(folder)]
    adopt_files(folder / MANIFEST, MAKER, files)
    locks = [lock_file(rank) for rank in range(len(files))]
    adopt_files(folder, 'report', ['report.html'])
    adopt_files(folder, MAKER, [*_RUN_FILES, *locks])  # last: it says that the others are marked


def _is_old(folder: Path) -> bool:
    try:
        settings = json.loads((folder / SETTINGS_FILE).read_text('utf-8'))
    except (OSError, ValueError, RecursionError):
        return False
    wanted = {'fit', 'packed', 'weights', 'model'}
    ours = isinstance(settings, dict) and wanted <= set(settings)
    return ours and next(read_events(folder, 'start'), None) is not None
