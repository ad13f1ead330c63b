# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.converters.generator_layout import generator_config


def empty(config):
    """Return the layout of a generator, without the memory of its weights."""
    with torch.device('meta'):
        return MODULES.build(dict(config)).state_dict()


@pytest.mark.parametrize(
    'config',
    [
        dict(type='StyleGANv2Generator', out_size=1024, style_channels=512),
        dict(type='StyleGANv2Generator', out_size=256, style_channels=512, channel_multiplier=1),
        dict(type='StyleGANv2Generator', out_size=32, style_channels=512, num_mlps=2),
        dict(type='StyleGANv1Generator', out_size=1024, style_channels=512),
        dict(
            type='NarrowStyleGANv2Generator',
            out_size=16,
            style_channels=8,
            num_mlps=3,
            channels={4: 5, 8: 6, 16: 7},
        ),
        dict(
            type='NarrowStyleGANv1Generator',
            out_size=16,
            style_channels=8,
            num_mlps=3,
            channels={4: 5, 8: 6, 16: 7},
        ),
    ],
    ids=lambda config: f'{config["type"]}-{config["out_size"]}',
)
def test_weights_tell_the_config_that_made_them(config):
    found = generator_config(empty(config))
    # Up to 32 pixels, both multipliers give the same network.
    assert found == config


def test_weights_of_no_generator_are_refused():
    with pytest.raises(ValueError, match='neither a StyleGAN1 nor a StyleGAN2'):
        generator_config({'conv.weight': torch.zeros(1)})
    layout = empty(dict(type='StyleGANv2Generator', out_size=16, style_channels=8))
    for name, match in (
        ('style_mapping.1.linear.weight_orig', 'mapping network'),
        ('convs.0.conv.weight_orig', 'its layers make 4'),
    ):
        rest = {k: v for k, v in layout.items() if k != name}
        with pytest.raises(ValueError, match=match):
            generator_config(rest)
