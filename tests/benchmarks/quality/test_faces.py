# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from benchmarks.quality.faces import DrawnFaces, Photos, unmove
from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from projects.toon_faces import draw_face, random_move


def test_drawn_faces_are_those_of_the_held_out_sets():
    faces = DrawnFaces(3, 48)
    face = faces.face('rotated', 2)
    move = random_move('rotated', 2)
    pixels, labels = draw_face('h2', 48, transform=move)
    expected = torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(face.image, expected, rtol=0, atol=1e-6)
    assert (face.name, face.move) == ('h2', move)
    assert face.choice('skinColor') == labels['skinColor']
    assert (face.choice('beard') or 'none') == labels['beard']
    assert faces.face('aligned', 0).move is None
    assert faces.names == ['h0', 'h1', 'h2']


def test_the_truth_of_an_edit_differs_in_it_alone():
    faces = DrawnFaces(2, 48)
    before = faces.face('shifted', 1)
    options = dict(beardVariant='fullBeard', beardProbability=100)
    after = faces.face('shifted', 1, options)
    changed = {k for k, v in after.labels.items() if before.labels[k] != v}
    assert changed == {'beard'}  # h1 has a moustache
    assert after.move == before.move
    assert before.digest != after.digest
    assert before.digest == DrawnFaces(2, 48).face('shifted', 1).digest


def test_photos_are_taken_as_they_are_or_moved(photo_folder):
    photos = Photos(photo_folder(3, 32), 2, 24)
    assert photos.names == ['0', '1']
    plain, moved = photos.face('aligned', 1), photos.face('combined', 1)
    assert plain.image.shape == (3, 24, 24) and plain.move is None and plain.labels is None
    expected = transform_image(plain.image[None], random_move('combined', 1))[0]
    assert torch.equal(moved.image, expected)
    with pytest.raises(ValueError, match='can be drawn, but not be had of a photo'):
        photos.face('aligned', 0, dict(skinColor=['f1c3a5']))


def test_unmoving_brings_faces_back():
    rng = np.random.default_rng(0)
    smooth = torch.from_numpy(rng.normal(size=(3, 3, 6, 6))).float()
    smooth = torch.nn.functional.interpolate(smooth, (60, 60), mode='bicubic')
    moves = [None, GeometricTransform(shift=(0.1, -0.2)), GeometricTransform(rotate=90)]
    moved = [x if m is None else transform_image(x, m) for x, m in zip(smooth.split(1), moves)]
    back = unmove(torch.cat(moved), moves)
    assert torch.equal(back[0], smooth[0])
    torch.testing.assert_close(back[2], smooth[2], rtol=0, atol=1e-5)
    torch.testing.assert_close(back[1, :, 14:, :52], smooth[1, :, 14:, :52], rtol=0, atol=1e-4)


def test_no_face_is_refused():
    with pytest.raises(ValueError, match='one face or more, but got 0'):
        DrawnFaces(0, 48)
