# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Sharpening of a small generator, through the real Runner."""

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.engine.running import build_runner
from mmgen_bdinvert.io.saved import save_tensors
from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from mmgen_bdinvert.models.checkpoint import read_state_dict
from projects.toon_faces import SharpeningTrainer
from projects.toon_faces.training_synthesis import synthesize

SIZES = dict(out_size=32, style_channels=16, num_mlps=2, channels={4: 8, 8: 8, 16: 8, 32: 8})


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('start') / 'generator.safetensors'
    save_tensors(path, NarrowStyleGANv2Generator(**SIZES).state_dict())
    return str(path)


def trainer(start, **options):
    torch.manual_seed(1)
    return SharpeningTrainer(NarrowStyleGANv2Generator(**SIZES), start, **options)


def test_the_last_resolution_alone_learns_sharper_images(tmp_path):
    cfg = Config.fromfile('configs/stylegan2_toon128_sharp.py')
    cfg.work_dir = str(tmp_path)
    smaller = Config.fromfile('configs/_base_/toon64.py').generator
    start = smaller.checkpoint
    cfg.model.update(generator=smaller.generator, start_from=start)
    cfg.train_dataloader.batch_size = 4
    cfg.train_cfg.max_iters = 20
    cfg.default_hooks.checkpoint.interval = 20
    runner = build_runner(cfg)
    seeds = torch.arange(100, 108)
    first = runner.model(seeds, mode='loss')
    assert first['left'].item() == pytest.approx(1.0, rel=1e-3)
    runner.train()
    last = runner.model(seeds, mode='loss')
    assert last['left'] < 0.5  # on seeds that the training did not reach
    assert last['loss_square'] < 0.5 * first['loss_square']
    before, after = read_state_dict(start), read_state_dict(tmp_path / 'iter_20.pth')
    assert after.keys() == {f'generator.{name}' for name in before}  # the goal's layers are not in
    changed = {n for n in before if not torch.equal(before[n], after[f'generator.{n}'])}
    assert changed and all(n.startswith(('convs.6.', 'convs.7.', 'to_rgbs.3.')) for n in changed)


def test_an_unsharp_mask_steepens_an_edge_and_keeps_flat_areas(start):
    model = trainer(start, amount=0.5, sigma=0.8)
    edge = torch.zeros(1, 3, 32, 32)
    edge[..., 16:] = 1.0
    sharp = model.sharpened(edge)
    torch.testing.assert_close(sharp[..., :8], edge[..., :8])
    torch.testing.assert_close(sharp[..., 24:], edge[..., 24:])
    assert sharp[..., 16].min() > 1.1 and sharp[..., 15].max() < -0.1


def test_images_of_seeds_and_their_crossovers(start):
    model = trainer(start, crossovers=(2, 3))
    seeds = torch.arange(40)
    styles = model.styles(seeds)
    assert torch.equal(styles[:20], model.styles(seeds[:20]))
    places = [int((s != s[0]).any(1).int().argmax()) for s in styles]  # 0: not mixed
    assert set(places) == {0, 2, 3} and 10 < places.count(0) < 30
    expected = synthesize(model.frozen, styles[:2])
    torch.testing.assert_close(model(seeds[:2]), expected)
    with pytest.raises(ValueError, match="mode is 'loss' or 'tensor'"):
        model(seeds, mode='predict')
