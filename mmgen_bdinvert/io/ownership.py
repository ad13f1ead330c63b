# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which files the package made: those that the mark of their folder lists, and no others.

Every folder into which a job writes has a hidden file, :data:`MARK`. Each line of it has ``maker``,
the name of a tool, and ``names``, files that it made beside the mark. A name is noted before its
file exists. So an existing file that is not noted belongs to the user: no job replaces, changes or
removes it. A file that is noted stays its maker's, whatever became of it since.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from bdinvert_cli.running import undo_on_error

from .errors import ForeignFileError
from .outputs import ensure_writable_folder, shown_path, sync_folder, writing

MARK = '.mmgen_bdinvert'
_MAX_MARK = 2**26  # bytes that are read


def claim_folder(path: str | os.PathLike, maker: str, *, into_existing: bool = False) -> Path:
    """Make a folder for the results of one tool, parents included, and mark it.

    If the tool ends with an error before anything else is in it, what was made is removed.

    Args:
        path (str | os.PathLike): The folder. One that the tool marked before is taken again. Hidden
            files, and files that other tools of this package made, do not count.
        maker (str): Name of the tool, such as ``'invert'``.
        into_existing (bool): Take a folder with other files too. None of them is replaced: each is
            refused when it is to be written. Defaults to False.

    Returns:
        Path: The folder.

    Raises:
        ForeignFileError: It holds files that the package did not make.
        OutputError: It cannot be written to.
    """
    whole = Path(path).absolute()
    missing = [part for part in (whole, *whole.parents) if not os.path.lexists(part)]
    undo_on_error(partial(_remove_empty, missing))
    folder = ensure_writable_folder(path)
    made = _read(folder)
    if maker not in made:
        ours = set().union(*made.values())
        with os.scandir(folder) as entries:
            foreign = any(e.name[0] != '.' and e.name not in ours for e in entries)
        if foreign and not into_existing:
            raise ForeignFileError(
                f'the output folder {shown_path(path)} is not empty, and not one that bdinvert '
                f'{maker} made; choose a new one, or add --into-existing, which replaces no file '
                'that is there'
            )
        _note(folder, maker, ())
    return folder


def check_outputs(
    paths: Iterable[str | os.PathLike],
    maker: str,
    inputs: Iterable[object] = (),
) -> None:
    """Check that files may be written: they do not exist yet, or the same tool made them.

    Args:
        paths (Iterable[str | os.PathLike]): The files.
        maker (str): Name of the tool.
        inputs (Iterable): What the job reads; whatever is not the path of a file is ignored.

    Raises:
        ForeignFileError: A file was made by something else, or is an input, through links too.
    """
    paths = [Path(path) for path in paths]
    refuse_inputs(paths, inputs)
    made: dict[Path, frozenset[str]] = {}
    for path in paths:
        if not os.path.lexists(path):
            continue
        if path.parent not in made:
            made[path.parent] = made_in(path.parent, maker)
        if path.is_symlink() or not path.is_file() or path.name not in made[path.parent]:
            raise ForeignFileError(
                f'cannot write {shown_path(path)} (it is there, and bdinvert {maker} did not make '
                'it); move it away, or choose another name or folder for the results'
            )


def refuse_inputs(paths: Iterable[str | os.PathLike], inputs: Iterable[object]) -> None:
    """Refuse to write files that the job reads, through links of both kinds too."""
    there = {place: path for path in paths if (place := _place(path)) is not None}
    for item in inputs if there else ():
        if (place := _place(item)) in there:
            raise ForeignFileError(
                f'the result {shown_path(there[place])} would overwrite the input '
                f'{shown_path(item)}; choose another name or folder for the results'
            )


def claim_outputs(
    paths: Iterable[str | os.PathLike], maker: str, inputs: Iterable[object] = ()
) -> None:
    """Check files as :func:`check_outputs` does, and note them as made by the tool.

    To be called right before they are written; their folders exist.
    """
    paths = [Path(path) for path in paths]
    check_outputs(paths, maker, inputs)
    names: dict[Path, list[str]] = {}
    for path in paths:
        names.setdefault(path.parent, []).append(path.name)
    for folder, new in names.items():
        known = made_in(folder, maker)
        if not known.issuperset(new):
            _note(folder, maker, [name for name in dict.fromkeys(new) if name not in known])


def made_in(folder: str | os.PathLike, maker: str) -> frozenset[str]:
    """Return the names of the files that a tool made in a folder."""
    return frozenset(_read(Path(folder)).get(maker, ()))


def is_marked(folder: str | os.PathLike, maker: str) -> bool:
    """Return whether a folder has the mark of a tool; a copy may lack hidden files."""
    return maker in _read(Path(folder))


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, the innermost first, that hold no more than their mark."""
    with contextlib.suppress(OSError):
        for folder in folders:
            if os.listdir(folder) == [MARK]:
                (folder / MARK).unlink()
            folder.rmdir()


def _place(item: object) -> tuple[int, int] | None:
    if not isinstance(item, (str, os.PathLike)):
        return None
    try:
        found = os.stat(item)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _read(folder: Path) -> dict[str, set[str]]:
    """Read a mark: names by maker. Lines that are damaged are skipped."""
    path = folder / MARK
    made: dict[str, set[str]] = {}
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):  # a link, or a pipe, which would hang
            raise ForeignFileError(f'{shown_path(path)} is no ordinary file; remove it')
        with open(path, 'rb') as file:
            lines = file.read(_MAX_MARK).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for line in lines:
        try:
            entry = json.loads(line)
            maker, names = entry['maker'], entry['names']
            names = {name for name in names if isinstance(name, str)}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(maker, str):
            made.setdefault(maker, set()).update(names)
    return made


def _note(folder: Path, maker: str, names: Iterable[str]) -> None:
    """Append a line to the mark; it is on the disk when this returns."""
    path = folder / MARK
    # The first line break ends a line that a crash of the machine cut off.
    line = '\n' + json.dumps({'maker': maker, 'names': list(names)}) + '\n'
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, 'O_NOFOLLOW', 0)
    with writing(path):
        new = not path.exists()
        handle = os.open(path, flags, 0o666)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    if new:
        sync_folder(folder)
