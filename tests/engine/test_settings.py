# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Misspelt settings are found anywhere in a model, and what others build is left alone."""

import pytest

from bdinvert_cli.configs import shipped_configs
from mmgen_bdinvert.apis import load_config
from mmgen_bdinvert.engine.settings import check_settings, meant
from mmgen_bdinvert.models import BaseCodeEncoder, NarrowStyleGANv2Generator
from mmgen_bdinvert.utils.parameters import class_parameters

INVERSIONS = [name for name in shipped_configs() if name.startswith(('bdinvert_inv', 'baselines/'))]


@pytest.mark.parametrize('name', INVERSIONS)
def test_shipped_configs_pass(name):
    check_settings(load_config(name).model, 'model')


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (dict(base_size=8, checkpont=None), 'model.generator has .* checkpont.*mean checkpoint?'),
        (dict(generator=dict(type='StyleGANv2Generator', outsize=8)), 'mean out_size?'),
        (dict(generator=dict(type='NarrowStyleGANv2Generator', num_mlp=8)), 'mean num_mlps?'),
    ],
)
def test_parts_of_parts(change, said):
    generator = dict(type='BaseDetailGenerator', **change)
    inverter = dict(type='RegularizedInverter', generator=generator)
    for model in (inverter, dict(type='PivotalTuningInverter', pivot=inverter)):
        with pytest.raises(ValueError, match=said.replace('?', r'\?').replace('model.', '')):
            check_settings(model, 'model')


def test_a_loss_may_be_left_out_but_not_begin_without_a_type():
    losses = dict(pixel=dict(type='PixelMSELoss'), detail=None)
    check_settings(dict(type='RegularizedInverter', losses=losses), 'model')
    with pytest.raises(ValueError, match=r'losses\.pixl has no type.*mean pixel\?'):
        losses['pixl'] = dict(loss_weight=2.0)
        check_settings(dict(type='RegularizedInverter', losses=losses), 'model')


def test_what_this_package_does_not_build_is_left_alone():
    discriminator = dict(type='StyleGAN2Discriminator', in_size=8, nonsense=1)
    check_settings(dict(type='StyleGAN2', discriminator=discriminator, more=2), 'model')
    check_settings(dict(type='NoSuchModel', generator=dict(type='NoSuchPart', x=1)), 'model')


def test_names_that_are_like_none():
    assert meant('zzz', ['lr', 'betas']) == 'known are lr, betas.'
    assert meant('beta', ['lr', 'betas']) == 'did you mean betas?'


def test_arguments_that_are_passed_on_are_known():
    known, complete = class_parameters(NarrowStyleGANv2Generator)
    assert complete and {'channels', 'out_size', 'style_channels'} <= set(known)
    assert list(class_parameters(BaseCodeEncoder)[0])[0] == 'base_channels'
