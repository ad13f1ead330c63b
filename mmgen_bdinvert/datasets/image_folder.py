# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos of a folder, as ``tools/test.py`` inverts them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from mmgen.registry import DATASETS
from mmgen.structures import GenDataSample
from torch.utils.data import Dataset

from ..io import FIT_MODES, find_images, output_names, read_image


@DATASETS.register_module()
class InversionImageFolder(Dataset):
    """Image files as targets of an inversion.

    An item is ``dict(inputs, data_samples)``, the keys that mmgen's data preprocessors and
    models take. ``inputs`` is an RGB uint8 tensor (3, size, size). ``data_samples`` is a
    :class:`mmgen.structures.GenDataSample` with the metainfo ``img_path`` (str), ``img_shape``
    (``(size, size)``), ``output_name`` (unique folder name for the results) and ``sample_idx``.

    Args:
        data_root (str | os.PathLike | Sequence): A folder, a file, or several of them.
        size (int): Side of the images in pixels: the resolution of the generator.
        fit (str): How a picture that is not square is made so, ``'crop'``, ``'pad'`` or
            ``'squash'``; see :func:`mmgen_bdinvert.io.read_image`. Defaults to 'crop'.

    Raises:
        FileNotFoundError: ``data_root`` does not exist.
        ValueError: It holds no image, or ``size`` or ``fit`` is wrong. Taking an item raises
            :class:`mmgen_bdinvert.io.ImageReadError` if its file cannot be read.
    """

    def __init__(
        self,
        data_root: str | os.PathLike | Sequence[str | os.PathLike],
        size: int,
        fit: str = 'crop',
    ) -> None:
        if fit not in FIT_MODES:
            raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}')
        if not isinstance(size, int) or size < 1:
            raise ValueError(f'size must be a positive whole number of pixels, but got {size!r}')
        self.size = size
        self.fit = fit
        self.paths = find_images(data_root)
        self.names = output_names(self.paths)

    @property
    def metainfo(self) -> dict:
        """Facts about the data set that mmengine's loops hand to metrics and visualizers."""
        return {'dataset_type': type(self).__name__, 'channel_order': 'rgb', 'fit': self.fit}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        path = self.paths[index]
        rgb = read_image(path, self.size, fit=self.fit)
        sample = GenDataSample(
            metainfo={
                'img_path': str(path),
                'img_shape': (self.size, self.size),
                'output_name': self.names[index],
                'sample_idx': index % len(self),
            }
        )
        inputs = torch.from_numpy(rgb).permute(2, 0, 1).contiguous()  # [HWC] -> [CHW]
        return {'inputs': inputs, 'data_samples': sample}
