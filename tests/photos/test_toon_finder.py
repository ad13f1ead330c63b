# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mmgen_bdinvert.apis import init_finder, load_config
from mmgen_bdinvert.photos import Look, ToonFinder
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


def test_the_threshold_of_a_config_decides_and_is_one_of_its_settings():
    pytest.importorskip('dicebear')
    photo, faces = draw_photo('test0', (1000, 700), faces=['h100'])
    options = {'face_finder.threshold': 0.9999}
    strict = load_config('bdinvert_inv_toon128', options, sections=['model', 'face_finder'])
    finders = [init_finder(c) for c in (load_config('bdinvert_inv_toon128'), strict)]
    assert [len(finder.find(photo)) for finder in finders] == [len(faces), 0]
    settings = [Look(finder=finder).settings() for finder in finders]
    assert [s.pop('threshold') for s in settings] == [0.6, 0.9999]
    assert settings[0] == settings[1] and settings[0]['finder'] == 'ToonFinder'
