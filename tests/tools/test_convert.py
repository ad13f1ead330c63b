# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / 'tools' / 'convert.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Write P-norm+ statistics of the authors' format."""
    path = tmp_path_factory.mktemp('pnorm')
    np.save(path / 'mean_latent.npy', np.zeros(4, np.float32))
    np.save(path / 'eigen_values.npy', np.array([1, 3, 2, 4], np.float32))
    np.save(path / 'eigen_vectors.npy', np.eye(4, dtype=np.float32))
    return path


def run(*args):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, args)], capture_output=True, text=True
    )


def test_it_tells_what_it_did_and_the_line_for_a_config(tmp_path, folder):
    out = tmp_path / 'new' / 's.safetensors'
    done = run(folder, out, '--from', 'bdinvert-pnorm')
    assert (done.returncode, done.stderr) == (0, '')
    assert 'Used 3 of 3 tensors' in done.stdout
    assert f"\nstatistics=dict(type='LatentStatistics', path='{out}')\n" in done.stdout
    assert out.is_file()


def test_a_wrong_format_is_one_sentence(tmp_path, folder):
    done = run(folder, tmp_path / 's.safetensors', '--from', 'nvidia')
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr.count('\n') == 1 and done.stderr.startswith('error: ')
    assert done.stderr.endswith('so try --from bdinvert-pnorm.\n')
    assert list(tmp_path.iterdir()) == []
