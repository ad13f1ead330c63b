# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The steps of docs/own_generator.md, over configs as people have them, from end to end."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmgen.registry import MODULES

from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter

EXAMPLES = Path(__file__).parents[2] / 'docs/examples'
if not EXAMPLES.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)

GENERATOR = "generator=dict(type='StyleGANv2Generator', out_size=32, style_channels=16)"
MODEL_ONLY = f'model = dict({GENERATOR})\n'
MMGEN_1 = f"""
default_scope = 'mmgen'
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    {GENERATOR},
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
    ema_config=dict(type='ExponentialMovingAverage'),
    loss_config=dict(r1_loss_weight=5.0, norm_mode='HWC'),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='UnconditionalImageDataset', data_root='none', pipeline=[]),
)
optim_wrapper = dict(
    constructor='GenOptimWrapperConstructor',
    generator=dict(optimizer=dict(type='Adam', lr=0.0016)),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.0018)),
)
train_cfg = dict(by_epoch=False, val_begin=1, val_interval=10000, max_iters=800002)
val_dataloader = test_dataloader = dict(
    batch_size=4,
    num_workers=8,
    dataset=dict(type='UnconditionalImageDataset', data_root='none', pipeline=[]),
)
val_cfg = dict(type='GenValLoop')
test_cfg = dict(type='GenTestLoop')
val_evaluator = test_evaluator = dict(type='GenEvaluator', metrics=[])
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10000, save_best='fid'))
custom_hooks = [dict(type='GenVisualizationHook', interval=5000, fixed_input=True)]
"""
MMGEN_0 = f"""
model = dict(
    type='StaticUnconditionalGAN',
    {GENERATOR},
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
    gan_loss=dict(type='GANLoss', gan_type='wgan-logistic-ns'),
    disc_auxiliary_loss=dict(type='R1GradientPenalty', loss_weight=80.0, interval=16),
)
train_cfg = dict(use_ema=True)
test_cfg = None
optimizer = dict(
    generator=dict(type='Adam', lr=0.0016), discriminator=dict(type='Adam', lr=0.0018)
)
data = dict(samples_per_gpu=4, train=dict(type='RepeatDataset', dataset=dict(imgs_root='none')))
custom_hooks = [
    dict(type='VisualizeUnconditionalSamples', output_dir='samples', interval=5000),
    dict(type='ExponentialMovingAverageHook', module_keys=('generator_ema',), priority='HIGH'),
]
checkpoint_config = dict(interval=10000, by_epoch=False, max_keep_ckpts=30)
log_config = dict(interval=100, hooks=[dict(type='TextLoggerHook')])
runner = dict(type='IterBasedRunner')
evaluation = metrics = lr_config = resume_from = load_from = None
dist_params = dict(backend='nccl')
log_level = 'INFO'
workflow = [('train', 10000)]
total_iters = 800002
find_unused_parameters = True
"""
MMAGIC = f"""
default_scope = 'mmagic'
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='DataPreprocessor'),
    {GENERATOR.replace('v2G', '2G').replace('32,', '32, bgr2rgb=True, w_avg_beta=0.998,')},
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
    ema_config=dict(type='ExponentialMovingAverage'),
)
train_dataloader = val_dataloader = test_dataloader = dict(
    batch_size=4,
    num_workers=8,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='BasicImageDataset', data_prefix=dict(gt=''), data_root='none', pipeline=[]),
)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(optimizer=dict(type='Adam', lr=0.0016)),
    discriminator=dict(optimizer=dict(type='Adam', lr=0.0018)),
)
train_cfg = dict(by_epoch=False, val_begin=1, val_interval=10000, max_iters=800002)
val_cfg = dict(type='MultiValLoop')
test_cfg = dict(type='MultiTestLoop')
val_evaluator = test_evaluator = dict(type='Evaluator', metrics=[dict(type='NoSuchMetric')])
default_hooks = dict(
    timer=dict(type='GenIterTimerHook'),
    logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', less_keys=['fid'], save_best='FID-Full-50k/fid'),
)
custom_hooks = [dict(type='VisualizationHook', interval=5000, vis_kwargs_list=dict(type='GAN'))]
log_processor = dict(type='GenLogProcessor', by_epoch=False)
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel', broadcast_buffers=False)
vis_backends = [dict(type='VisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
randomness = dict(seed=2022, diff_rank_seed=True)
"""
PLAN = """
domain = 'own_inversion.py'
methods = dict(encoder_only='encoder', w='W', w_plus='W+', w_plus_pnorm='P-norm', fw_plain='F/W+',
    bdinvert_16='BDInvert', bdinvert_clip='clipped', bdinvert_pti='tuned')
reference = 'bdinvert_16'
judges = dict(mse=dict(type='PixelMSELoss'))
"""
SMALL = ['model.encoder.widths=[4,6,8]']
SMALL += [f'model.losses.perceptual.{k}' for k in ('net=squeeze', 'backbone=random')]


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Write what mmgen's training writes of a small generator."""
    init_default_scope('mmgen')
    config = dict(type='StyleGANv2Generator', out_size=32, style_channels=16)
    weights = {
        f'generator_ema.module.{k}': v for k, v in MODULES.build(config).state_dict().items()
    }
    path = tmp_path_factory.mktemp('own') / 'my_stylegan2.pth'
    torch.save({'state_dict': weights, 'meta': {}}, path)
    return path


