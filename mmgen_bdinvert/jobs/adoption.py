# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Marks for results of version 0.1.0, which left none: settings and manifest identify them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..io.ownership import adopt_files, is_marked
from .folder import SETTINGS_FILE, lock_file
from .manifest import MAKER, MANIFEST, manifest_files, read_events
from .results import CONFIG_FILE, RESULT_FILES, SUMMARY_FILES

__all__ = ['adopt_results']


def adopt_results(folder: str | os.PathLike) -> None:
    """Mark an output folder of version 0.1.0, so that a run continues in it; leave others alone."""
    folder = Path(folder)
    if is_marked(folder, MAKER) or not _is_old(folder):
        return
    names = {str(record['name']) for record in read_events(folder, 'image')}
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            # A killed run left an image without a record, but nothing except result files.
            if path.name in names or set(os.listdir(path)) <= set(RESULT_FILES):
                adopt_files(path, MAKER, RESULT_FILES)
    files = [path.name for path in manifest_files(folder)]
    adopt_files(folder / MANIFEST, MAKER, files)
    locks = [lock_file(rank) for rank in range(len(files))]
    adopt_files(folder, 'report', ['report.html'])
    # Last: this mark says that the others are there.
    adopt_files(folder, MAKER, [CONFIG_FILE, SETTINGS_FILE, *SUMMARY_FILES, *locks])


def _is_old(folder: Path) -> bool:
    try:
        settings = json.loads((folder / SETTINGS_FILE).read_text('utf-8'))
    except (OSError, ValueError, RecursionError):
        return False
    ours = isinstance(settings, dict) and {'fit', 'packed', 'weights', 'model'} <= set(settings)
    return ours and next(read_events(folder, 'start'), None) is not None
