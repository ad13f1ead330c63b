# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Patterns of paths, such as ``photos/**/*.jpg``."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import deque

from .notes import say_once
from .outputs import shown_path

__all__ = ['matching_paths']


def matching_paths(pattern: str) -> list[str]:
    """List the paths that match a pattern, as ``glob.glob(pattern, recursive=True)`` does.

    But a folder is searched only once for each part of the pattern, however many links lead to it,
    so that links in circles come to an end; and a folder that cannot be listed is named in the log.
    """
    drive, path = os.path.splitdrive(pattern)
    if os.altsep:
        path = path.replace(os.altsep, os.sep)
    parts = [part for part in path.split(os.sep) if part]
    if parts and parts[-1] == '**':
        parts.append('*')
    found: list[str] = []
    searched: set[tuple[int, int, int]] = set()
    # What the first parts of the pattern lead to, and how many these are; the shortest ways first.
    waiting = deque([(drive + os.sep if path.startswith(os.sep) else drive, 0)])
    while waiting:
        folder, depth = waiting.popleft()
        if depth == len(parts):
            found.append(folder)
        elif not glob.has_magic(parts[depth]):
            inner = os.path.join(folder, parts[depth])
            if os.path.lexists(inner):
                waiting.append((inner, depth + 1))
        elif _is_new(folder, depth, searched):
            names = [n for n in _names(folder) if parts[depth][0] == '.' or n[0] != '.']
            if parts[depth] == '**':
                waiting.append((folder, depth + 1))  # `**` may stand for no folder at all
                inside = [os.path.join(folder, name) for name in names]
                waiting += [(inner, depth) for inner in inside if os.path.isdir(inner)]
            else:
                names = fnmatch.filter(names, parts[depth])
                waiting += [(os.path.join(folder, name), depth + 1) for name in names]
    return found


def _is_new(folder: str, depth: int, searched: set[tuple[int, int, int]]) -> bool:
    try:
        status = os.stat(folder or os.curdir)
    except (OSError, ValueError):
        return False
    key = (status.st_dev, status.st_ino, depth)
    new = key not in searched
    searched.add(key)
    return new


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or os.curdir))
    except NotADirectoryError:
        return []
    except OSError as error:
        say_once(f'folder {shown_path(folder)} cannot be listed ({error.strerror}): left out')
        return []
