# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
from mmgen.registry import MODULES

from mmgen_bdinvert.engine import read_config
from mmgen_bdinvert.engine.mmagic import to_mmgen

NEW_STYLE = """
from mmagic.models.editors.stylegan2 import StyleGAN2Generator
model = dict(generator=dict(type=StyleGAN2Generator, out_size=32, style_channels=16))
"""


@pytest.mark.parametrize('kind', ['StyleGAN2Generator', 'mmagic.StyleGANv2Generator'])
def test_a_generator_in_mmagics_words_is_one_of_mmgen(kind):
    more = dict(bgr2rgb=True, update_mean_latent_with_ema=True, w_avg_beta=0.9, noise_size=16)
    more |= dict(out_channels=3, cond_size=None, cond_mapping_channels=None, norm_eps=1e-6)
    given = dict(type=kind, out_size=8, style_channels=16, channel_multiplier=1, **more)
    model = dict(parts=[dict(generator=given)])
    to_mmgen(model)
    plain = dict(type='StyleGANv2Generator', out_size=8, style_channels=16, channel_multiplier=1)
    assert model == dict(parts=[dict(generator=plain)])
    assert MODULES.build(given).num_latents == 4


def test_a_generator_of_stylegan1():
    given = dict(type='StyleGAN1Generator', out_size=8, style_channels=16)
    to_mmgen(given)
    assert given['type'] == 'StyleGANv1Generator'


def test_what_changes_the_network_is_kept_or_refused():
    given = dict(type='StyleGANv2Generator', out_size=8, style_channels=16, noise_size=64)
    to_mmgen(given)
    assert given['noise_size'] == 64
    with pytest.raises(ValueError, match='takes labels cannot be inverted into.*cond_size=10'):
        to_mmgen(dict(given, cond_size=10))


def test_configs_in_the_new_style_are_one_sentence(tmp_path):
    (tmp_path / 'new.py').write_text(NEW_STYLE)
    (tmp_path / 'old.py').write_text("_base_ = ['./new.py']\n")
    with pytest.raises(
        ValueError, match='new.py names a class that is not here .*: describe the g'
    ):
        read_config(tmp_path / 'new.py')
    with pytest.raises(
        ValueError, match=r'in the new one \(read_base\): describe the generator in'
    ):
        read_config(tmp_path / 'old.py')
