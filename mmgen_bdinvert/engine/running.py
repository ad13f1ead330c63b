# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What ``tools/train.py`` and ``tools/test.py`` do between the command line and the Runner."""

from __future__ import annotations

import copy
import os
from argparse import Namespace
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from mmgen.registry import RUNNERS

from bdinvert_cli.paths import check_resumed

from ..compat.cpu_amp import CpuAmpOptimWrapper
from ..io import claim_folder, find_images
from ..models.encoder_trainer import BaseCodeEncoderTrainer
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.joint_encoder_trainer import JointEncoderTrainer
from .composed import kind_of
from .config import download_weights, named_backbones, pivot_of, read_config, read_settings
from .host import drop_host
from .strict_runner import MAKER, StrictRunner, latest_checkpoint

__all__ = [
    'build_runner',
    'download_weights',
    'named_backbones',
    'runner_config',
    'set_checkpoint',
    'set_resume',
    'set_test_split',
    'use_amp',
    'use_test_amp',
]


def runner_config(args: Namespace) -> Config:
    """Read the config of a command line; for its errors see :func:`read_config`."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config, read_settings(args.cfg_options))
    drop_host(cfg)
    cfg.launcher = args.launcher
    default = cfg.get('work_dir') or Path('work_dirs', Path(args.config).stem)
    cfg.work_dir = str(args.work_dir or default)
    return cfg


def build_runner(cfg: Config, into_existing: bool = False) -> Runner:
    """Build the Runner of a config, a :class:`StrictRunner` unless it names another.

    The work dir is made and marked; see :func:`mmgen_bdinvert.io.claim_folder`, also for errors.
    """
    claim_folder(cfg.work_dir, MAKER, into_existing=into_existing)
    return RUNNERS.build(cfg) if cfg.get('runner_type') else StrictRunner.from_cfg(cfg)


def use_amp(cfg: Config) -> None:
    """Train with mixed precision, whether the config has one optimiser or one for each network.

    bfloat16 unless the config has a ``dtype``: activations cannot overflow in it. A ValueError
    without a GPU if that is another.
    """
    wrappers = [cfg.optim_wrapper]
    if 'optimizer' not in cfg.optim_wrapper:
        wrappers = [v for v in cfg.optim_wrapper.values() if isinstance(v, dict)]
    for wrapper in wrappers:
        if get_device() == 'cpu':
            dtype = wrapper.pop('dtype', 'bfloat16')
            if dtype != 'bfloat16':
                raise ValueError(f'--amp trains in bfloat16 on a CPU, but the config says {dtype}.')
            wrapper.pop('loss_scale', None)  # bfloat16 needs none
            wrapper['type'] = CpuAmpOptimWrapper.__name__
            continue
        wrapper['type'] = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
        wrapper.setdefault('dtype', 'bfloat16')


def set_resume(cfg: Config, checkpoint: str | None) -> None:
    """Resume from a given checkpoint, which must exist, or from the latest of the work dir.

    With 'auto' and none in the work dir yet, the weights of ``load_from`` are where it starts.
    """
    if checkpoint is None:
        return
    check_resumed(checkpoint)
    if checkpoint != 'auto':
        cfg.resume, cfg.load_from = True, checkpoint
    elif cfg.get('load_from') is None or latest_checkpoint(cfg.work_dir) is not None:
        cfg.resume, cfg.load_from = True, None


def set_checkpoint(cfg: Config, checkpoint: str | None) -> None:
    """Test the encoders of ``checkpoint``, or the whole model where it has no encoder.

    An inverter takes only its base-code encoder from it.
    """
    if checkpoint is None:
        return
    model = pivot_of(cfg.model)
    if isinstance(model.get('encoder'), dict):
        model.encoder.checkpoint = checkpoint
        if kind_of(model) is JointEncoderTrainer:
            model.detail_encoder.checkpoint = checkpoint
    else:
        cfg.load_from = checkpoint


def set_test_split(cfg: Config, data_root: str | list[str] | None = None) -> str:
    """Test on the validation split if a config has no test split, or on the images of data_root.

    Returns:
        str: The key whose perceptual distance the test measures.

    Raises:
        FileNotFoundError: The images do not exist.
        ValueError: The config has neither split, ``data_root`` has no images, or the data set reads
            none.
    """
    parts = ('dataloader', 'cfg', 'evaluator')
    evaluator = 'test_evaluator'
    if all(cfg.get(f'test_{part}') is None for part in parts):
        evaluator = 'val_evaluator'
        for part in parts:
            cfg[f'test_{part}'] = cfg.get(f'val_{part}')
    missing = [f'test_{part}' for part in parts if cfg.get(f'test_{part}') is None]
    kind = kind_of(cfg.model)
    inverts = isinstance(kind, type) and issubclass(kind, OptimizationInverter)
    if missing and inverts and data_root is not None:
        evaluator = 'model'
        _add_test_split(cfg)
    elif missing:
        advice = 'give a bdinvert_enc_* or bdinvert_inv_* config'
        if inverts:
            advice = 'give the photos with --data-root'
        elif isinstance(kind, type) and issubclass(kind, BaseCodeEncoderTrainer):
            advice = (
                "set val_dataloader = dict(batch_size=16, sampler=dict(type='DefaultSampler', "
                "shuffle=False), dataset=dict(type='LatentSeeds', length=64, first=1000000000)), "
                "val_cfg = dict() and val_evaluator = dict(type='ReconstructionMetric')"
            )
        raise ValueError(
            f'{cfg.filename} cannot be tested, it sets no {", ".join(missing)}: {advice}.'
        )
    dataset = cfg.test_dataloader.dataset
    if data_root is not None:
        if 'data_root' not in dataset:
            raise ValueError(
                f'--data-root is for configs that test on images, but {cfg.filename} tests on '
                f'{dataset.get("type")}: leave it out.'
            )
        dataset.data_root = data_root
    if dataset.get('type') == 'InversionImageFolder':
        try:
            find_images(dataset.data_root)  # before minutes of building
        except (FileNotFoundError, ValueError) as e:
            raise type(e)(f'{e}; --data-root takes images and folders') from e
    return evaluator


def _add_test_split(cfg: Config) -> None:
    """Let an inverter be tested on photos, by its own perceptual distance."""
    model = pivot_of(cfg.model)
    size = ((model.get('generator') or {}).get('generator') or {}).get('out_size')
    cfg.test_dataloader = dict(
        batch_size=8,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='InversionImageFolder', data_root=None, size=size),
    )
    cfg.test_cfg = {}
    perceptual = copy.deepcopy((model.get('losses') or {}).get('perceptual'))
    cfg.test_evaluator = dict(type='ReconstructionMetric', perceptual=perceptual)
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), dict(type='ReconstructionGridHook')]


def use_test_amp(cfg: Config) -> None:
    """Test with mixed precision, in bfloat16: the gradient of a pixel underflows in float16."""
    cfg.test_cfg.fp16 = True
    torch.set_autocast_dtype('cuda', torch.bfloat16)
