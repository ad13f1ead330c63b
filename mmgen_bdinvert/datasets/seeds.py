# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Seeds as a data set, for training images that the generator makes itself."""

from __future__ import annotations

from mmgen.registry import DATASETS
from torch.utils.data import Dataset

from ..utils.numbers import checked_number


@DATASETS.register_module()
class LatentSeeds(Dataset):
    """The whole numbers from ``first`` on; each is the seed of one latent.

    Args:
        length (int): How many. Defaults to 1,000,000.
        first (int): The first seed; validation takes seeds that training never reaches. Defaults
            to 0.

    Raises:
        ValueError: If a number is negative, or ``length`` is zero.
    """

    def __init__(self, length: int = 1_000_000, first: int = 0):
        self.length = checked_number('length', length, least=1, whole=True)
        self.first = checked_number('first', first, least=0, whole=True)

    @property
    def metainfo(self) -> dict:
        """dict: Facts that mmengine's loops hand to metrics."""
        return {'dataset_type': 'LatentSeeds'}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return {'inputs': self.first + index}
