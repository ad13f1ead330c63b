# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The benchmark as a user runs it, on the embedded domain."""

from pathlib import Path

import pytest

from tests.fixtures.forked import run_forked

ROOT = Path(__file__).parents[3]


def run(*args, code=0):
    done = run_forked('benchmarks.quality', *args)
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done


@pytest.fixture()
def plan(tmp_path):
    """Write a plan of two methods with one cheap judge."""
    file = tmp_path / 'plan.py'
    file.write_text(
        "domain = 'bdinvert_inv_toon64'\n"
        "methods = dict(w_plus='W+', bdinvert_16='BDInvert')\n"
        "reference = 'bdinvert_16'\n"
        "judges = {'pixels': dict(type='PixelMSELoss')}\n"
    )
    return file


def test_drawn_faces_and_then_photos(plan, tmp_path):
    out_dir = tmp_path / 'out'
    options = ('--steps', 2, '--out-dir', out_dir, '--device', 'cpu')
    done = run(plan, '--kinds', 'shifted', '--count', 2, *options)
    assert 'BDInvert' in done.stdout and 'benchmark.md' in done.stdout
    first = (out_dir / 'report/benchmark.csv').read_text()
    stored = {path: path.stat().st_mtime_ns for path in out_dir.rglob('*.safetensors')}
    assert len(stored) == 4
    photos = ('--images', ROOT / 'demo/images/rotated_0.png', '--report-dir', tmp_path / 'photos')
    run(plan, *photos, '--methods', 'w_plus', *options)
    assert 'aligned' in (tmp_path / 'photos/benchmark.csv').read_text()
    assert (out_dir / 'report/benchmark.csv').read_text() == first
    assert all(path.stat().st_mtime_ns == time for path, time in stored.items())
    assert len(list(out_dir.rglob('*.safetensors'))) == 5


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('toon64', '--count', '0'), '--count is 1 or more, but got 0'),
        (('toon64', '--methods', 'magic', '--count', '1'), "but got 'magic'"),
        (('toon64', '--images', 'nowhere'), 'nowhere'),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, args, message):
    done = run(*args, '--out-dir', tmp_path, code=2)
    assert message in done.stderr and done.stderr.count('\n') == 1
