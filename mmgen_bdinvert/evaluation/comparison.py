# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""BDInvert against plain W+ inversion: same generator, images, losses, optimiser and steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmgen.registry import MODULES
from torch import Tensor

from ..models import RegularizedInverter, WPlusInverter
from .functional import psnr

__all__ = ['compare_with_w_plus', 'w_plus_baseline']


def w_plus_baseline(inverter: RegularizedInverter) -> WPlusInverter:
    """Return the W+ inverter that shares generator, image losses, optimiser and steps.

    Args:
        inverter (RegularizedInverter): The inverter to compare with.

    Returns:
        WPlusInverter: Without encoder and without regularisers.
    """
    baseline = WPlusInverter(
        inverter.generator,
        losses={},
        optimizer=inverter.optimizer,
        num_steps=inverter.num_steps,
    )
    baseline.losses.update({k: v for k, v in inverter.losses.items() if v.compares == 'image'})
    return baseline


def compare_with_w_plus(
    inverter: RegularizedInverter,
    images: Tensor,
    *,
    judges: dict[str, dict],
    batch_size: int = 16,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, dict[str, Tensor]]:
    """Invert images with both methods and measure them.

    Args:
        inverter (RegularizedInverter): BDInvert.
        images (Tensor): RGB in [-1, 1] of shape (n, 3, H, W) at the generator's resolution.
        judges (dict[str, dict]): Perceptual losses by name that only measure.
        batch_size (int): Images at a time. Defaults to 16.
        progress (Callable | None): Called as ``progress(method, step, num_steps)``.

    Returns:
        dict[str, dict[str, Tensor]]: For 'w_plus' and 'bdinvert': ``psnr``, the judges' distances
        and ``v2``, the mean squared length of the style vectors in P-norm+ space (if the inverter
        has statistics), each (n,); and ``images`` (n, 3, H, W), RGB in [-1, 1].
    """
    networks = {name: MODULES.build(cfg) for name, cfg in judges.items()}
    methods = {'w_plus': w_plus_baseline(inverter), 'bdinvert': inverter}
    results = {}
    for method, model in methods.items():
        callback = None
        if progress is not None:
            callback = lambda step, total, *_, name=method: progress(name, step, total)  # noqa: E731
        rows: dict[str, list[Tensor]] = {}
        for batch in images.split(batch_size):
            result = model.invert(model.generator.to_rgb(batch), callback)
            output = model.generator.to_rgb(result.reconstruction).clamp(-1, 1)
            values = {'images': output, 'psnr': psnr(output, batch)}
            with torch.no_grad():
                for name, network in networks.items():
                    values[name] = network(output, network.prepare(batch))
                if inverter.statistics is not None:
                    v = inverter.statistics.whiten(result.code.detail)
                    values['v2'] = v.square().mean((1, 2))
            for name, value in values.items():
                rows.setdefault(name, []).append(value)
        results[method] = {name: torch.cat(parts) for name, parts in rows.items()}
    return results
