# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import mmengine.registry
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmgen.registry import OPTIMIZERS
from torch import nn

from mmgen_bdinvert.compat import optimizers


@pytest.fixture()
def mmgen_scope():
    with DefaultScope.overwrite_default_scope('mmgen'):
        yield


def test_the_optimisers_of_mmgens_configs_are_built(mmgen_scope):
    ratio = 4 / 5
    betas = (0, 0.99**ratio)  # as in mmgen's stylegan2_c2_ffhq_256_b4x8_800k.py
    config = dict(
        constructor='GenOptimWrapperConstructor',
        generator=dict(optimizer=dict(type='Adam', lr=0.002 * ratio, betas=betas)),
        discriminator=dict(optimizer=dict(type='AdamW', lr=0.002, betas=[0, 0.9])),
    )
    model = nn.ModuleDict(dict(generator=nn.Linear(2, 2), discriminator=nn.Linear(2, 1)))
    wrappers = build_optim_wrapper(model, config)
    adam, adamw = wrappers['generator'].optimizer, wrappers['discriminator'].optimizer
    assert type(adam) is torch.optim.Adam and type(adamw) is torch.optim.AdamW
    assert adam.defaults['betas'] == (0.0, 0.99**ratio) and adam.defaults['lr'] == 0.0016
    assert adamw.defaults['betas'] == (0.0, 0.9)
    assert all(isinstance(beta, float) for beta in adam.defaults['betas'])
    assert adam.param_groups[0]['params'] == list(model['generator'].parameters())


def test_everything_else_is_passed_on(mmgen_scope):
    parameters = [nn.Parameter(torch.zeros(2))]
    built = OPTIMIZERS.build(dict(type='Adam', params=parameters, lr=0.1, eps=1e-3))
    expected = torch.optim.Adam(parameters, lr=0.1, eps=1e-3)
    assert built.defaults == expected.defaults
    tensors = (torch.tensor(0.5), torch.tensor(0.9))
    config = dict(type='Adam', params=parameters, betas=tensors, foreach=False)
    assert OPTIMIZERS.build(config).defaults['betas'] == tensors
    with pytest.raises(ValueError, match='Invalid beta parameter at index 0: 1'):
        OPTIMIZERS.build(dict(type='Adam', params=parameters, betas=(1, 0.9)))


def test_torch_and_mmengine_stay_as_they_are():
    assert mmengine.registry.OPTIMIZERS.get('Adam') is torch.optim.Adam
    assert mmengine.registry.OPTIMIZERS.get('AdamW') is torch.optim.AdamW


def test_install_twice_changes_nothing():
    before = dict(OPTIMIZERS.module_dict)
    optimizers.install()
    assert OPTIMIZERS.module_dict == before
