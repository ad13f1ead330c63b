# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Supervised start and GAN training of a small generator, through the real Runner."""

import pytest
import torch
from mmengine.config import Config
from safetensors.torch import save_file

from mmgen_bdinvert.engine.running import build_runner, set_resume
from mmgen_bdinvert.models.checkpoint import read_state_dict
from projects.toon_faces import TOON_LABELS, FeatureDiscriminator, draw_set

pytest.importorskip('dicebear')
pytest.importorskip('stlpips_pytorch')


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp('faces')
    return draw_set(folder, [f'g{i}' for i in range(4)], size=32, move='small', workers=1)


def runner_for(name, faces, work_dir, iterations, resume=False, **model):
    cfg = Config.fromfile(f'configs/{name}.py')
    cfg.work_dir = str(work_dir)
    cfg.model.generator.update(out_size=32, channels={4: 8, 8: 8, 16: 8, 32: 8})
    cfg.model.losses = dict(pixel=dict(type='PixelL1Loss'))
    cfg.model.update({'grow_from': None, **model})
    if 'discriminator' in cfg.model:
        cfg.model.discriminator.width = 8
    cfg.train_dataloader.update(batch_size=4)
    cfg.train_dataloader.dataset.data_root = str(faces)
    cfg.train_cfg.max_iters = iterations
    cfg.default_hooks.checkpoint.interval = 2
    set_resume(cfg, 'auto' if resume else None)
    return build_runner(cfg)


def gan_runner(faces, work_dir, iterations, resume=False, **model):
    often = dict(warm_up=(1, 2), fade_out=(2, 4), path_interval=2, r1_interval=2)
    return runner_for(
        'stylegan2_toon128', faces, work_dir, iterations, resume, **{**often, **model}
    )


def weights(folder, iteration):
    return read_state_dict(folder / f'iter_{iteration}.pth')


def changed(before, after, prefix):
    names = [name for name in before if name.startswith(prefix)]
    assert names
    return [name for name in names if not torch.equal(before[name], after[name])]


def test_a_gan_follows_its_start_and_resumes(faces, tmp_path):
    start = tmp_path / 'start'
    runner_for('stylegan2_toon128_start', faces, start, 2, readout_latents=8).train()
    folder = tmp_path / 'gan'
    runner = gan_runner(faces, folder, 4, grow_from=str(start / 'iter_2.pth'))
    state = runner.model.state_dict()
    for name, tensor in weights(start, 2).items():
        if name.startswith('generator.'):
            torch.testing.assert_close(state[name], tensor)
    runner.train()
    first, second = weights(folder, 2), weights(folder, 4)
    for part in ('generator.', 'generator_ema.module.', 'discriminator.heads.'):
        assert changed(first, second, part)
    assert second['mean_path_length'] > 0
    resumed = gan_runner(faces, folder, 6, resume=True)
    resumed.train()
    assert resumed.iter == 6 and resumed.optim_wrapper['generator'].state_dict()['state']
    third = weights(folder, 6)
    assert third['generator_ema.steps'] == second['generator_ema.steps'] + 2
    for name in changed(second, third, 'generator.'):  # Adam steps of 0.001, scaled by no more than
        scale = 100 if 'mapping' in name else 1  # a few: what was resumed is what was saved
        assert (third[name] - second[name]).abs().max() < 0.02 * scale


def test_the_discriminator_learns_alone_before_it_is_heard(faces, tmp_path):
    alone = dict(path_weight=0.0, warm_up=(2, 3), fade_out=(-2, -1))
    runner = gan_runner(faces, tmp_path, 4, **alone)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    first, second = weights(tmp_path, 2), weights(tmp_path, 4)
    assert changed(before, first, 'discriminator.heads.')
    assert not changed(before, first, 'generator.') and changed(first, second, 'generator.')


def test_a_snapshot_of_average_and_discriminator_is_enough_to_start_from(faces, tmp_path):
    gan_runner(faces, tmp_path / 'first', 2).train()
    whole = weights(tmp_path / 'first', 2)
    part = {k: v for k, v in whole.items() if not k.startswith('generator.')}
    save_file({k: v.contiguous() for k, v in part.items()}, tmp_path / 'part.safetensors')
    start = str(tmp_path / 'part.safetensors')
    state = gan_runner(faces, tmp_path / 'second', 2, start_from=start).model.state_dict()
    for name, tensor in part.items():
        torch.testing.assert_close(state[name], tensor)
    average = state['generator_ema.module.convs.0.conv.weight_orig']
    torch.testing.assert_close(state['generator.convs.0.conv.weight_orig'], average)


def test_labels_and_motions_of_the_drawings_reach_the_trainer(faces, tmp_path):
    runner = gan_runner(faces, tmp_path, 1)
    batch = next(iter(runner.train_dataloader))
    sample = batch['data_samples'][0]
    assert sample.labels.shape == (len(TOON_LABELS),) and sample.motion.shape == (4,)
    assert sample.motion.abs().max() > 0


def test_the_gradient_penalty_is_that_of_single_images():
    torch.manual_seed(0)
    judge = FeatureDiscriminator(width=8)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        maps = judge.maps(images)
        torch.testing.assert_close(maps[1].square().mean(), torch.tensor(1.0))
        again = judge.maps(images / 2)
        assert again[0].square().mean() < 0.3  # the scales are those of the first images
    inputs = [m[:1].clone().requires_grad_() for m in maps]
    expected = 0.0
    for logit, head_input in zip(judge.judge(inputs), inputs):
        (gradient,) = torch.autograd.grad(logit.sum(), head_input)
        expected += gradient.square().sum() / logit[0].numel() / len(maps)
    actual = judge.gradient_penalty([m[:1] for m in maps])
    torch.testing.assert_close(actual, expected)
