# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from benchmarks.quality.faces import DrawnFaces
from benchmarks.straighten import measures
from projects.toon_faces import ToonAttributes

pytest.importorskip('dicebear')


def test_pictures_are_measured_against_the_aligned_drawings():
    drawn = DrawnFaces(6, 128)
    faces = [drawn.face('combined', i) for i in range(6)]
    truth = torch.stack([face.aligned for face in faces])
    seen = torch.ones(6, 1, 128, 128, dtype=torch.bool)
    seen[:, :, :, 64:] = False
    images = truth - 0.02 * truth.sign()  # towards grey, which nothing clamps
    images[:, :, :, 64:] *= 0.7
    judge = ToonAttributes('asset://toon_attributes/judge128.safetensors', 128)
    found = measures(images, faces, seen, judge)
    assert found['shown'] == pytest.approx([40.0] * 6, abs=0.01)  # 2 / 0.02 is 40 dB
    assert max(found['all']) < 25
    assert sum(found['eyes']) == 6 and sum(found['mouth']) >= 5
    others = measures(images, faces[1:] + faces[:1], seen, judge)
    assert sum(others['eyes']) < 6 and max(others['shown']) < 30
