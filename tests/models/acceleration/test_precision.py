# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.models.acceleration.precision import (
    bfloat16_gradients,
    gains_from_bfloat16_gradients,
    gradient_dtype,
)


def test_bfloat16_gradients_are_those_of_float32_alone():
    assert gradient_dtype(torch.float32) == torch.float32
    with bfloat16_gradients():
        found = [gradient_dtype(t) for t in (torch.float32, torch.bfloat16, torch.float64)]
    assert found == [torch.bfloat16, torch.bfloat16, torch.float64]
    with pytest.raises(RuntimeError), bfloat16_gradients():
        raise RuntimeError
    assert gradient_dtype(torch.float32) == torch.float32


def test_gains_are_known_of_x86_alone(monkeypatch):
    for supported in (True, False):
        monkeypatch.setattr(
            torch.cpu, '_is_avx512_bf16_supported', lambda s=supported: s, raising=False
        )
        assert gains_from_bfloat16_gradients(torch.device('cpu')) == supported
        assert not gains_from_bfloat16_gradients(torch.device('cuda'))
    monkeypatch.delattr(torch.cpu, '_is_avx512_bf16_supported')  # before torch 2.5
    assert not gains_from_bfloat16_gradients(torch.device('cpu'))
