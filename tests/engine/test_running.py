# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from pathlib import Path

from mmengine.config import Config

from mmgen_bdinvert.engine import running

ROOT = Path(__file__).parents[2]


def test_amp_reaches_every_optimiser(monkeypatch):
    monkeypatch.setattr(running, 'get_device', lambda: 'cuda')
    amp = dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype='bfloat16')
    one = Config.fromfile(ROOT / 'configs/bdinvert_enc_toon64.py')
    running.use_amp(one)
    assert one.optim_wrapper == dict(amp, optimizer=dict(type='Adam', lr=0.001))
    two = Config.fromfile(ROOT / 'configs/stylegan2_toon64.py')
    before = two.optim_wrapper.to_dict()
    running.use_amp(two)
    assert two.optim_wrapper.pop('constructor') == before.pop('constructor')
    assert set(two.optim_wrapper) == {'generator', 'discriminator'}
    for name, wrapper in two.optim_wrapper.items():
        assert wrapper == dict(amp, **before[name])
    half = Config(dict(optim_wrapper=dict(optimizer=dict(type='Adam'), dtype='float16')))
    running.use_amp(half)
    assert half.optim_wrapper.dtype == 'float16'
