# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Drawn faces with labels as numbers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from projects.toon_faces import TOON_LABELS, LabelledToonFaces, draw_set
from projects.toon_faces.labelled_faces import label_numbers

ROW = dict(
    hair='bun',
    rearHair='none',
    beard='chin',
    mouth='angry',
    eyes='wink',
    eyebrows='neutral',
    clothes='shirt',
    skinColor='5c3829',
    hairColor='2c1b18',
    clothesColor='f97316',
    backgroundColor='b6e3f4',
)


def test_labels_become_numbers_in_the_order_of_the_table():
    named = dict(zip(TOON_LABELS, label_numbers(ROW)))
    assert named == dict(
        hair=1,
        rearHair=-1,
        has_rearHair=0,
        beard=4,
        has_beard=1,
        mouth=0,
        eyes=3,
        eyebrows=0,
        clothes=4,
        skinColor=0,
        hairColor=0,
        clothesColor=7,
        backgroundColor=0,
    )


@pytest.mark.parametrize('name', ['skinColor', 'hairColor', 'clothesColor'])
def test_colours_go_from_dark_to_light(name):
    rgb = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in TOON_LABELS[name]])
    assert (np.diff(rgb @ (0.299, 0.587, 0.114)) > 0).all()  # luma


def test_an_item_is_an_rgb_image_and_its_labels(tmp_path):
    Image.fromarray(np.full((4, 4, 3), (255, 0, 10), np.uint8)).save(tmp_path / 'a.png')
    rows = [{'file': 'a.png', **ROW}, {'file': 'b.png', **ROW}]
    (tmp_path / 'labels.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    faces = LabelledToonFaces(tmp_path, length=1)
    assert len(faces) == 1
    item = faces[0]
    assert item['inputs'].dtype == torch.uint8
    assert item['inputs'][:, 0, 0].tolist() == [255, 0, 10]
    assert item['data_samples'].labels.tolist() == label_numbers(ROW)


def test_every_drawn_face_has_labels_of_the_table(tmp_path):
    draw_set(tmp_path, [f's{i}' for i in range(30)], size=8, workers=1)
    labels = LabelledToonFaces(tmp_path).labels
    sizes = torch.tensor([len(choices) for choices in TOON_LABELS.values()])
    assert labels.shape == (30, 13)
    assert ((labels >= -1) & (labels < sizes)).all()
    unknown = {name for name, column in zip(TOON_LABELS, labels.T) if (column < 0).any()}
    assert unknown == {'rearHair', 'beard'}


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='toon_faces/draw.py'):
        LabelledToonFaces(tmp_path)


def test_a_motion_counts_in_deviations_of_small_moves(tmp_path):
    move = dict(rotate=-12.0, scale=float(np.exp(0.04)), shift=[0.06, -0.03], flip=False)
    rows = [{'file': 'a.png', 'move': move, **ROW}, {'file': 'b.png', 'move': None, **ROW}]
    (tmp_path / 'labels.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    motions = LabelledToonFaces(tmp_path).motions
    torch.testing.assert_close(motions, torch.tensor([[-2.0, 0.5, 2.0, -1.0], [0.0] * 4]))
