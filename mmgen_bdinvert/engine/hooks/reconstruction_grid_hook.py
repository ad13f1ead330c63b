# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A picture of targets and reconstructions after every validation or test."""

from __future__ import annotations

from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmgen.registry import HOOKS

from ...io import claim_outputs, save_png, tensor_to_image
from ...utils.numbers import checked_number
from ...visualization import image_grid
from ..strict_runner import MAKER

__all__ = ['ReconstructionGridHook']


@HOOKS.register_module()
class ReconstructionGridHook(Hook):
    """Save ``vis/<mode>_<iteration>.png`` in the work dir: targets above reconstructions.

    Args:
        max_images (int): Images in the picture, the first ones. Defaults to 16.

    Raises:
        ValueError: ``max_images`` is not positive.
    """

    def __init__(self, max_images: int = 16):
        self.max_images = checked_number('max_images', max_images, least=1, whole=True)
        self._targets: list = []
        self._outputs: list = []

    def _after_iter(self, runner, batch_idx, data_batch=None, outputs=None, mode='train'):
        if mode == 'train' or not outputs or not is_main_process():
            return
        for sample in outputs[: self.max_images - len(self._targets)]:
            self._targets.append(tensor_to_image(sample.target[None], 'rgb'))
            self._outputs.append(tensor_to_image(sample.reconstruction[None], 'rgb'))

    def _after_epoch(self, runner, mode='train'):
        if mode == 'train' or not self._targets:
            return
        grid = image_grid(self._targets + self._outputs, ncol=len(self._targets))
        folder = Path(runner.work_dir) / 'vis'
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{mode}_{runner.iter:06d}.png'
        claim_outputs([path], MAKER)
        save_png(path, grid)
        runner.visualizer.add_image(f'{mode}_reconstruction', grid, step=runner.iter)
        self._targets, self._outputs = [], []
