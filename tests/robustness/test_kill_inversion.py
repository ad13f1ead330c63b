# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The short form of ``kill_inversion.py``; docs/reliability.md has the figures of the long one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import kill_inversion
import pytest

from mmgen_bdinvert.io.outputs import temporary_name

TOOL = Path(kill_inversion.__file__)


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
    """Return the folder of a test with three kills."""
    out = tmp_path_factory.mktemp('kills') / 'out'
    photos = Path(__file__).parents[2] / 'demo' / 'images'
    command = [sys.executable, TOOL, 'bdinvert_inv_toon64', photos, '--out-dir', out]
    command += ['--kills', 3, '--every', 1, '--steps', 1]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (out / 'log.txt').read_text()[-2000:]
    return out


def test_nothing_is_lost(killed):
    figures = json.loads((killed / 'kill_inversion.json').read_text())
    assert figures['kills'] == 3 and figures['problems'] == []
    assert figures['largest_difference_of_a_code'] == 0.0


@pytest.mark.parametrize(
    ('harm', 'problem'),
    [
        (lambda folder, first: (first / 'code.safetensors').write_bytes(b'half'), 'cannot be read'),
        (lambda folder, first: (first / 'losses.png').unlink(), 'cannot be read'),
        (
            lambda folder, first: (first / temporary_name()).touch(),
            'was left behind',
        ),
        (lambda folder, first: cut_manifest(folder), 'is lost'),
        (lambda folder, first: double_manifest(folder), 'was inverted 2 times'),
    ],
)
def test_the_comparison_sees_what_is_wrong(killed, tmp_path, harm, problem):
    shutil.copytree(killed, tmp_path / 'copy')
    folder = tmp_path / 'copy' / 'killed'
    assert kill_inversion.problems_of(folder, killed / 'undisturbed') == ([], 0.0)
    harm(folder, next(path.parent for path in sorted(folder.glob('*/metrics.json'))))
    problems, _ = kill_inversion.problems_of(folder, killed / 'undisturbed')
    assert any(problem in one for one in problems), problems


def image_lines(folder):
    path = folder / 'manifest' / '0.jsonl'
    lines = path.read_bytes().splitlines(keepends=True)
    return path, lines, [line for line in lines if b'"event": "image"' in line]


def cut_manifest(folder):
    path, lines, images = image_lines(folder)
    path.write_bytes(b''.join(line for line in lines if line != images[0]))


def double_manifest(folder):
    path, lines, images = image_lines(folder)
    path.write_bytes(b''.join([*lines, images[0]]))
