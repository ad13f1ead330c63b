# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import draw_samples, edit, find_directions, render
from mmgen_bdinvert.apis.directions import preview
from mmgen_bdinvert.editing import Direction, draw_latents, load_direction
from mmgen_bdinvert.io import read_image


class Twins:
    """A finder of directions, whose names would be one file."""

    def __init__(self, generator, names=('smile', 'Smile')):
        self.seeds = []
        self.found = [
            Direction(torch.full((16,), float(size)), name, generator.fingerprint)
            for size, name in enumerate(names, 1)
        ]

    def find(self, generator, *, seed, progress):
        self.seeds.append(seed)
        return self.found


def test_no_direction_overwrites_another(inverter, tmp_path):
    """The second of two that are called 'a' was written over the one that is called 'a_2'."""
    finder = Twins(inverter.generator, ['a', 'a', 'a_2', 'A_3'])
    find_directions(inverter.generator, finder, tmp_path, strengths=[1])
    saved = [load_direction(path) for path in tmp_path.glob('*.safetensors')]
    assert sorted(d.vector[0, 0].item() for d in saved) == [1, 2, 3, 4]
    assert len(list(tmp_path.glob('*.png'))) == 4


def test_each_direction_and_its_picture_are_saved(inverter, tmp_path):
    out, pictures = tmp_path / 'out', tmp_path / 'pictures'
    finder = Twins(inverter.generator)
    found = find_directions(
        inverter.generator, finder, out, seed=4, preview_dir=pictures, strengths=[-1, 2]
    )
    assert found == finder.found and finder.seeds == [4]
    files = sorted(path.stem for path in out.glob('[!.]*'))
    assert len(files) == 2 and files == sorted(path.stem for path in pictures.glob('[!.]*'))
    saved = [load_direction(path) for path in out.glob('*.safetensors')]
    assert sorted(d.vector[0, 0].item() for d in saved) == [1, 2]
    assert {d.fingerprint for d in saved} == {inverter.generator.fingerprint}


def test_a_finder_is_built_from_its_config(inverter, tmp_path):
    found = find_directions(inverter.generator, dict(type='SeFa', count=1), tmp_path)
    assert [d.method for d in found] == ['SeFa']
    assert sorted(path.name for path in tmp_path.glob('[!.]*')) == [
        'sefa0.png',
        'sefa0.safetensors',
    ]


def test_a_preview_shows_edits_of_the_detail_code(inverter, monkeypatch):
    import mmgen_bdinvert.apis.directions as module

    sheets = []
    monkeypatch.setattr(module, 'contact_sheet', lambda rows, title: sheets.append((rows, title)))
    direction = Direction(torch.ones(16), 'smile', method='svm', notes={'held_out': '0.9'})
    preview(inverter.generator, direction, strengths=[-1, 0.5], rows=3, seed=7)
    ((rows, title),) = sheets
    assert title == 'smile (svm, held out 0.9)'
    w = draw_latents(inverter.generator, 3, 7)
    code = inverter.generator.split(inverter.generator.to_w_plus(w))
    for column, strength in (('-1', -1), ('0.5', 0.5)):
        expected = render(inverter, edit(inverter, code, direction, strength))
        for row, picture in zip(rows, expected):
            assert list(row) == ['-1', '0.5']
            assert np.array_equal(row[column], picture)


def test_samples_to_label_are_those_that_a_finder_draws(inverter, tmp_path):
    calls = []
    folder = draw_samples(
        inverter.generator, tmp_path / 's', count=18, seed=3, progress=lambda *c: calls.append(c)
    )
    assert sorted(path.name for path in folder.glob('[!.]*')) == [f'{i:06d}.png' for i in range(18)]
    assert calls == [(16, 18), (18, 18)]
    w = draw_latents(inverter.generator, 18, 3)
    code = inverter.generator.split(inverter.generator.to_w_plus(w))
    for i in (0, 17):
        assert np.array_equal(read_image(folder / f'{i:06d}.png'), render(inverter, code[i])[0])


def test_an_output_folder_that_is_a_file(inverter, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='is a file'):
        find_directions(inverter.generator, dict(type='SeFa'), tmp_path / 'file')
