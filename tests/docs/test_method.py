# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The plain loop of the documentation is what RegularizedInverter does."""

import importlib.util
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / 'docs/examples/method.py'
if not EXAMPLE.is_file():
    pytest.skip('needs the documentation', allow_module_level=True)

STEPS = 6
PAPER = dict(
    pixel=dict(type='PixelMSELoss', loss_weight=1.0),
    perceptual=dict(type='STLPIPSLoss', loss_weight=10.0),
    base=dict(type='BaseCodeDistance', loss_weight=10.0),
    detail=dict(type='PNormLoss', loss_weight=0.01),
)


def test_it_has_forty_lines_or_fewer():
    assert len(EXAMPLE.read_text(encoding='utf-8').splitlines()) <= 40


def test_it_is_the_inverter_step_by_step(make_inverter):
    spec = importlib.util.spec_from_file_location('method', EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    settings = dict(losses=PAPER, optimizer=dict(type='Adam', lr=0.01))
    inverter, shown = make_inverter(num_steps=STEPS, **settings), []
    result = inverter.invert(images, lambda *state: shown.append(state[-1].detach()))
    generator = inverter.generator
    codes = list(
        module.regularised_inversion(
            images,
            generator,
            inverter.encoder,
            inverter.statistics,
            inverter.losses['perceptual'],
            steps=STEPS,
        )
    )
    assert len(codes) == len(shown) == STEPS + 1
    for code, image in zip(codes, shown):
        with torch.no_grad():
            torch.testing.assert_close(generator.render(code), image, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(codes[-1].base, result.code.base, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(codes[-1].detail, result.code.detail, rtol=1e-5, atol=1e-5)
    assert (shown[-1] - shown[0]).abs().max() > 0.01
