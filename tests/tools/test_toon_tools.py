# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The tools of the embedded domain, each as a user runs it, with the shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.forked import run_forked

ROOT = Path(__file__).parents[2]


def _run(tool, *args, code=0):
    done = run_forked(tool, *args)
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toon')
    _run('projects.toon_faces.draw', '--out-dir', folder, '--train', 12, '--heldout', 2)
    return folder


def test_draw_writes_faces_and_their_labels(faces):
    rows = [json.loads(line) for line in (faces / 'train' / 'labels.jsonl').open()]
    assert [r['file'] for r in rows] == [f't{i}.png' for i in range(12)]
    assert np.array(Image.open(faces / 'train' / 't0.png')).shape == (64, 64, 3)
    moved = [json.loads(line) for line in (faces / 'heldout_rotated' / 'labels.jsonl').open()]
    assert all(10 <= abs(r['move']['rotate']) <= 45 for r in moved)


def test_draw_refuses_a_negative_count(tmp_path):
    done = _run('projects.toon_faces.draw', '--out-dir', tmp_path, '--train', -1, code=2)
    assert 'not negative' in done.stderr


def test_demo_inverts_edits_and_moves(tmp_path):
    images = tmp_path / 'in'
    images.mkdir()
    for name in ('shifted_0', 'rotated_0'):
        (images / f'{name}.png').write_bytes((ROOT / f'demo/images/{name}.png').read_bytes())
    done = _run('demo-toon', '--images', images, '--out-dir', tmp_path / 'out', '--steps', 3)
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['images'] == 2
    assert summary['mean_psnr'] > 18  # recognisable, as predicted
    assert str(tmp_path / 'out' / 'contact_sheet.png') in done.stdout
    assert (tmp_path / 'out' / 'shifted_0' / 'code.safetensors').is_file()


def test_demo_says_which_folder_is_missing(tmp_path):
    done = _run('demo-toon', '--images', tmp_path / 'none', '--out-dir', tmp_path, code=2)
    assert 'none' in done.stderr


@pytest.mark.long
def test_evaluate_generator_measures_and_draws_samples(faces, tmp_path):
    config = ROOT / 'configs' / 'bdinvert_inv_toon64.py'
    _run('benchmarks.evaluate_generator', config, faces / 'train', '--out-dir', tmp_path)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics['images'] == 12
    assert 0 <= metrics['precision'] <= 1
    assert metrics['frechet_real_blurred'] > 0
    assert (tmp_path / 'samples.png').is_file()


@pytest.mark.long
def test_find_directions_learns_what_the_shipped_labeller_sees(tmp_path):
    from mmgen_bdinvert.apis import init_generator
    from mmgen_bdinvert.editing import load_direction

    config = ROOT / 'configs' / 'directions' / 'interfacegan_toon64.py'
    done = _run(
        'find_directions.py',
        *(config, '--out-dir', tmp_path, '--cfg-options', 'finder.num_samples=300'),
    )
    direction = load_direction(tmp_path / 'hair_lightness.safetensors')
    generator = init_generator('bdinvert_inv_toon64', device='cpu')
    assert direction.fingerprint == generator.fingerprint
    assert direction.vector.shape == (1, 128)
    assert float(direction.notes['held_out_accuracy']) > 0.8
    assert float(direction.notes['effect']) > 1  # lighter hair, by more than a deviation
    assert 'side effect' in done.stdout


@pytest.mark.parametrize(('size', 'limit'), [(64, 300_000), (128, 400_000)])
def test_train_toon_attributes_writes_what_the_classifier_loads(faces, tmp_path, size, limit):
    from projects.toon_faces import ToonAttributes

    out = tmp_path / 'a.safetensors'
    counts = ('--count', 8, '--held-out', 4, '--epochs', 1, '--batch-size', 4)
    sized = () if size == 64 else ('--size', size)  # 64 is the default
    done = _run('projects.toon_faces.train_attributes', faces / 'train', out, *counts, *sized)
    assert 'moved and back' in done.stdout and 'skinColor' in done.stdout
    assert out.stat().st_size < limit
    ToonAttributes(str(out), size)
    with pytest.raises(ValueError, match='does not fit'):
        ToonAttributes(str(out), 192 - size)


def test_train_toon_attributes_refuses_more_faces_than_there_are(faces, tmp_path):
    out = tmp_path / 'a.safetensors'
    done = _run('projects.toon_faces.train_attributes', faces / 'train', out, '--count', 10, code=2)
    assert 'cannot be trained on' in done.stderr
