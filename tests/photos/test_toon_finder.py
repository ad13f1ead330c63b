# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mmgen_bdinvert.photos import ToonFinder
from projects.toon_faces.photo_truth import matches
from projects.toon_faces.photos import draw_photo


def test_drawn_faces_are_found_where_they_are():
    pytest.importorskip('dicebear')
    finder, pairs, there, wrong = ToonFinder(), [], 0, 0
    for i in range(3):
        names = [f'h{100 + 3 * i + k}' for k in range(3)]
        photo, faces = draw_photo(f'test{i}', (1000, 700), faces=names)
        found = [face.square for face in finder.find(photo)]
        hits, false = matches([face.square for face in faces], found)
        pairs, there, wrong = pairs + hits, there + len(faces), wrong + false
    assert (len(pairs), wrong) == (there, 0)
    turns = [abs((a.angle - b.angle + 180) % 360 - 180) for a, b in pairs]
    assert np.median(turns) < 10


@pytest.mark.parametrize('name', ['coffee', 'chelsea'])
def test_what_is_no_face(name):
    data = pytest.importorskip('skimage.data')
    assert ToonFinder().find(Image.fromarray(getattr(data, name)())) == []


def test_other_weights_are_refused(tmp_path):
    save_file({'0.weight': torch.zeros(3)}, tmp_path / 'other.safetensors')
    with pytest.raises(ValueError, match='weights of a ToonFinder are needed'):
        ToonFinder(tmp_path / 'other.safetensors')
