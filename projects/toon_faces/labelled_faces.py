# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Drawn toon faces with their labels as numbers."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import torch
from mmgen.registry import DATASETS
from mmgen.structures import GenDataSample
from torch.utils.data import Dataset

from mmgen_bdinvert.io import read_image

from .drawing import BACKGROUNDS, SMALL_MOVES

__all__ = ['TOON_LABELS', 'LabelledToonFaces']

# What is drawn, and its choices. Half of the faces have no beard and half no rear hair, so there
# whether and which are two labels; -1 is the "which" of a face without. Colours go from dark to
# light, mouths from angry to laughing, eyes from closed to open: such a label is also a scale.
TOON_LABELS: dict[str, tuple[str, ...]] = {
    'hair': ('spiky', 'bun', 'undercut', 'sideComed'),
    'rearHair': ('longStraight', 'shoulderHigh', 'neckHigh', 'longWavy'),
    'has_rearHair': ('no', 'yes'),
    'beard': ('longBeard', 'moustacheTwirl', 'fullBeard', 'chinMoustache', 'chin'),
    'has_beard': ('no', 'yes'),
    'mouth': ('angry', 'sad', 'agape', 'smile', 'laugh'),
    'eyes': ('happy', 'humble', 'bow', 'wink', 'wide'),
    'eyebrows': ('neutral', 'sad', 'raised', 'happy', 'angry'),
    'clothes': ('turtleNeck', 'tShirt', 'dress', 'openJacket', 'shirt'),
    'skinColor': ('5c3829', 'a36b4f', 'b98e6a', 'c68e7a', 'f1c3a5'),
    'hairColor': ('2c1b18', '724133', 'a55728', 'b58143', 'd6b370'),
    'clothesColor': tuple(
        '151613 0b3286 731ac3 b11f1f 545454 147f3c ec4899 f97316 eab308 e8e9e6'.split()
    ),
    'backgroundColor': BACKGROUNDS,
}


def label_numbers(row: dict[str, str]) -> list[int]:
    """Turn the labels of :func:`draw_face` into numbers, in the order of ``TOON_LABELS``."""
    numbers = []
    for name, choices in TOON_LABELS.items():
        value = row[name.removeprefix('has_')]
        if name.startswith('has_'):
            numbers.append(int(value != 'none'))
        elif value == 'none':
            numbers.append(-1)
        else:
            numbers.append(choices.index(value))
    return numbers


def motion_numbers(row: dict) -> list[float]:
    """Turn the move of a drawn face into numbers, in deviations of ``SMALL_MOVES``; 0 is none."""
    move = row.get('move') or {}
    shift_x, shift_y = move.get('shift', (0.0, 0.0))
    numbers = (move.get('rotate', 0.0), math.log(move.get('scale', 1.0)), shift_x, shift_y)
    return [number / deviation for number, deviation in zip(numbers, SMALL_MOVES.values())]


@DATASETS.register_module()
class LabelledToonFaces(Dataset):
    """A folder of :func:`~projects.toon_faces.draw_set`.

    An item is ``dict(inputs, data_samples)``: an RGB uint8 tensor (3, H, W), and a
    :class:`mmgen.structures.GenDataSample` with ``labels``, an int64 tensor (A,) in the order of
    ``TOON_LABELS``, and ``motion``, a float32 tensor (4,): rotation, logarithm of the scale and
    shifts, in deviations of a small move.

    Args:
        data_root (str | os.PathLike): The folder.
        length (int | None): Only the first ``length`` faces. Defaults to None: all.

    Raises:
        FileNotFoundError: The folder has no ``labels.jsonl``.
    """

    def __init__(self, data_root: str | os.PathLike, length: int | None = None):
        self.folder = Path(data_root)
        file = self.folder / 'labels.jsonl'
        if not file.is_file():
            raise FileNotFoundError(
                f'There is no {file}: draw the faces with projects/toon_faces/draw.py.'
            )
        rows = [json.loads(line) for line in file.read_text().splitlines()[:length]]
        self.files = [row['file'] for row in rows]
        self.labels = torch.tensor([label_numbers(row) for row in rows])  # [nA]
        self.motions = torch.tensor([motion_numbers(row) for row in rows])  # [n4]

    @property
    def metainfo(self) -> dict:
        """dict: Facts that mmengine's loops hand to metrics."""
        return {'dataset_type': type(self).__name__, 'channel_order': 'rgb'}

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict:
        sample = GenDataSample(metainfo={'img_path': str(self.folder / self.files[index])})
        sample.set_field(self.labels[index], 'labels')
        sample.set_field(self.motions[index], 'motion')
        rgb = torch.from_numpy(read_image(self.folder / self.files[index]))
        return {'inputs': rgb.permute(2, 0, 1).contiguous(), 'data_samples': sample}  # [3HW]
