# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The studio's folder on the disk, and limits of what is stored there."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

MAX_FILE_BYTES = 64 << 20  # of one upload
_HOUR = 3600  # seconds that a file is kept at most, and over which a visitor's uploads count
_UPLOADS, _UPLOADED_BYTES = 100, 500_000_000  # of one visitor in an hour
_FILES, _BYTES = 2000, 1_000_000_000  # of all visitors, at any time
_TIDIED = 60  # seconds between two cleanups


@lru_cache(maxsize=1)
def studio_folder() -> Path:
    """Make this process's folder for uploads and wipes, which is removed when the process ends."""
    folder = Path(
        tempfile.mkdtemp(prefix='bdinvert_studio_', dir=os.environ.get('GRADIO_TEMP_DIR'))
    )
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ['GRADIO_TEMP_DIR'] = str(folder)  # read by Gradio
    return folder


@lru_cache(maxsize=1)
def _results() -> Storage:
    folder = studio_folder() / 'results'
    folder.mkdir()
    return Storage(folder)


def new_result(name: str, size: int) -> Path:
    """Return where a file of about so many bytes may be saved for a visitor.

    It is removed after an hour, or before that if others need its place.
    """
    return _results().new(name, size)


class Storage:
    """Limits what visitors store: each within an hour, and all of them at any time.

    Existing files in the folder, such as the examples, stay.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock
        self._kept = {path for path, _ in self._files()}
        self._uploads: dict[str, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def refusal(self, visitor: str, size: int) -> str:
        """Make room for an upload from an address, and count it; or return why it is refused."""
        with self._lock:
            now = self._clock()
            for name, uploads in list(self._uploads.items()):
                while uploads and uploads[0][0] <= now - _HOUR:
                    uploads.popleft()
                if not uploads:
                    del self._uploads[name]
            uploads = self._uploads.setdefault(visitor, deque())
            if len(uploads) >= _UPLOADS:
                return f'{_UPLOADS} uploads within an hour are the most: come back later.'
            if sum(one for _, one in uploads) + size > _UPLOADED_BYTES:
                most = f'{_UPLOADED_BYTES / 1e6:.0f} MB'
                return f'{most} of uploads within an hour are the most: come back later.'
            uploads.append((now, size))
            self._tidy(room=size)
        return ''

    def new(self, name: str, size: int) -> Path:
        """Make room for a file of about so many bytes, and a folder for it alone."""
        with self._lock:
            self._tidy(room=size)
        return Path(tempfile.mkdtemp(dir=self._folder), name)

    def watch(self) -> None:
        """Remove old files from now on, in a thread, until the process ends."""

        def tidy_on() -> None:
            while True:
                time.sleep(_TIDIED)
                with self._lock:
                    self._tidy()

        threading.Thread(target=tidy_on, daemon=True, name='studio storage').start()

    def _tidy(self, room: int = 0) -> None:
        """Remove files older than an hour, and the oldest ones until the others fit."""
        files = [(path, found) for path, found in self._files() if path not in self._kept]
        files.sort(key=lambda item: item[1].st_ctime)
        count, size = len(files) + bool(room), sum(found.st_size for _, found in files) + room
        for path, found in files:
            old = found.st_ctime <= self._clock() - _HOUR
            if not old and count <= _FILES and size <= _BYTES:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                count, size = count - 1, size - found.st_size
                path.parent.rmdir()  # fails if it has other files

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        found = []
        for folder, _, names in os.walk(self._folder):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(OSError):  # removed meanwhile
                    found.append((path, path.lstat()))
        return found
