# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A file of another program in the place of a checkpoint: the sentence says how it is converted."""

import argparse

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmgen_bdinvert.models import BaseCodeEncoder, BaseDetailGenerator, LatentStatistics

ROSINALITY = {'conv1.conv.weight': torch.zeros(1), 'input.input': torch.zeros(1, 4, 4, 4)}
BARE = {
    'genforce': {'synthesis.early_layer.const': torch.zeros(1)},
    'basicsr': {'constant_input.weight': torch.zeros(1)},
    'nvidia': {'synthesis.b4.const': torch.zeros(1)},
    'rosinality': ROSINALITY,
}


@pytest.fixture()
def load(make_stylegan2):
    return lambda path: BaseDetailGenerator(make_stylegan2(), 8, checkpoint=str(path))


def line(path, name):
    return f'is converted first: bdinvert convert {path} g_converted.safetensors --from {name}'


@pytest.mark.parametrize('name', BARE)
@pytest.mark.parametrize('how', ['torch', 'legacy', 'safetensors', 'nested', 'wrapped'])
def test_a_generator_of_another_program(tmp_path, load, name, how):
    path = tmp_path / ('g.safetensors' if how == 'safetensors' else 'g.pt')
    if how == 'safetensors':
        save_file(BARE[name], path)
    else:
        nested = {'g_ema': BARE[name], 'args': argparse.Namespace(size=32)}
        wrapped = {'state_dict': {f'decoder.module.{k}': v for k, v in BARE[name].items()}}
        content = dict(nested=nested, wrapped=wrapped).get(how, BARE[name])
        torch.save(content, path, _use_new_zipfile_serialization=how != 'legacy')
    with pytest.raises(ValueError) as caught:
        load(path)
    assert line(path, name) in str(caught.value) and '\n' not in str(caught.value)


def test_a_pickle_of_nvidia_is_recognised_and_a_stylegan3_named(tmp_path, load):
    (tmp_path / 'g.pkl').write_bytes(b'\x80\x04\x8c\x17torch_utils.persistence\x94.')
    with pytest.raises(ValueError) as caught:
        load(tmp_path / 'g.pkl')
    assert line(tmp_path / 'g.pkl', 'nvidia') in str(caught.value)
    (tmp_path / 'g.pkl').write_bytes(b'\x80\x04\x8c\x17torch_utils.persistence SynthesisInput.')
    with pytest.raises(ValueError, match='cannot be used: it is a StyleGAN3'):
        load(tmp_path / 'g.pkl')


def test_files_of_the_authors(tmp_path, load):
    torch.save({'encoder': {'model.33.weight': torch.zeros(1)}}, tmp_path / 'g.pth')
    with pytest.raises(ValueError) as caught:
        BaseCodeEncoder(8, 8, (4, 6, 8), checkpoint=str(tmp_path / 'g.pth'))
    assert line(tmp_path / 'g.pth', 'bdinvert-encoder') in str(caught.value)
    with pytest.raises(ValueError, match="encoder of BDInvert's authors: give the file of the gen"):
        load(tmp_path / 'g.pth')
    folder = tmp_path / 'g'
    folder.mkdir()
    np.save(folder / 'eigen_vectors.npy', np.zeros((2, 2)))
    with pytest.raises(ValueError) as caught:
        LatentStatistics(path=folder)
    assert line(folder, 'bdinvert-pnorm') in str(caught.value)


def test_what_no_format_knows_is_refused_as_before(tmp_path, load):
    torch.save({'backbone.weight': torch.zeros(1)}, tmp_path / 'g.pt')
    with pytest.raises(ValueError, match='does not fit this generator'):
        load(tmp_path / 'g.pt')
    (tmp_path / 'g.pt').write_bytes(b'')
    with pytest.raises(ValueError, match='not a readable checkpoint'):
        load(tmp_path / 'g.pt')


def test_the_mean_w_that_mmagic_stores_is_no_weight(tmp_path, load, make_stylegan2):
    state = {f'generator_ema.module.{k}': v for k, v in make_stylegan2(seed=3).state_dict().items()}
    torch.save(
        {'state_dict': {**state, 'generator_ema.module.w_avg': torch.zeros(16)}}, tmp_path / 'g.pth'
    )
    found = load(tmp_path / 'g.pth').generator.conv1.activate.bias
    assert torch.equal(found, state['generator_ema.module.conv1.activate.bias'])
