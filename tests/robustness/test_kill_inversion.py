# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The short form of ``kill_inversion.py``; docs/reliability.md has the figures of the long one."""

import json
import shutil
from pathlib import Path

import hostile
import kill_inversion
import pytest

from mmgen_bdinvert.io.outputs import temporary_name
from tests.fixtures.forked import Forked


def start_quickly(command, stdout, stderr):
    """Start the tool that is to be killed as a fork of this process, which has all modules."""
    words = [str(part) for part in command[2:]]
    return Forked(lambda: hostile.run_command(('invert', *words)), out=stdout, err=stderr)


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
    """Return the folder of a test with three kills."""
    out = tmp_path_factory.mktemp('kills') / 'out'
    photos = sorted((Path(__file__).parents[2] / 'demo' / 'images').glob('*.png'))[:8]
    args = ('bdinvert_inv_toon64', *photos, '--out-dir', out, '--kills', 3, '--every', 0.5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kill_inversion.psutil, 'Popen', start_quickly)
        code = kill_inversion.main([*map(str, args), '--steps', '1'])
    assert code == 0, (out / 'log.txt').read_text()[-2000:]
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
