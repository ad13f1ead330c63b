# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Code files that carry colours and changes which no inversion of their generator found."""

import pytest
import torch
from safetensors.torch import save_file

from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.structures import LatentCode

KIND = {'kind': 'mmgen_bdinvert.latent_code', 'version': '1'}
PARTS = {'base': torch.zeros(1, 8, 8, 8), 'detail': torch.zeros(1, 6, 16)}
NOISE = 'changes.injected_noise_0'
REFUSED = {
    'colours of another size': {'colours': torch.zeros(1, 3, 8, 8)},
    'colours of two images': {'colours': torch.zeros(2, 3, 4, 4)},
    'colours without axes': {'colours': torch.zeros(())},
    'infinite colours': {'colours': torch.full((1, 3, 4, 4), torch.inf)},
    'whole numbers': {'colours': torch.zeros(1, 3, 4, 4, dtype=torch.long)},
    'coarse styles of another width': {'coarse': torch.zeros(1, 2, 8)},
    'coarse styles of two images': {'coarse': torch.zeros(2, 2, 16)},
    'coarse styles of other layers': {'coarse': torch.zeros(1, 4, 16)},
    'coarse styles without axes': {'coarse': torch.zeros(())},
    'changes of nothing': {'changes.': torch.zeros(1)},
    'changes of what is not there': {'changes.injected_noise_99': torch.zeros(1, 1, 1, 4, 4)},
    'changes outside': {'changes.../../x': torch.zeros(1, 1)},
    'changes of two images': {NOISE: torch.zeros(2, 1, 1, 4, 4)},
    'changes without axes': {NOISE: torch.zeros(())},
    'changes of another shape': {NOISE: torch.zeros(1, 1, 1, 8, 8)},
    'changes that are no numbers': {NOISE: torch.full((1, 1, 1, 4, 4), torch.nan)},
    'a name that is nearly one': {'colour': torch.zeros(1, 3, 4, 4)},
}


@pytest.fixture()
def load(make_generator, tmp_path):
    def load(more):
        save_file({**PARTS, **more}, tmp_path / 'code.safetensors', KIND)
        return LatentCode.load(tmp_path / 'code.safetensors', make_generator())

    return load


def test_what_fits_is_read(load):
    more = {'colours': torch.zeros(1, 3, 4, 4), NOISE: torch.zeros(1, 1, 1, 4, 4)}
    code = load(more)
    assert code.colours is not None and list(code.changes) == ['injected_noise_0']


@pytest.mark.parametrize('name', REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(name, load):
    with pytest.raises(ValueError, match='code.safetensors') as info:
        load(REFUSED[name])
    assert '\n' not in str(info.value)


def test_colours_of_a_family_without_are_refused(load, tmp_path):
    load({'colours': torch.zeros(1, 3, 4, 4)})
    config = dict(type='NarrowStyleGANv1Generator', out_size=32, style_channels=16, num_mlps=2)
    config['channels'] = {4: 8, 8: 8, 16: 6, 32: 6}
    generator = BaseDetailGenerator(config, 8)
    with pytest.raises(ValueError, match='carries colours, which this generator does not have'):
        LatentCode.load(tmp_path / 'code.safetensors', generator)
