# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Figures of codes at once: a folder's rate, and how little a motion changes a detail code."""

import pytest
import torch
from mmengine.config import Config

from benchmarks import folders, twins
from mmgen_bdinvert.apis import init_inverter
from mmgen_bdinvert.models import DetailCodeEncoder


@pytest.fixture()
def predicting(make_config):
    """Return a function that gives an inverter whose detail encoder sees what it is told."""

    def make(seen):
        inverter = init_inverter(make_config(num_steps=0), device='cpu')
        generator = inverter.generator
        encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim, 32, (4, 6), 8)
        encoder.adapt(generator)
        encoder.forward = lambda images: (
            encoder.mean
            + seen(images).view(-1, 1, 1).expand(-1, generator.num_detail, generator.style_dim)
        )
        inverter.detail_encoder = encoder
        return inverter

    return make


def test_codes_that_motions_do_not_change_are_those_of_twins(predicting):
    # Shifts keep the sum of a picture nearly, but two faces differ in it; corners change with all.
    still = twins.distances(predicting(lambda images: images.mean((1, 2, 3))), 4)
    moving = twins.distances(predicting(lambda images: images[:, 0, 16, 16]), 4)
    assert set(still) == {'two faces', 'shifted', 'rotated', 'scaled', 'combined'}
    assert still['two faces'] / still['shifted'] > moving['two faces'] / moving['shifted'] > 0


def test_two_faces_are_all_pairs(predicting):
    values = iter([torch.tensor([0.0, 1.0, 3.0]), *[torch.tensor([0.0, 1.0, 3.0])] * 4])
    found = twins.distances(predicting(lambda images: next(values)), 3)
    single = twins.distances(predicting(lambda images: 0.0 * images.mean((1, 2, 3))), 3)
    assert single == dict.fromkeys(single, 0.0)
    assert found['two faces'] > 0 == found['shifted']


def test_a_config_without_a_detail_encoder_is_refused(make_config):
    with pytest.raises(ValueError, match='but .*tiny.py lacks one of them'):
        twins.main([str(make_config()), '--count', '2', '--device', 'cpu'])


def test_a_folder_and_its_networks_take_turns(make_config, photos, tmp_path, capsys):
    config = Config.fromfile(make_config(num_steps=0))
    inverter = init_inverter(config, device='cpu')
    files = sorted(photos.iterdir())
    turns = folders.sides(inverter, files, tmp_path / 'results', 2)
    for run in turns.values():
        run()
    assert next(iter(turns)) == 'folder' and len(list((tmp_path / 'results').glob('p?'))) == 3


def test_the_rates_are_those_of_one_run(make_config, photos, monkeypatch, capsys):
    path = make_config(num_steps=0)
    monkeypatch.setattr('mmgen_bdinvert.apis.load_config', lambda *_, **__: Config.fromfile(path))
    words = ['--images', str(photos), '--count', '4', '--rounds', '1', '--device', 'cpu']
    folders.main([str(path), *words])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split('|')[1].strip() for line in lines[2:]] == [
        'folder',
        'encoders and generator',
        'the same with losses',
    ]
    assert lines[2].endswith('| 100% |')
