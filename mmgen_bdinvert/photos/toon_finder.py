# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The finder of the embedded domain's faces."""

from __future__ import annotations

import os

import numpy as np
import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from PIL import Image
from torch import Tensor, nn

from ..io import image_to_tensor
from ..io.paths import local_path
from ..io.tensors import read_safetensors
from ..utils.numbers import checked_number
from .faces import Face, FaceFinder
from .window import MIN_SIDE, Window

__all__ = ['STRIDE', 'ToonFinder', 'ToonFinderNetwork', 'square_of']

STRIDE = 8  # pixels of a cell
UNIT = 64.0  # pixels that a square of the logarithmic size 0 has
WEIGHTS = 'asset://toon_faces/finder.safetensors'


class ToonFinderNetwork(nn.Sequential):
    """A small convolutional network: photos to six numbers for every 8x8 pixels.

    It maps RGB images (n, 3, H, W) in [-1, 1] to (n, 6, H / 8, W / 8), rounded up: the log-odds
    that the middle of a face lies in the cell, its offset (x, y) from the middle of the cell in
    cells, the logarithm of the face's size in 64 pixels, and its angle as (cos, sin).
    """

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        inputs = 3
        for outputs, stride, dilation in (
            *((16, 2, 1), (32, 2, 1), (48, 2, 1)),
            *((48, 1, 1), (48, 1, 2), (48, 1, 4), (48, 1, 1)),
        ):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
            inputs = outputs
        super().__init__(*layers, nn.Conv2d(inputs, 6, 1))


def square_of(cell: Tensor, column: int, row: int) -> Window:
    """Read the square of a face from the six numbers of its cell."""
    _, dx, dy, size, cos, sin = cell.double().tolist()
    side = max(MIN_SIDE, UNIT * float(np.exp(np.clip(size, -3, 4))))
    x, y = (column + 0.5 + dx) * STRIDE, (row + 0.5 + dy) * STRIDE
    return Window(x - side / 2, y - side / 2, side, float(np.degrees(np.arctan2(sin, cos))))


@MODULES.register_module()
class ToonFinder(FaceFinder):
    """Finds drawn toon faces, however they are turned up to about 60 degrees.

    ``python -m projects.toon_faces.train_finder`` trains its network.

    Args:
        weights (str | os.PathLike): Its weights. Defaults to those that travel with the package.
        threshold (float): The least probability of a face. Defaults to 0.6.

    Raises:
        ValueError: The file holds something else, or the threshold is not between 0 and 1.
    """

    def __init__(self, weights: str | os.PathLike = WEIGHTS, threshold: float = 0.6) -> None:
        self.network = ToonFinderNetwork()
        self.threshold = checked_number('threshold', threshold, above=0, below=1)
        tensors, _ = read_safetensors(local_path(weights))
        state = self.network.state_dict()
        if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in state.items()}:
            raise ValueError(f'weights of a ToonFinder are needed, but {weights} holds others')
        self.network.load_state_dict({k: v.to(state[k]) for k, v in tensors.items()})
        self.network.eval()

    @torch.no_grad()
    def look(self, photo: Image.Image) -> list[Face]:
        """See :class:`FaceFinder`."""
        cells = self.network(image_to_tensor(np.array(photo)))[0]  # [6HW]
        scores = cells[0].sigmoid()
        peaks = F.max_pool2d(scores[None], 3, 1, 1)[0] == scores
        return [
            Face(square_of(cells[:, row, column], column, row), scores[row, column].item())
            for row, column in ((peaks & (scores > self.threshold)).nonzero().tolist())
        ]