@pytest.fixture(
    params=[MODEL_ONLY, MMGEN_1, MMGEN_0, MMAGIC], ids=['model', '1.x', '0.x', 'mmagic']
)
def own(request, tmp_path, monkeypatch, checkpoint):
    """Lay out somebody's folder, with the two configs of the page."""
    monkeypatch.chdir(tmp_path)
    Path('my_stylegan2.py').write_text(request.param)
    Path('my_stylegan2.pth').symlink_to(checkpoint)
    for name in ('own_encoder.py', 'own_inversion.py'):
        shutil.copy(EXAMPLES / name, name)
    return request.node.callspec.id


@pytest.fixture()
def run(run_in_process):
    """Run a command, which must succeed, and return its output."""

    def call(name, *args, options=()):
        options = ['--cfg-options', *options] if options else []
        code, out, err = run_in_process(name)(*args, *options)
        assert code == 0, err
        return out

    return call


def test_own_generator(own, run, run_in_process, photo_folder):
    run('latent_stats', 'own_inversion.py', 'statistics.safetensors', '--num-samples', 64)
    quick = [f'experiment_name={own}', 'log_level=ERROR', 'train_dataloader.batch_size=2']
    quick += ['train_cfg.max_iters=1', 'default_hooks.checkpoint.interval=1']
    run('train', 'own_encoder.py', options=[*SMALL, *quick])
    trained = 'work_dirs/own_encoder/iter_1.pth'
    photos = photo_folder(2)

    options = [*SMALL, f'model.encoder.checkpoint={trained}']
    run('invert', 'own_inversion.py', photos, '--out-dir', 'out', '--steps', 2, options=options)
    metrics = json.loads(Path('out/0/metrics.json').read_text())
    losses = {name for name in metrics if name.startswith('loss_')}
    assert losses == {f'loss_{name}' for name in ('pixel', 'perceptual', 'base', 'detail', 'total')}
    torch.save(torch.ones(16), 'any.pt')
    run('edit', 'out/0', '--shift', 0.1, 0, '--direction', 'any.pt', '--out-dir', 'moved')
    assert Path('moved/0/edited.png').is_file()

    test = ['own_inversion.py', trained, '--data-root', photos]
    named = f'experiment_name=test_{own}'
    tested = run('test', *test, options=[*SMALL, 'model.num_steps=1', named])
    assert 'psnr' in tested and 'perceptual' in tested
    assert Path('work_dirs/own_inversion/vis/test_000000.png').is_file()
    code, _, err = run_in_process('test')('own_inversion.py')
    assert code == 2 and 'give the photos with --data-root' in err
    code, _, err = run_in_process('test')('own_encoder.py')
    assert code == 2 and 'set val_dataloader = dict(batch_size=16, sampler=' in err
    code, _, err = run_in_process('train')('own_inversion.py')
    assert code == 2 and 'own_inversion.py has no training' in err


def test_methods_are_compared_on_an_own_generator(
    tmp_path, monkeypatch, run, photo_folder, make_stylegan2, generator_config, make_encoder
):
    monkeypatch.chdir(tmp_path)
    Path('my_stylegan2.py').write_text(f'model = dict(generator={generator_config()})')
    torch.save(make_stylegan2().state_dict(), 'my_stylegan2.pth')
    torch.save(make_encoder(6, 16).state_dict(), 'encoder.pth')
    text = (EXAMPLES / 'own_inversion.py').read_text()
    for old, new in {'work_dirs/own_encoder/iter_10000': 'encoder', '=512': '=6'}.items():
        text = text.replace(old, new)
    text += "model['losses'] = dict(perceptual=dict(net='squeeze', backbone='random'))\n"
    Path('own_inversion.py').write_text(text + "model['encoder']['widths'] = (4, 6, 8)\n")
    run('latent_stats', 'own_inversion.py', 'statistics.safetensors', '--num-samples', 64)
    Path('plan.py').write_text(PLAN)
    steps, invert = set(), OptimizationInverter.invert

    def noted(self, *args):
        steps.add((type(self).__name__, self.num_steps))
        return invert(self, *args)

    monkeypatch.setattr(OptimizationInverter, 'invert', noted)
    args = ('--images', photo_folder(1), '--steps', 2, '--out-dir', 'bench')
    run('benchmarks.quality.__main__', 'plan.py', *args)
    assert steps == {
        ('RegularizedInverter', 0),
        ('RegularizedInverter', 2),
        ('WPlusInverter', 2),
        ('NoiseProjector', 2),
        ('PivotalTuningInverter', 40),
    }
