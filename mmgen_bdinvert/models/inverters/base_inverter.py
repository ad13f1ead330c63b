# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The base class of all inverters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmgen.structures import GenDataSample
from torch import Tensor, nn

from ...structures import InversionResult, LatentCode
from ...utils.numbers import checked_number
from ..acceleration.allocator import kept_memory, returned_memory
from ..acceleration.precision import bfloat16_gradients, gains_from_bfloat16_gradients
from ..frozen import HoldsFrozen
from ..losses.latent import follow_generator
from ..parts import build_losses, build_part, build_statistics
from .image_optimizer import checked_optimizer
from .optimization import Optimization, StepCallback
from .targets import checked_mask

__all__ = ['InverterSettings', 'OptimizationInverter', 'StepCallback']


class InverterSettings(TypedDict, total=False):
    """Settings that inverters pass on to :class:`OptimizationInverter`."""

    statistics: dict[str, Any] | nn.Module | None
    optimizer: dict[str, Any] | None
    num_steps: int
    data_preprocessor: dict[str, Any] | None
    keep_best: bool
    amp: bool | str


class OptimizationInverter(HoldsFrozen, BaseModel):
    """Find the code of given images by gradient descent; base class.

    Every image of a batch has its own losses and variables: a batch gives what its images give
    alone. A subclass defines what is optimised (:meth:`start`, :meth:`render`, :meth:`values`,
    :meth:`to_code`, :meth:`edit`) and may change how (:meth:`learning_rate`, :meth:`explore`,
    :meth:`penalties`, :meth:`constrain`).

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        statistics (dict | LatentStatistics | None): P-norm+ statistics of that generator; needed by
            losses that compare detail codes. Defaults to None.
        losses (dict[str, dict | nn.Module | None]): Losses by name, or their configs; None leaves
            one out.
        optimizer (dict | None): Config of a torch optimiser, without parameters. Defaults to Adam
            with lr 0.01.
        num_steps (int): Optimisation steps; 0 gives the first values. Defaults to 1200.
        data_preprocessor (dict | None): Turns RGB uint8 into the generator's order and range.
            Defaults to one that fits the generator.
        keep_best (bool): Whether the result of each image, and the last row of its history, is its
            state with the lowest total loss, not the last one. Defaults to False.
        amp (bool | str): Whether losses and images are computed in bfloat16, about twice as fast on
            processors with bfloat16. 'gradients' computes only gradients in bfloat16, about a fifth
            faster, and reports exact losses; without such a CPU all is float32. Variables,
            optimiser and the final reconstruction are always float32. Defaults to False.

    Raises:
        ValueError: The parts do not fit each other, or a setting is out of range.
    """

    comparable: tuple[str, ...] = ('image', 'base', 'detail')  # what losses may compare
    fixed: tuple[str, ...] = ()  # variables that are not optimised
    reserved: tuple[str, ...] = ('total',)  # names of a history that no loss may take
    max_setbacks: int = 3  # how often an image continues after a non-finite step

    def __init__(
        self,
        generator: dict | nn.Module,
        *,
        losses: Mapping[str, dict | nn.Module | None],
        statistics: dict | nn.Module | None = None,
        optimizer: dict | None = None,
        num_steps: int = 1200,
        data_preprocessor: dict | None = None,
        keep_best: bool = False,
        amp: bool | str = False,
    ):
        num_steps = checked_number('num_steps', num_steps, least=0, whole=True)
        generator = build_part('generator', generator, has='channel_order')
        if data_preprocessor is None:
            data_preprocessor = ImgDataPreprocessor(
                mean=[127.5] * 3, std=[127.5] * 3, rgb_to_bgr=generator.channel_order == 'bgr'
            )
        super().__init__(data_preprocessor=data_preprocessor)
        if statistics is not None:
            statistics = build_statistics(statistics, generator)
        self.hold_frozen(generator, *([] if statistics is None else [statistics]))
        self.losses = build_losses(
            losses,
            type(self).__name__,
            comparable=self.comparable,
            reserved=self.reserved,
            statistics=statistics,
        )
        follow_generator(self.losses.values(), generator)
        optimizer = self.config_defaults()['optimizer'] if optimizer is None else optimizer
        self.optimizer = checked_optimizer(optimizer)
        self.num_steps = num_steps
        self.keep_best = keep_best
        if amp not in (False, True, 'gradients'):
            raise ValueError(f"amp is False, True or 'gradients', but got {amp!r}.")
        self.amp = amp

    @classmethod
    def config_defaults(cls) -> dict:
        """Return what a config may leave out: losses by name, optimiser and number of steps."""
        return dict(losses={}, optimizer=dict(type='Adam', lr=0.01), num_steps=1200)

    @property
    def generator(self) -> nn.Module:
        """BaseDetailGenerator: The frozen generator."""
        return self.frozen

    @property
    def statistics(self) -> nn.Module | None:
        """LatentStatistics | None: Statistics of the generator's style vectors."""
        return self._outside_the_tree[1] if len(self._outside_the_tree) > 1 else None

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Return the first value of every optimised variable, each with the batch first."""
        raise NotImplementedError

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render the variables: images (n, 3, H, W) in the generator's channel order."""
        raise NotImplementedError

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what losses compare as 'base' and 'detail'."""
        raise NotImplementedError

    def to_code(self, variables: dict[str, Tensor]) -> LatentCode:
        """Turn the variables into a latent code."""
        raise NotImplementedError

    def edit(
        self,
        variables: dict[str, Tensor],
        direction,
        strength: float,
        layers: Iterable[int] | None = None,
    ) -> dict[str, Tensor]:
        """Apply a direction or a target to the detail code; returns new variables.

        Args:
            variables (dict[str, Tensor]): Those of an InversionResult.
            direction (StyleEdit): What is added; a ValueError if it does not fit the generator.
            strength (float): Factor of the direction.
            layers (Iterable[int] | None): w+ layers that are edited. Defaults to the direction's
                own, or all.
        """
        detail = direction.added(variables['detail'], strength, self.generator, layers)
        return {**variables, 'detail': detail}

    def outcome(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the result's variables, for :meth:`render` and :meth:`edit`."""
        return variables

    def learning_rate(self, step: int) -> float:
        """Return the factor of the optimiser's learning rate at a step."""
        return 1.0

    def explore(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return what is rendered at a step in place of the variables."""
        return variables

    def penalties(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return further weighted losses (n,) by name; their names are ``reserved``."""
        return {}

    def constrain(self, variables: dict[str, Tensor]) -> None:
        """Project the variables onto what is allowed, in place; called after each step."""

    def fill_hidden(self, images: Tensor, mask: Tensor) -> Tensor:
        """Return images (n, 3, H, W), in which what a mask (n, 1, H, W) hides may be changed.

        Losses do not see it; what predicts a code from images does.
        """
        return images

    def invert(
        self, images: Tensor, callback: StepCallback | None = None, mask: Tensor | None = None
    ) -> InversionResult:
        """Invert a batch of images.

        An image whose loss or gradient becomes non-finite gets its best state back, and continues
        with fresh optimiser moments and half its rate; after ``max_setbacks`` times, or without any
        finite step, it is stopped and named in the log. The other images are not affected.

        Args:
            images (Tensor): Shape (n, 3, H, W) at the generator's resolution, in its channel
                order, in [-1, 1].
            callback (Callable | None): Called before each step and at the end as
                ``callback(step, num_steps, losses, images)``, with the weighted losses by name
                (and ``total``) of shape (n,), and the current images. What it raises ends the
                inversion. Defaults to None.
            mask (Tensor | None): What losses see, (n, 1, H, W) from 0 to 1. Defaults to all. What
                encoders see in the place of the rest, :meth:`fill_hidden` says.

        Raises:
            ValueError: Images or mask have another shape, or are not finite.
        """
        mask = checked_mask(images, mask, self.generator.resolution)
        self.eval()
        images = images.detach()
        if mask is not None:
            images = self.fill_hidden(images, mask)
        memory = returned_memory() if self.generator.checkpointing else kept_memory()
        with torch.enable_grad(), memory:
            return Optimization(self, images, mask).run(callback)

    @property
    def _steady(self) -> bool:
        """bool: Whether all steps are the same, whatever their number."""
        own, plain = type(self), OptimizationInverter
        names = ('learning_rate', 'explore', 'penalties')
        return all(getattr(own, name) is getattr(plain, name) for name in names)

    def precision(self, device: torch.device) -> contextlib.AbstractContextManager:
        """Return the context that losses and images are computed in, see ``amp``."""
        if self.amp == 'gradients':
            gains = gains_from_bfloat16_gradients(device)
            return bfloat16_gradients() if gains else contextlib.nullcontext()
        if self.amp:
            return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
        return contextlib.nullcontext()  # the caller's autocast, if there is one, stays

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'predict'):
        """Invert images, as in :meth:`invert`, in mmengine's ``test_step``.

        Mode 'predict' fills a GenDataSample for each image, one of ``data_samples`` or a new one,
        with ``target`` and ``reconstruction`` (RGB, (3, H, W)), ``code`` (LatentCode), ``history``,
        ``stopped_at`` and ``setbacks``; 'tensor' gives the InversionResult.
        """
        if mode not in ('predict', 'tensor'):
            raise ValueError(
                f"{type(self).__name__} is not trained: mode is 'predict' or 'tensor', but got "
                f'{mode!r}. To train an encoder, give tools/train.py a bdinvert_enc_* config.'
            )
        result = self.invert(inputs)
        if mode == 'tensor':
            return result
        samples = data_samples or [GenDataSample() for _ in range(len(inputs))]
        targets, outputs = map(self.generator.to_rgb, (inputs, result.reconstruction))
        for i, sample in enumerate(samples):
            sample.target, sample.reconstruction = targets[i], outputs[i]
            sample.set_field(result.code[i], 'code')
            sample.set_field({k: v[:, i].tolist() for k, v in result.history.items()}, 'history')
            for name in ('stopped_at', 'setbacks'):
                sample.set_field(int(getattr(result, name)[i]), name)
        return samples
