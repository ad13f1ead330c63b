# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Ctrl-C while a tool is imported: exit code 130 and one line, whatever the imports do with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bdinvert_cli.running import leave_at_once, run_tool

ROOT = Path(__file__).parents[2]
# Their arguments are read after everything is imported.
CHECKOUT = [ROOT / f'tests/robustness/{name}.py' for name in ('kill_inversion', 'kill_training')]
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
    (folder / 'there.pth').touch()
    return folder


def interrupted(command, *folders):
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        env={**os.environ, 'PYTHONPATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # In the background of a script, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stdout.readline() == 'importing\n', process.stderr.read()
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=60)[1], process.returncode


@pytest.mark.parametrize('tool', CHECKOUT, ids=lambda tool: tool.stem)
def test_a_tool_that_is_run_from_a_checkout(tool, slow):
    assert interrupted([tool, '--help'], slow) == ('error: interrupted\n', 130)


@pytest.mark.parametrize(
    'command',
    [[ROOT / 'tools/convert.py'], ['-m', 'bdinvert_cli', 'convert']],
    ids=['tool', 'name'],
)
def test_a_tool(command, slow):
    words = [slow / 'there.pth', slow / 'out.safetensors', '--from', 'mmgen']
    assert interrupted([*command, *words], slow) == ('error: interrupted\n', 130)


@pytest.fixture()
def handler():
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_tool_at_work_is_ended_by_an_exception(handler, capsys):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    leave_at_once()
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
    leave_at_once()
    with pytest.raises(SystemExit):
        run_tool(lambda argv: 0)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
