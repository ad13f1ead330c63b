# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Samples of a generator, from which directions are learnt, and on which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Union

import torch
from torch import Tensor

from ..models import BaseDetailGenerator
from ..structures import LatentCode
from .style_edit import StyleEdit

__all__ = [
    'draw_latents',
    'edit_effect',
    'edited_samples',
    'in_deviations',
    'sample_codes',
    'score_samples',
]

Labeller = Callable[[Tensor], Mapping[str, Tensor]]
Progress = Union[Callable[[int, int], object], None]

_BLOCK = 64  # latents are drawn in blocks, so that more of them do not change the first ones


@torch.no_grad()
def draw_latents(generator: BaseDetailGenerator, count: int, seed: int = 0) -> Tensor:
    """Draw style vectors w (count, D), on the CPU; the first ones are the same for every count.

    Raises:
        ValueError: ``count`` is below 2, of which nothing can be learnt.
    """
    if count < 2:
        raise ValueError(f'Directions need two samples or more, but got {count}.')
    rng = torch.Generator().manual_seed(seed)
    blocks = range(-(-count // _BLOCK))
    z = torch.cat([torch.randn(_BLOCK, generator.style_dim, generator=rng) for _ in blocks])
    parts = z[:count].to(generator.device).split(4096)
    return torch.cat([generator.mapping(part) for part in parts]).cpu()


@torch.no_grad()
def sample_codes(
    generator: BaseDetailGenerator, w: Tensor, *, mixed: bool = False, batch_size: int = 16
) -> Iterator[LatentCode]:
    """Yield the latent codes of style vectors (n, D), in batches on the generator's device.

    With ``mixed``, a code's base comes from its neighbour, so that its style vector is only that of
    the detail code: what is learnt of w then is what an edit of the detail code can do.
    """
    bases = w.roll(1, 0) if mixed else w
    for rows, base_rows in zip(w.split(batch_size), bases.split(batch_size)):
        code = generator.split(generator.to_w_plus(base_rows.to(generator.device)))
        if mixed:
            detail = generator.to_w_plus(rows.to(generator.device))[:, generator.first_detail :]
            code = replace(code, detail=detail)
        yield code


@torch.no_grad()
def score_samples(
    generator: BaseDetailGenerator,
    codes: Iterator[LatentCode],
    labeller: Labeller,
    *,
    total: int = 0,
    progress: Progress = None,
) -> dict[str, Tensor]:
    """Render codes and return a labeller's scores of each attribute, (n,), on the CPU.

    The labeller turns RGB images (b, 3, H, W) in [-1, 1] into a score (b,) for each attribute,
    higher where there is more of it. ``progress(done, total)`` is called after each batch.

    Raises:
        ValueError: The labeller returns something else.
    """
    scores: dict[str, list[Tensor]] = {}
    done = 0
    for code in codes:
        images = generator.to_rgb(generator(code.base, code.detail)).clamp(-1, 1)
        for name, values in labeller(images).items():
            if values.shape != (len(code),):
                raise ValueError(
                    f'A labeller returns one score for each of the {len(code)} images, but for '
                    f'{name!r} it gave the shape {tuple(values.shape)}.'
                )
            scores.setdefault(name, []).append(values.float().cpu())
        done += len(code)
        if progress is not None:
            progress(done, total)
    return {name: torch.cat(parts) for name, parts in scores.items()}


def in_deviations(vector: Tensor, w: Tensor) -> Tensor:
    """Scale a direction (D,) to one standard deviation of w (n, D) along it, in float32."""
    vector, w = vector.cpu().to(torch.float64), w.cpu().to(torch.float64)
    unit = vector / vector.norm()
    return (unit * (w @ unit).std()).float()


@torch.no_grad()
def edited_samples(
    generator: BaseDetailGenerator, direction: StyleEdit, w: Tensor, strength: float
) -> Iterator[LatentCode]:
    """Yield the codes of style vectors (n, D) with their detail codes edited, in batches."""
    for code in sample_codes(generator, w):
        yield replace(code, detail=direction.added(code.detail, strength, generator))


def edit_effect(
    generator: BaseDetailGenerator,
    direction: StyleEdit,
    labeller: Labeller,
    w: Tensor,
    strength: float = 2.0,
) -> dict[str, float]:
    """Return for each attribute the mean difference of its score between two opposite edits.

    It shows what an edit of the detail code changes, the intended and the rest.

    Args:
        generator (BaseDetailGenerator): The generator.
        direction (StyleEdit): Applied with ``strength`` and its opposite.
        labeller (Callable): Turns RGB images (b, 3, H, W) in [-1, 1] into a score (b,) for each
            attribute.
        w (Tensor): Samples that are edited, (n, D).
        strength (float): Defaults to 2.
    """
    more, less = (
        score_samples(generator, edited_samples(generator, direction, w, factor), labeller)
        for factor in (strength, -strength)
    )
    return {name: (more[name] - less[name]).mean().item() for name in more}
