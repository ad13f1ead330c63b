# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Help and missing files are answered before anything heavy is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.quality import KINDS
from projects.toon_faces import MOVES

ROOT = Path(__file__).parents[2]
OUT = ['--out-dir', 'none']
# Words that name one thing that does not exist.
MISSING = {
    'equivariance': ['none.py'],
    'evaluate_generator': ['bdinvert_inv_toon64', 'none'],
    'figures': ['--images', 'none', *OUT],
    'folders': ['--images', 'none'],
    'full_size': ['--statistics', 'none', *OUT],
    'occlusion': ['none.py'],
    'quality': ['--images', 'none'],
    'scaling': ['bdinvert_inv_toon64', 'none', *OUT],
    'speed': ['--repeats', 'none'],
    'start': ['--against', 'none'],
    'studio': ['--images', 'none'],
    'swaps': ['none.py'],
    'twins': ['none.py'],
}
SPY = """
import runpy, sys
try:
    runpy.run_module(f'benchmarks.{sys.argv.pop(1)}', run_name='__main__', alter_sys=True)
finally:
    heavy = {'torch', 'numpy', 'mmengine', 'mmgen', 'mmgen_bdinvert', 'PIL', 'rich', 'tqdm'}
    print('imported:', *sorted(heavy & set(sys.modules)))
"""


def answer(name, words, folder):
    """Run a benchmark; return its exit code, what it prints, and its line on stderr."""
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, '-c', SPY, name, *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize('name', MISSING)
def test_help(name, tmp_path):
    code, out, err = answer(name, ['--help'], tmp_path)
    assert (code, err) == (0, '') and out.startswith('usage: ')
    assert out.splitlines()[-1] == 'imported:'


@pytest.mark.parametrize('name', MISSING)
def test_what_is_not_there(name, tmp_path):
    code, out, err = answer(name, MISSING[name], tmp_path)
    assert code == 2 and err.startswith('error: ') and 'none' in err and err.count('\n') == 1
    assert out == 'imported:\n' and not list(tmp_path.iterdir())


def test_the_kinds_are_those_that_are_drawn():
    assert KINDS == MOVES
