# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How an inversion is watched, and how mmengine's test loop gets its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmgen.structures import GenDataSample
from torch import Tensor

from ...structures import InversionResult

__all__ = ['StepCallback', 'filled_samples']

# Called before every step and at the end: (step, num_steps, losses by name of shape (n,), images).
StepCallback = Callable[[int, int, dict[str, Tensor], Tensor], None]


def filled_samples(
    result: InversionResult,
    inputs: Tensor,
    samples: Sequence[GenDataSample] | None,
    to_rgb: Callable[[Tensor], Tensor],
) -> Sequence[GenDataSample]:
    """Fill one data sample for each image (n, 3, H, W), with pictures in RGB."""
    samples = samples or [GenDataSample() for _ in range(len(inputs))]
    targets, outputs = map(to_rgb, (inputs, result.reconstruction))
    for i, sample in enumerate(samples):
        sample.target, sample.reconstruction = targets[i], outputs[i]
        sample.set_field(result.code[i], 'code')
        sample.set_field({k: v[:, i].tolist() for k, v in result.history.items()}, 'history')
        for name in ('stopped_at', 'setbacks'):
            sample.set_field(int(getattr(result, name)[i]), name)
    return samples
