# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Statistics of a generator's latent space and the P-norm+ space that they define."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn

from ..io import local_path
from ..io.saved import FileKind, json_fact
from ..io.tensors import floats
from ..utils.numbers import checked_number
from .foreign import convert_line

_BUFFERS = ('mean', 'components', 'eigenvalues')
_NUMBERS = ('slope', 'floor', 'num_samples')
_KIND = FileKind(
    'latent_statistics',
    'file of latent statistics',
    'make one for this generator with tools/latent_stats.py',
    generator='fingerprint',
)
_YARDSTICK = 'verdict_'  # and a base size: names of tensors in a file
# Latents are drawn in blocks of this size: torch's random stream depends on the size of a draw.
_BLOCK = 4096


def merged_moments(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean (D,) and unbiased covariance (D, D) of batches (b, D) in float64.

    Batches are merged (Chan, Golub and LeVeque), for bounded memory without cancellation.
    """
    count, mean, scatter = 0, torch.tensor(0.0), torch.tensor(0.0)
    for x in batches:
        batch_mean = x.mean(0)
        centred = x - batch_mean
        delta = batch_mean - mean
        share = len(x) / (count + len(x))
        scatter = scatter + centred.T @ centred + torch.outer(delta, delta) * (count * share)
        mean = mean + delta * share
        count += len(x)
    return mean, scatter / (count - 1)


@MODULES.register_module()
class LatentStatistics(nn.Module):
    """The P-norm+ space of a generator: ``v = Λ^(-1/2) Cᵀ (x - μ)``, ``x = LeakyReLU(w, 5)``.

    ``μ``, ``C`` and ``Λ`` are mean and principal components of ``x`` over mapped samples, so ``v``
    of a mapped latent has zero mean and unit covariance. Some components hardly vary: FFHQ's
    smallest eigenvalue is 2e-9 of the largest. ``floor`` bounds them from below, to keep float32
    rounding of ``w`` small in ``v``; components under it have less than unit variance.

    Give either ``path`` or the three tensors.

    Args:
        path (str | Path, optional): A file of :meth:`save`.
        mean (Tensor, optional): ``μ``, shape (D,).
        components (Tensor, optional): ``C``, shape (D, D), one orthonormal component per *column*.
        eigenvalues (Tensor, optional): ``Λ``, shape (D,), in any order; stored in descending order.
        slope (float, optional): Slope of the LeakyReLU. Defaults to the file's, or 5.
        floor (float, optional): Least eigenvalue, relative to the largest. Defaults to the file's,
            or 1e-8.
        fingerprint (str): Generator that the statistics belong to. A file of another generator is
            refused; '', here or in the file, fits any.
        num_samples (int): How many latents were measured, for the record.

    Attributes:
        yardsticks (dict[int, Tensor]): What inversions of the generator's samples come to, (m, 3)
            by base size; see :func:`mmgen_bdinvert.models.verdict.strangeness`.

    Raises:
        FileNotFoundError: ``path`` is not a file.
        ValueError: The file or the tensors are no latent statistics, or another generator's; also,
            from the methods, a code whose last dimension is not D.
    """

    mean: Tensor
    components: Tensor
    eigenvalues: Tensor

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        mean: Tensor | None = None,
        components: Tensor | None = None,
        eigenvalues: Tensor | None = None,
        slope: float | None = None,
        floor: float | None = None,
        fingerprint: str = '',
        num_samples: int = 0,
    ) -> None:
        super().__init__()
        tensors = dict(mean=mean, components=components, eigenvalues=eigenvalues)
        given = [name for name in _BUFFERS if tensors[name] is not None]
        if len(given) != (3 if path is None else 0):
            raise ValueError(
                'LatentStatistics takes either path or all of mean, components and eigenvalues, '
                f'but got {"path and " if path is not None else ""}{", ".join(given) or "nothing"}.'
            )
        facts: dict = dict(slope=5.0, floor=1e-8, fingerprint=fingerprint, num_samples=num_samples)
        self.yardsticks: dict[int, Tensor] = {}
        if path is not None:
            file = local_path(path)
            optional = (f'{_YARDSTICK}*',)
            try:
                tensors, read = _KIND.read(file, _BUFFERS, fingerprint, optional)
            except (FileNotFoundError, ValueError) as error:
                line = convert_line(file, 'statistics')
                if line:
                    raise ValueError(line) from error
                raise
            for name in tensors.keys() - set(_BUFFERS):
                value = tensors.pop(name)
                self.yardsticks[_base_size(file, name, value)] = value
            facts = {name: json_fact(file, read, name, None) for name in _NUMBERS}
            facts['fingerprint'] = read['fingerprint']
        chosen = {'slope': slope, 'floor': floor}
        facts.update({name: value for name, value in chosen.items() if value is not None})
        self.slope = checked_number('slope', facts['slope'], above=0)
        self.floor = checked_number('floor', facts['floor'], above=0, below=1)
        self.fingerprint = str(facts['fingerprint'])
        self.num_samples = checked_number('num_samples', facts['num_samples'], least=0, whole=True)
        for name, tensor in zip(_BUFFERS, _checked(path or 'LatentStatistics', **tensors)):
            self.register_buffer(name, floats(tensor, name))

    @classmethod
    def fit(
        cls,
        mapping: Callable[[Tensor], Tensor],
        dim: int,
        *,
        generator: torch.Generator,
        num_samples: int = 1_000_000,
        batch_size: int = _BLOCK,
        slope: float = 5.0,
        floor: float | None = None,
        fingerprint: str = '',
        device: torch.device | str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> LatentStatistics:
        """Measure ``LeakyReLU(mapping(z), slope)`` for standard normal ``z``.

        Args:
            mapping (Callable): ``z`` (b, dim) -> ``w`` (b, D).
            dim (int): Length of ``z``.
            generator (torch.Generator): Draws the latents, on its own device.
            num_samples (int): Number of latents, at least 2.
            batch_size (int): Latents per call of ``mapping``, at most 4096. It does not change the
                samples.
            slope (float): Slope of the LeakyReLU for negative values.
            floor (float, optional): As for the class.
            fingerprint (str): As for the class.
            device (torch.device | str, optional): Where ``mapping`` expects ``z``. Defaults to the
                device of ``generator``.
            progress (Callable, optional): Called as ``progress(done, total)`` after each batch.

        Raises:
            ValueError: A number is out of range, or the mapping gives non-finite or misshapen
                latents.
        """
        if floor is not None:
            checked_number('floor', floor, above=0, below=1)
        checked_number('num_samples', num_samples, least=2, whole=True)
        checked_number('batch_size', batch_size, least=1, whole=True)
        checked_number('slope', slope, above=0)

        @torch.no_grad()
        def batches() -> Iterator[Tensor]:
            for start in range(0, num_samples, _BLOCK):
                block = torch.randn(_BLOCK, dim, generator=generator, device=generator.device)
                block = block[: num_samples - start].to(device or generator.device)
                for i, z in enumerate(block.split(batch_size)):
                    w = mapping(z)
                    if w.ndim != 2 or len(w) != len(z):
                        raise ValueError(
                            f'the mapping must turn z {tuple(z.shape)} into w ({len(z)}, D), '
                            f'but got {tuple(w.shape)}.'
                        )
                    yield F.leaky_relu(w.cpu().to(torch.float64), slope)  # (b, D)
                    if progress is not None:
                        progress(start + i * batch_size + len(z), num_samples)

        mean, covariance = merged_moments(batches())
        if not covariance.isfinite().all():
            raise ValueError('the mapping must give finite latents, but got NaN or infinity.')
        eigenvalues, components = torch.linalg.eigh(covariance)
        # An eigenvector's sign is arbitrary: let its largest entry be positive.
        largest = components.gather(0, components.abs().argmax(0, keepdim=True))  # (1, D)
        components = components * largest.sign()
        eigenvalues = eigenvalues.clamp_min(0)  # rounding leaves constant directions at -1e-17
        moments = dict(mean=mean, components=components, eigenvalues=eigenvalues)
        facts = dict(slope=slope, floor=floor, fingerprint=fingerprint, num_samples=num_samples)
        return cls(**moments, **facts)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole or not at all.

        Raises:
            OutputError: It cannot be written.
        """
        facts = {name: json.dumps(getattr(self, name)) for name in _NUMBERS}
        yardsticks = {f'{_YARDSTICK}{size}': value for size, value in self.yardsticks.items()}
        _KIND.save(path, {**dict(self.named_buffers()), **yardsticks}, facts, self.fingerprint)

    @property
    def deviations(self) -> Tensor:
        """Standard deviations of the components, floored and descending, shape (D,)."""
        return torch.maximum(self.eigenvalues, self.floor * self.eigenvalues[0]).sqrt()

    def whiten(self, w: Tensor) -> Tensor:
        """Take ``w`` (..., D) to P-norm+ space; returns ``v`` (..., D), float32 or better."""
        w = self._prepared(w)
        # Half precision would be off by many deviations along the small components.
        with torch.autocast(w.device.type, enabled=False):
            x = F.leaky_relu(w, self.slope) - self.mean
            return x @ self.components.to(w.dtype) / self.deviations

    def unwhiten(self, v: Tensor) -> Tensor:
        """Take ``v`` (..., D) back to ``w`` (..., D); the inverse of :meth:`whiten`."""
        v = self._prepared(v)
        with torch.autocast(v.device.type, enabled=False):
            x = (v * self.deviations) @ self.components.to(v.dtype).T + self.mean
            return F.leaky_relu(x, 1 / self.slope)

    def clip(self, w: Tensor, limit: float) -> Tensor:
        """Clamp the whitened coordinates of ``w`` (..., D) to [-limit, limit]; returns (..., D).

        This is how the paper uses P-norm space. Style vectors within the limit do not change. A
        limit that is not positive is a ValueError.
        """
        checked_number('the limit of clip', limit, above=0)
        v = self.whiten(w)
        inside = (v.abs() <= limit).all(-1, keepdim=True)
        return torch.where(inside, w.to(v.dtype), self.unwhiten(v.clamp(-limit, limit)))

    def _prepared(self, code: Tensor) -> Tensor:
        if code.shape[-1:] != self.mean.shape:
            raise ValueError(
                f'these latent statistics are for vectors of length {len(self.mean)}, '
                f'but got a tensor of shape {tuple(code.shape)}.'
            )
        return code.to(torch.promote_types(code.dtype, self.mean.dtype))


def _base_size(path: object, name: str, yardstick: Tensor) -> int:
    """Check a yardstick, and return the base size in its name."""
    size, shape = name[len(_YARDSTICK) :], tuple(yardstick.shape)
    if not (size.isdecimal() and len(shape) == 2 and shape[1] == 3 and shape[0] > 1):
        raise ValueError(
            f'{path}: {_YARDSTICK} and a base size names a tensor (m, 3), but got {name} of '
            f'the shape {shape}.'
        )
    return int(size)


def _checked(source: object, mean: Tensor, components: Tensor, eigenvalues: Tensor) -> list[Tensor]:
    """Check the three tensors; return them in float64, eigenvalues descending."""
    mean, components, eigenvalues = (
        torch.as_tensor(tensor).cpu().to(torch.float64)
        for tensor in (mean, components, eigenvalues)
    )
    dim = mean.numel()
    shapes = [tuple(tensor.shape) for tensor in (mean, components, eigenvalues)]
    if dim == 0 or shapes != [(dim,), (dim, dim), (dim,)]:
        raise ValueError(
            f'{source}: mean, components and eigenvalues must have the shapes '
            f'(D,), (D, D) and (D,), but got {", ".join(map(str, shapes))}.'
        )
    if not all(tensor.isfinite().all() for tensor in (mean, components, eigenvalues)):
        raise ValueError(f'{source}: latent statistics must be finite, but got NaN or infinity.')
    if eigenvalues.min() < 0 or eigenvalues.max() == 0:
        raise ValueError(
            f'{source}: eigenvalues must not be negative nor all zero, '
            f'but they lie in [{eigenvalues.min():g}, {eigenvalues.max():g}].'
        )
    error = (components.T @ components - torch.eye(dim).to(components)).abs().max()
    if error > 1e-3:
        raise ValueError(f'{source}: components must be orthonormal, but are off by {error:.2g}.')
    eigenvalues, order = eigenvalues.sort(descending=True)
    return [mean, components[:, order], eigenvalues]
