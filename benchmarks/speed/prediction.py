# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A detail-code encoder for a generator of random weights, from the images that it makes."""

from __future__ import annotations

import os

from mmgen_bdinvert.engine.strict_runner import MAKER, StrictRunner
from mmgen_bdinvert.io import claim_folder
from mmgen_bdinvert.models import DetailCodeEncoder, JointEncoderTrainer

from .setting import Setting

__all__ = ['train_detail_encoder']

# As configs/bdinvert_enc_ffhq_detail.py, for three quarters of an hour on two cores.
LATENTS, ITERATIONS, WARM_UP, BATCH = 1500, 1200, 200, 32


def train_detail_encoder(setting: Setting, work_dir: str | os.PathLike) -> DetailCodeEncoder:
    """Train a detail encoder on true codes of moved images by mmengine's Runner.

    A training that stopped resumes from its last checkpoint, and one that is finished is read.

    Args:
        setting (Setting): Generator, statistics and base-code encoder; the latter is left as it is.
        work_dir (str | os.PathLike): Folder for checkpoints and logs.

    Returns:
        DetailCodeEncoder: In evaluation mode.

    Raises:
        ValueError: The folder has the encoder of another generator.
        ForeignFileError: The folder holds files that no training made.
    """
    work_dir = claim_folder(work_dir, MAKER)
    generator = setting.generator
    encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim)
    trainer = JointEncoderTrainer(
        generator,
        setting.encoder,
        encoder,
        setting.statistics,
        dict(
            frame=dict(type='FrameDistance', loss_weight=5.0),
            styles=dict(type='StyleVectorDistance', loss_weight=1.0),
            whitened=dict(type='WhitenedCodeDistance', loss_weight=0.5),
            detail=dict(type='PNormLoss', loss_weight=0.05),
        ),
        latents=LATENTS,
        tune_encoder=False,
        truncation=1.0,
        moves=dict(shift=0.25, rotate=45.0, scale=(0.6, 1.6)),
        moved_share=0.75,
    )
    runner = StrictRunner(
        trainer,
        str(work_dir),
        train_dataloader=dict(
            batch_size=BATCH,
            num_workers=0,
            sampler=dict(type='InfiniteSampler', shuffle=False),
            dataset=dict(type='LatentSeeds'),
        ),
        train_cfg=dict(by_epoch=False, max_iters=ITERATIONS),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.003)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, begin=0, end=WARM_UP, by_epoch=False),
            dict(type='CosineAnnealingLR', begin=WARM_UP, end=ITERATIONS, by_epoch=False),
        ],
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=20),
            checkpoint=dict(type='CheckpointHook', interval=200, by_epoch=False, max_keep_ckpts=1),
        ),
        resume=True,
        default_scope='mmgen',
    )
    runner.train()
    return encoder.eval()
