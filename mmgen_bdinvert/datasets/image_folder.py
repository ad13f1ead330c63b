# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos of a folder, as ``tools/test.py`` inverts them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmgen.registry import DATASETS, MODULES
from mmgen.structures import GenDataSample
from torch import Tensor
from torch.utils.data import Dataset

from ..geometry import RandomTransform, Transform, transform_image
from ..io import FIT_MODES, find_images, output_names, read_image
from ..utils.numbers import checked_number


@DATASETS.register_module()
class InversionImageFolder(Dataset):
    """Image files as targets of an inversion.

    An item is ``dict(inputs, data_samples)``, the keys that mmgen's data preprocessors and models
    take. ``inputs`` is an RGB uint8 tensor (3, size, size). ``data_samples`` is a
    :class:`mmgen.structures.GenDataSample` with the metainfo ``img_path`` (str), ``img_shape``
    (``(size, size)``), ``output_name`` (unique folder name for the results) and ``sample_idx``, and
    of a moved image ``move`` (str), the motion in words.

    Args:
        data_root (str | os.PathLike | Sequence): A folder, a file, or several of them.
        size (int): Side of the images in pixels: the resolution of the generator.
        fit (str): How a picture is made square, ``'crop'``, ``'pad'`` or ``'squash'``; see
            :func:`mmgen_bdinvert.io.read_image`. Defaults to 'crop'.
        move (dict | Transform | RandomTransform | None): Motion that takes the images out of
            alignment, or its config, such as ``dict(type='RandomTransform', shift=0.25,
            rotate=45)``,
            which draws one for each image. Edges are continued. Defaults to None.
        seed (int): Of random motions; it always moves an image alike. Defaults to 0.

    Raises:
        FileNotFoundError: ``data_root`` does not exist.
        TypeError: ``move`` is none of these.
        ValueError: There is no image, or ``size`` or ``fit`` is wrong. Taking an item raises
            :class:`mmgen_bdinvert.io.ImageReadError` if its file cannot be read.
    """

    def __init__(
        self,
        data_root: str | os.PathLike | Sequence[str | os.PathLike],
        size: int,
        fit: str = 'crop',
        move: dict | Transform | RandomTransform | None = None,
        seed: int = 0,
    ) -> None:
        if fit not in FIT_MODES:
            raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}')
        self.size = checked_number('size', size, least=1, whole=True)
        self.fit = fit
        self.seed = checked_number('seed', seed, whole=True)
        self.move = MODULES.build(move) if isinstance(move, dict) else move
        if not isinstance(self.move, (Transform, RandomTransform, type(None))):
            raise TypeError(f'move must be a motion, but got {type(self.move).__name__}')
        self.paths = find_images(data_root)
        self.names = output_names(self.paths)

    @property
    def metainfo(self) -> dict:
        """dict: Facts that mmengine's loops hand to metrics and visualizers."""
        return {'dataset_type': type(self).__name__, 'channel_order': 'rgb', 'fit': self.fit}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        path, move = self.paths[index], self._move_of(index)
        # Twice the size keeps some of the detail that interpolation loses.
        rgb = read_image(path, self.size if move is None else 2 * self.size, fit=self.fit)
        inputs = torch.from_numpy(rgb).permute(2, 0, 1).contiguous()  # [HWC] -> [CHW]
        info = {
            'img_path': str(path),
            'img_shape': (self.size, self.size),
            'output_name': self.names[index],
            'sample_idx': index % len(self),
        }
        if move is not None:
            inputs, info['move'] = self._moved(inputs, move), move.describe()
        return {'inputs': inputs, 'data_samples': GenDataSample(metainfo=info)}

    def _move_of(self, index: int) -> Transform | None:
        if not isinstance(self.move, RandomTransform):
            return self.move
        # PyTorch's generator on the CPU only uses the lowest 32 bits of a seed.
        rng = torch.Generator().manual_seed(1_000_003 * self.seed + index % len(self))
        return self.move.sample(rng)

    def _moved(self, image: Tensor, move: Transform) -> Tensor:
        """Move a uint8 image (3, 2s, 2s) and reduce it to (3, s, s)."""
        moved = transform_image(image[None].float(), move)
        moved = F.interpolate(moved, self.size, mode='bilinear', antialias=True)
        return moved[0].round().clamp(0, 255).byte()
