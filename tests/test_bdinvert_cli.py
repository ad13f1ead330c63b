# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The command ``bdinvert``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bdinvert_cli
from mmgen_bdinvert import __version__

ROOT = Path(__file__).parents[1]


def bdinvert(*words):
    """Run the command from this tree."""
    command = [sys.executable, '-m', 'bdinvert_cli', *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def leave(capsys, *words):
    """Run the command in this process, up to where it chooses a tool."""
    with pytest.raises(SystemExit) as info:
        bdinvert_cli.main(words)
    return (info.value.code, *capsys.readouterr())


def test_the_help_lists_every_tool_for_users(capsys):
    code, out, err = leave(capsys, '--help')
    assert (code, err) == (0, '')
    listed = [line.split()[0] for line in out.partition('commands:\n')[2].splitlines()[:-2]]
    stems = {path.stem for path in (ROOT / 'tools').glob('*.py')}
    assert listed == sorted(stem.replace('_', '-') for stem in stems)
    assert '  invert           Invert images into base and detail codes.\n' in out


def test_the_help_imports_nothing_heavy():
    code = (
        'import sys, bdinvert_cli\n'
        'try: bdinvert_cli.main(["--help"])\n'
        'except SystemExit: print("torch" in sys.modules, "mmengine" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == 'False False', done.stderr


def test_the_version(capsys):
    assert leave(capsys, '--version')[:2] == (0, f'mmgen_bdinvert {__version__}\n')


@pytest.mark.parametrize(
    ('word', 'meant'),
    [
        ('inver', ', did you mean invert?'),
        ('benchmark-scaling', ';'),
        ('x', ';'),
    ],
)
def test_an_unknown_command_is_one_sentence(word, meant, capsys):
    code, out, err = leave(capsys, word)
    assert (code, out) == (2, '')
    assert err == f"error: there is no command '{word}'{meant} see bdinvert --help\n"


def test_a_tool_runs_with_its_arguments_and_its_exit_code(tmp_path):
    done = bdinvert('convert', tmp_path / 'none.pth', tmp_path / 'o.safetensors', '--from', 'mmgen')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith('error: ') and 'none.pth' in done.stderr


def test_a_tool_calls_itself_by_the_command():
    done = bdinvert('convert')
    assert done.returncode == 2
    assert done.stderr.endswith('see bdinvert convert --help\n')


SPAWNING = """
import multiprocessing

def double(number):
    return 2 * number

if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(2) as pool:
        print(pool.map(double, [1, 2]))
"""


def test_worker_processes_find_the_tool(tmp_path):
    (tmp_path / 'tool.py').write_text(SPAWNING)
    code = (
        "import bdinvert_cli, pathlib; bdinvert_cli.run(pathlib.Path('tool.py').resolve(), ['x'])"
    )
    command = [sys.executable, '-c', code]
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == '[2, 4]\n', done.stderr
