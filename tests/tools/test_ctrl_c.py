# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Ctrl-C while a tool is imported: exit code 130 and one line, whatever the imports do with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bdinvert_cli
from mmgen_bdinvert.utils.cli import run_tool

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / 'tools').glob('*.py'))
# Stands for a package whose import takes long, and swallows what it is interrupted by.
SLOW = """
import time
print('importing', flush=True)
try:
    time.sleep(60)
except BaseException:
    pass
"""


@pytest.fixture(scope='module')
def slow(tmp_path_factory):
    """Return a folder with packages whose import takes long."""
    folder = tmp_path_factory.mktemp('slow')
    for name in ('torch', 'tqdm', 'rich', 'psutil'):
        (folder / f'{name}.py').write_text(SLOW)
    return folder


def interrupted(command, *folders):
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        env={**os.environ, 'PYTHONPATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == 'importing\n', process.stderr.read()
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)[1], process.returncode


@pytest.mark.parametrize('tool', TOOLS, ids=lambda tool: tool.stem)
def test_every_tool(tool, slow):
    assert interrupted([tool, '--help'], slow) == ('error: interrupted\n', 130)


def test_the_command(slow):
    command = ['-m', 'bdinvert_cli', 'convert', '--help']
    assert interrupted(command, slow) == ('error: interrupted\n', 130)


@pytest.fixture()
def handler():
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_tool_at_work_is_ended_by_an_exception(handler, capsys):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bdinvert_cli.leave_at_once()
    cleaned = []

    def main(argv):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            cleaned.append(True)

    with pytest.raises(SystemExit) as info:
        run_tool(main)
    assert (info.value.code, cleaned) == (130, [True])
    assert capsys.readouterr().err == 'error: interrupted\n'


def test_ctrl_c_that_is_ignored_stays_so(handler):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bdinvert_cli.leave_at_once()
    with pytest.raises(SystemExit):
        run_tool(lambda argv: 0)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
