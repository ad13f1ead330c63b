# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Errors of a step's images and gradients, against mmgen's modules in float64."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from statistics import median

import torch
from torch import Tensor

from mmgen_bdinvert.models.acceleration.precision import bfloat16_gradients

from .plain import PlainInversion
from .setting import Setting

__all__ = ['measure_errors']

_POINTS = 3
_NAMES = ('error of the image', 'of the gradient, base code', 'of the gradient, detail code')


def measure_errors(
    setting: Setting, precisions: Mapping[str, bool | str]
) -> dict[str, dict[str, float]]:
    """Compare the first image of a setting at three codes near the start of its inversion.

    Args:
        setting (Setting): What is inverted.
        precisions (Mapping[str, bool | str]): ``amp`` of an inverter by side.

    Returns:
        dict[str, dict[str, float]]: By quantity and side, the baseline's float32 included: the norm
        of the difference, relative to that of the exact one, the median of the codes. The gradients
        are those of pixel and perceptual loss.
    """
    setting = setting.part(0, 1)
    plain = PlainInversion(setting)
    rng = torch.Generator().manual_seed(0)
    points = [
        [
            value.detach() + spread * torch.randn(value.shape, generator=rng).to(value)
            for value, spread in ((plain.base, 0.1), (plain.detail, 0.3))
        ]
        for _ in range(_POINTS)
    ]

    def by_mmgen(base: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        image = plain.render(base, detail)
        return image, plain.total(plain.image_terms(image, plain.target.to(image))).sum()

    def by_us(base: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        image = setting.generator.to_rgb(setting.generator(base, detail))
        with torch.no_grad():
            target = setting.perceptual.prepare(plain.target)
        terms = {
            'pixel': (image - plain.target).square().mean((1, 2, 3)),
            'perceptual': setting.perceptual(image, target),
        }
        return image, plain.total(terms).sum()

    found = {'plain': [_value_and_gradients(by_mmgen, codes) for codes in points]}
    for side, amp in precisions.items():
        with _precision(amp, setting.device):
            found[side] = [_value_and_gradients(by_us, codes) for codes in points]
    plain.host.double()
    plain.lpips.double()
    exact = [_value_and_gradients(by_mmgen, [c.double() for c in codes]) for codes in points]
    return {
        name: {
            side: median(_relative(ours[i], theirs[i]) for ours, theirs in zip(values, exact))
            for side, values in found.items()
        }
        for i, name in enumerate(_NAMES)
    }


def _precision(amp: bool | str, device: torch.device) -> contextlib.AbstractContextManager:
    if amp == 'gradients':
        return bfloat16_gradients()
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(amp))


def _value_and_gradients(
    render: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], codes: list[Tensor]
) -> tuple[Tensor, ...]:
    leaves = [code.clone().requires_grad_() for code in codes]
    image, loss = render(*leaves)
    return image.detach(), *torch.autograd.grad(loss, leaves)


def _relative(value: Tensor, exact: Tensor) -> float:
    return float((value.double() - exact).norm() / exact.norm())
