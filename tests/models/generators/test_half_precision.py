# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What mmgen's half-precision layers compute, and that a config with them says so."""

import pytest
import torch

from mmgen_bdinvert.models import BaseDetailGenerator
from mmgen_bdinvert.models.generators import base_detail_generator


@pytest.mark.parametrize('setting', [dict(num_fp16_scales=1), dict(fp16_enabled=True)])
def test_half_precision_layers_are_another_function_and_the_log_says_so(setting, monkeypatch):
    said = []
    monkeypatch.setattr(
        base_detail_generator, 'print_log', lambda text, *_, **__: said.append(text)
    )
    config = dict(type='mmgen.StyleGANv2Generator', out_size=16, style_channels=16)
    full = BaseDetailGenerator(config, base_size=8)
    assert 'half precision' not in ''.join(said)
    half = BaseDetailGenerator({**config, **setting}, base_size=8)
    assert 'keep it so only if the checkpoint was trained with it' in said[-1]
    half.load_state_dict(full.state_dict())
    with torch.no_grad():
        w = full.mapping(torch.randn(1, 16, generator=torch.Generator().manual_seed(0)))
        w_plus = w[:, None].expand(-1, full.num_latents, -1)
        one, other = full.synthesis(w_plus), half.synthesis(w_plus)
    assert (one - other).abs().max() > 0.05  # rounding to 11 bits would give a thousandth
