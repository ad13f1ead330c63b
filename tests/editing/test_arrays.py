# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Directions of other programs: which of several a file stands for."""

import numpy as np
import pytest
import torch

from bdinvert_cli.paths import check_directions
from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.editing.command_line import parse_directions


@pytest.fixture()
def factor(tmp_path):
    """What rosinality's closed_form_factorization.py writes: directions are columns."""
    eigvec = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    torch.save({'ckpt': 'checkpoint/550000.pt', 'eigvec': eigvec}, tmp_path / 'factor.pt')
    return tmp_path / 'factor.pt', eigvec


def test_a_column_of_rosinalitys_factors(factor):
    path, eigvec = factor
    found = load_direction(f'{path}#3')
    assert torch.equal(found.vector[0], eigvec[:, 3]) and found.name == 'factor 3'
    words = [f'{path}#3@4-7', '2']
    check_directions(words)
    (direction,) = parse_directions(words)
    assert torch.equal(direction.vector[0], 2 * eigvec[:, 3])
    assert list(direction.layers) == [4, 5, 6, 7]


@pytest.mark.parametrize(('choice', 'got'), [('', 'none'), ('#16', '16'), ('#x', 'x')])
def test_which_of_several_must_be_said(factor, choice, got):
    with pytest.raises(ValueError, match=rf'16 directions: choose .* factor.pt#0.* got {got}\.$'):
        load_direction(f'{factor[0]}{choice}')


def test_a_boundary_with_its_intercept(tmp_path):
    boundary = np.arange(16.0, dtype=np.float32)[None] + 1
    np.savez(tmp_path / 'age.npz', boundary=boundary, intercept=np.zeros(1), norm=np.ones(()))
    found = load_direction(tmp_path / 'age.npz')
    assert torch.equal(found.vector, torch.from_numpy(boundary)) and found.name == 'age'


def test_components_of_ganspace(tmp_path):
    parts = np.random.default_rng(0).standard_normal((5, 1, 16)).astype(np.float32)
    np.savez(tmp_path / 'pca.npz', act_comp=parts, lat_comp=parts + 1, lat_stdev=np.ones(5))
    assert torch.equal(
        load_direction(f'{tmp_path}/pca.npz#2').vector, torch.from_numpy(parts[2] + 1)
    )


def test_an_array_by_its_name(tmp_path):
    np.savez(tmp_path / 'all.npz', smile=np.ones(16), age=np.full(16, 2.0))
    assert load_direction(f'{tmp_path}/all.npz#age').vector[0, 0] == 2
    with pytest.raises(ValueError, match='choose one as all.npz#NAME, of smile, age'):
        load_direction(tmp_path / 'all.npz')
    with pytest.raises(ValueError, match='choose one as all.npz#NAME, of smile, age'):
        load_direction(f'{tmp_path}/all.npz#pose')


def test_a_file_whose_name_has_the_sign(tmp_path):
    np.save(tmp_path / 'a.x#1.npy', np.ones(16))
    assert load_direction(tmp_path / 'a.x#1.npy').name == 'a.x#1'
    with pytest.raises(FileNotFoundError, match='no direction file'):
        load_direction(f'{tmp_path}/b.npy#1')
    with pytest.raises(FileNotFoundError, match='no direction file'):
        check_directions([f'{tmp_path}/b.npy#1'])
