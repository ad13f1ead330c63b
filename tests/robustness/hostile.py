# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A hostile input as data: how it is made, what is done with it, and what must come of it.

Every ``hostile_AREA.py`` beside this file has a list ``CASES``; ``hostile_inputs.py`` runs them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bdinvert_cli

__all__ = ['DONE', 'FAILED', 'Case', 'Ended', 'bdinvert', 'be_child', 'in_child', 'statuses']

DONE, FAILED = 'done', 'failed'
TOOLS = Path(__file__).parents[2] / 'tools'
SECONDS = 120
GIB = 3.0


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        code (int): Its exit code; minus the signal that ended it.
        out, err (str): What it printed; bytes that are no UTF-8 are surrogates.
        seconds (float): How long it took.
        gib (float): Its largest memory, beyond what it shared with its parent from the start.
    """

    code: int
    out: str
    err: str
    seconds: float
    gib: float


@dataclass(frozen=True)
class Case:
    """A hostile input, and what must come of it.

    ``make`` and ``command`` run in processes of their own, both in the same empty folder, which is
    the current one: relative paths are enough. Besides what is said here, no traceback may be
    printed and no control character, what ``make`` made must still be there unchanged, nothing
    half-written and no file ``canary`` may be found, which code in an input would make.

    Args:
        name (str): A few words, unique in its area.
        command (tuple[str, ...] | Callable): A tool's name with its arguments, such as
            ``('invert', 'bdinvert_inv_toon64', 'x.png', '--out-dir', 'out')``; or a function
            without arguments, whose errors become exit codes as those of a tool do.
        make (Callable | None): Makes the input. Defaults to nothing.
        code (int): Exit code. Defaults to 2: refused in one sentence that begins with ``error:``.
        says (str): What the output must contain. Defaults to ''.
        outcomes (Mapping[str, str]): 'done', 'failed' or 'stopped' of every image of
            ``out/manifest`` by its source's path; each counts as an input.
        check (Callable | None): Gets the :class:`Ended`, in the folder, and raises an
            AssertionError that says what is wrong. Defaults to nothing.
        writes (tuple[str, ...]): The only paths where something new may be. Defaults to ``out``.
        changes (tuple[str, ...]): Paths of what ``make`` made that may be changed or removed, with
            all below them, such as the results of an earlier run. Defaults to none.
        env (Mapping[str, str]): Environment variables; these and ``prefix`` take a fresh
            interpreter, which takes seconds longer.
        prefix (tuple[str, ...]): Words before the command, such as
            ``('bash', '-c', 'ulimit -f 100; exec "$@"', '-')``.
        seconds, gib (float): Limits of time and memory. Default to 120 and 3.
        sample (bool): Whether ``make test`` has it, besides ``make test-long``. Defaults to False.
        count (int): How many inputs it has, if not by their outcomes. Defaults to 1.
    """

    name: str
    command: tuple[str, ...] | Callable[[], object]
    make: Callable[[], object] | None = None
    code: int = 2
    says: str = ''
    outcomes: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Ended], None] | None = None
    writes: tuple[str, ...] = ('out',)
    changes: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    seconds: float = SECONDS
    gib: float = GIB
    sample: bool = False
    count: int = 1

    @property
    def inputs(self) -> int:
        """int: How many inputs it has."""
        return len(self.outcomes) or self.count


def bdinvert(*words: object) -> Ended:
    """Run a tool in the current folder, as a step of ``make`` or of a command that is a function.

    Args:
        *words: Its name and arguments.
    """
    return in_child(lambda: run_command(tuple(map(str, words))), Path.cwd())


def statuses(folder: str | os.PathLike = 'out') -> dict[str, str]:
    """Read what a run says of its images: status by source, relative to the current folder."""
    from mmgen_bdinvert.jobs import read_outcomes

    outcomes = read_outcomes(folder).values()
    return {os.path.relpath(outcome.source): outcome.status for outcome in outcomes}


def run_case(case: Case, folder: Path) -> Ended:
    """Run the command of a case, whose input is made already."""
    if callable(case.command):
        return in_child(lambda: _call(case.command), folder, case.seconds)
    if not case.env and not case.prefix:
        return in_child(lambda: run_command(case.command), folder, case.seconds)
    tool = TOOLS / f'{case.command[0].replace("-", "_")}.py'
    words = [*case.prefix, sys.executable, str(tool), *case.command[1:]]
    return in_child(
        lambda: os.execvpe(words[0], words, {**os.environ, **case.env}), folder, case.seconds
    )


def in_child(function: Callable[[], object], folder: Path, seconds: float = SECONDS) -> Ended:
    """Call a function in a child process, which has all modules already; so this is quick.

    Args:
        function (Callable): Its result is not used; SystemExit gives the exit code.
        folder (Path): Becomes the current folder.
        seconds (float): After them the child and its children are killed. Defaults to 120.

    Returns:
        Ended: How it ended.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    read, write = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.write(write, b'%d' % resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            be_child(function, folder, out.fileno(), err.fileno())
        os.close(write)
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - began > seconds:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            time.sleep(0.01)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode('utf-8', 'surrogateescape'))
    spent = time.monotonic() - began
    held = int(os.read(read, 32))  # as the child itself began, all of it shared with the parent
    os.close(read)
    gib = (usage.ru_maxrss - held) / 2**20
    return Ended(os.waitstatus_to_exitcode(status), *texts, spent, gib)


def be_child(function: Callable[[], object], folder: Path, out: int, err: int) -> None:
    """Be a forked child process, until its end."""
    code = 1
    try:
        os.setsid()
        # In the background of a script, Ctrl-C is ignored, and children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        for target, source in enumerate((os.open(os.devnull, os.O_RDONLY), out, err)):
            os.dup2(source, target)
        # A runner under pytest may have others; these write where the command's would.
        sys.stdout = open(1, 'w', encoding='utf-8', closefd=False)
        sys.stderr = open(2, 'w', encoding='utf-8', errors='backslashreplace', closefd=False)
        try:
            function()
            code = 0
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
            if isinstance(leave.code, str):
                print(leave.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def run_command(words: tuple[str, ...]) -> None:
    """Run a tool, by its name behind ``bdinvert``, or a module of benchmarks or projects."""
    name, *arguments = words
    if name.startswith(('benchmarks.', 'projects.')):
        sys.path.insert(0, str(TOOLS.parent))  # as for somebody in the checkout
        sys.argv = [name, *arguments]
        runpy.run_module(name, run_name='__main__')
        return
    tool = TOOLS / f'{name.replace("-", "_")}.py'
    bdinvert_cli.run(tool, [f'bdinvert {name}', *arguments])


def _call(function: Callable[[], object]) -> None:
    from bdinvert_cli.running import run_tool

    run_tool(lambda argv: function() and None)


def in_empty_folder(parent: Path) -> Path:
    """Make a folder whose name needs quoting, as those of people do."""
    return Path(tempfile.mkdtemp(prefix="it's [1] ", dir=parent))


def remove(folder: Path) -> None:
    """Remove the folder of a case, whatever the modes of what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(['chmod', '-R', 'u+rwX', folder], check=False)
        shutil.rmtree(folder)
