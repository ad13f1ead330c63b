# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.jobs import ImageOutcome
from mmgen_bdinvert.jobs.recorder import InversionRecorder


def invert_two(cfg, out_dir):
    """Do what a run of two batches of one image does."""
    with InversionRecorder(Config(cfg), out_dir) as recorder:
        for number in range(2):
            for step in range(8):
                losses = {'total': torch.tensor([10.0 * number + step, 10.0 * number + step + 2])}
                recorder.on_step(step, 7, losses, torch.zeros(2, 3, 4, 4))
            name = f'face{number}'
            Path(out_dir, name).mkdir(parents=True)
            picture = np.full((6, 8, 3), (200, 100, 50 * number), dtype=np.uint8)
            Image.fromarray(picture).save(Path(out_dir, name, 'comparison.png'))
            metrics = dict(psnr=20.0 + number, seconds=1.5)
            recorder.on_image(ImageOutcome(name, Path(name), 'done', '', metrics))
        recorder.on_image(ImageOutcome('broken', Path('broken'), 'failed', 'unreadable'))


def test_local_files_hold_losses_results_and_pictures(tmp_path):
    invert_two(dict(visualizer=dict(vis_backends=[dict(type='LocalVisBackend')])), tmp_path)
    folder = tmp_path / 'vis_data'
    rows = [json.loads(line) for line in (folder / 'scalars.json').read_text().splitlines()]
    losses = [(r['step'], r['loss/total']) for r in rows if 'loss/total' in r]
    assert losses == [(0, 1), (5, 6), (7, 8), (8, 11), (13, 16), (15, 18)]  # the batch's mean
    results = [(r['step'], r['psnr'], r['seconds']) for r in rows if 'psnr' in r]
    assert results == [(1, 20, 1.5), (2, 21, 1.5)]
    pictures = sorted((folder / 'vis_image').glob('[!.]*'))
    assert [p.name for p in pictures] == ['face0_1.png', 'face1_2.png']
    with Image.open(pictures[1]) as shown:  # RGB, as the file is
        assert shown.getpixel((3, 3)) == (200, 100, 50)


def test_tensorboard_gets_them_too(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    invert_two(dict(visualizer=dict(vis_backends=[dict(type='TensorboardVisBackend')])), tmp_path)
    events = EventAccumulator(str(tmp_path / 'vis_data'))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars('psnr')] == [(1, 20), (2, 21)]
    assert len(events.Scalars('loss/total')) == 6
    assert {'face0', 'face1'} <= set(events.Tags()['images'])


def test_nothing_is_written_without_a_visualizer(tmp_path):
    invert_two({}, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['face0', 'face1']


def test_an_unknown_backend_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no visualisation backend 'NoSuchBackend': take LocalVis"):
        invert_two(dict(visualizer=dict(vis_backends=[dict(type='NoSuchBackend')])), tmp_path)
