# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The package's own loops, as users run them."""

from __future__ import annotations

import copy
import time

import torch

from mmgen_bdinvert.models import BaseCodeEncoderTrainer, RegularizedInverter

from .setting import Setting

__all__ = ['OurTraining', 'time_inversion']


def time_inversion(setting: Setting, steps: int, amp: bool | str = False) -> list[float]:
    """Invert images and time the steps.

    Args:
        setting (Setting): What is inverted.
        steps (int): Number of steps that are timed, after one that is not.
        amp (bool | str): As of an inverter. Defaults to False.

    Returns:
        list[float]: Seconds of each step.
    """
    inverter = RegularizedInverter(
        setting.generator,
        setting.encoder,
        statistics=setting.statistics,
        losses=dict(
            pixel=dict(type='PixelMSELoss'),
            perceptual=setting.perceptual,
            base=dict(type='BaseCodeDistance'),
            detail=dict(type='PNormLoss'),
        ),
        num_steps=steps + 1,
        amp=amp,
    )
    times = []

    def on_step(*_):
        if setting.device.type == 'cuda':
            torch.cuda.synchronize()
        times.append(time.perf_counter())

    inverter.invert(setting.images, on_step)
    # Called once in each step, 0 included, and once after the last one.
    return [after - before for before, after in zip(times[:steps], times[1:])]


class OurTraining:
    """The encoder's training as mmengine's Runner drives it.

    Args:
        setting (Setting): What is trained, on ``batch`` images an iteration.
        amp (bool): Whether in bfloat16. Defaults to False.
    """

    def __init__(self, setting: Setting, amp: bool = False):
        self.setting, self.amp, self.seed = setting, amp, 0
        self.trainer = BaseCodeEncoderTrainer(
            setting.generator,
            copy.deepcopy(setting.encoder).requires_grad_(),  # an inverter froze it
            losses=dict(pixel=dict(type='PixelMSELoss'), perceptual=setting.perceptual),
        ).train()
        self.optimizer = torch.optim.Adam(self.trainer.encoder.parameters(), lr=1e-3)

    def step(self) -> torch.Tensor:
        """Do one iteration; returns its loss, ()."""
        batch = self.setting.batch
        seeds = torch.arange(self.seed * batch, (self.seed + 1) * batch)
        self.seed += 1
        self.optimizer.zero_grad()
        with torch.autocast(self.setting.device.type, torch.bfloat16, enabled=self.amp):
            losses = self.trainer(seeds, mode='loss')
        loss = sum(losses.values())
        loss.backward()
        self.optimizer.step()
        return loss.detach()
