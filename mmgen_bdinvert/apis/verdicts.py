# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What verdicts compare with: inversions of a generator's samples, and of the same in pieces."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor

from ..engine.config import pivot_of
from ..geometry import RandomTransform, transform_image
from ..models import LatentStatistics
from ..models.inverters.base_inverter import OptimizationInverter
from ..models.verdict import signs_of
from .inference import init_inverter

__all__ = ['measure_yardstick', 'shuffled', 'with_yardstick']

_MOVES = RandomTransform(shift=0.15, rotate=30.0, scale=(0.75, 1.2))
_TILES = 4  # a side


def measure_yardstick(
    inverter: OptimizationInverter,
    num_samples: int = 64,
    *,
    seed: int = 0,
    batch_size: int = 8,
    progress: Callable[[int, int], object] | None = None,
) -> Tensor:
    """Invert samples of the generator, and the same cut in tiles that are shuffled.

    Every other sample is moved, as photos are. What is in pieces has the colours and textures that
    the generator knows, and shows nothing that it does.

    Args:
        inverter (OptimizationInverter): With encoder, statistics and a perceptual loss.
        num_samples (int): Samples of each kind, 2 or more. Defaults to 64.
        seed (int): Of the samples. Defaults to 0.
        batch_size (int): Images at a time. Defaults to 8.
        progress (Callable | None): Called as ``progress(done, total)``. Defaults to None.

    Returns:
        Tensor: Shape (2, num_samples, 3), for ``LatentStatistics.yardsticks``.

    Raises:
        ValueError: The inverter lacks one of the three.
    """
    rng, generator = torch.Generator().manual_seed(seed), inverter.generator
    rows: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, num_samples, batch_size):
        z = torch.randn(min(batch_size, num_samples - start), generator.style_dim, generator=rng)
        with torch.no_grad():
            w = generator.mapping(z.to(generator.device))
            images = generator.to_rgb(generator.synthesis(generator.to_w_plus(w)))
        for i in range(1, len(images), 2):
            images[i : i + 1] = transform_image(images[i : i + 1], _MOVES.sample(rng))
        for kind, seen in zip(rows, (images, shuffled(images, rng))):
            result = inverter.invert(generator.to_rgb(seen))
            output = generator.to_rgb(result.reconstruction)
            signs = signs_of(inverter, seen, output, result.code)
            if signs is None:
                raise ValueError(
                    f'verdicts need an inversion with encoder, statistics and a loss called '
                    f'perceptual, but got a {type(inverter).__name__} without one of them'
                )
            kind.append(signs)
        if progress is not None:
            progress(start + len(images), num_samples)
    return torch.stack([torch.cat(kind) for kind in rows])


def shuffled(images: Tensor, rng: torch.Generator) -> Tensor:
    """Cut images (n, C, H, W) in 4x4 tiles, and shuffle those of each."""
    n, channels, height, width = images.shape
    tiles = images.unfold(2, height // _TILES, height // _TILES)
    tiles = tiles.unfold(3, width // _TILES, width // _TILES).flatten(2, 3)  # [NCTHW]
    orders = [torch.randperm(_TILES**2, generator=rng).to(images.device) for _ in range(n)]
    mixed = torch.stack([tile[:, order] for tile, order in zip(tiles, orders)])
    rows = mixed.unflatten(2, (_TILES, _TILES)).permute(0, 1, 2, 4, 3, 5)  # [NC4H4W]
    return rows.reshape(n, channels, height, width)


def with_yardstick(
    statistics: LatentStatistics,
    config: Config,
    *,
    num_samples: int = 64,
    seed: int = 0,
    earlier: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> LatentStatistics:
    """Add to statistics what verdicts on the inversions of a config compare with.

    Args:
        statistics (LatentStatistics): Of the config's generator.
        config (Config): That of an inversion; of pivotal tuning, the pivot counts.
        num_samples (int): As for :func:`measure_yardstick`. Defaults to 64.
        seed (int): As for :func:`measure_yardstick`. Defaults to 0.
        earlier (str | os.PathLike | None): A file of statistics that may be there; what it has for
            other base sizes is kept. Defaults to None.
        device (str | torch.device | None): Where it runs. Defaults to the GPU if there is one.
        progress (Callable | None): As for :func:`measure_yardstick`. Defaults to None.

    Returns:
        LatentStatistics: The same, on the CPU.

    Raises:
        FileNotFoundError, ValueError: As :func:`mmgen_bdinvert.apis.init_inverter` and
            :func:`measure_yardstick`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'statistics.safetensors')
        statistics.save(path)
        model = dict(
            pivot_of(config.model), statistics=dict(type='LatentStatistics', path=str(path))
        )
        settings = {**config.to_dict(), 'model': model}
        inverter = init_inverter(Config(settings, filename=config.filename), device=device)
    kept: dict[int, Tensor] = {}
    if earlier is not None and Path(earlier).is_file():
        old = LatentStatistics(earlier)
        kept = old.yardsticks if old.fingerprint == statistics.fingerprint else {}
    found = measure_yardstick(inverter, num_samples, seed=seed, progress=progress)
    statistics.yardsticks = {**kept, inverter.generator.base_size: found}
    return statistics
