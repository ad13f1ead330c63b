# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The optimisation loop that all inverters share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmgen.registry import MODULES
from torch import Tensor, nn

from ...structures import InversionResult, LatentCode
from ...utils.numbers import checked_number
from .. import acceleration
from ..acceleration.allocator import kept_memory, returned_memory
from ..acceleration.cuda_graph import CudaGraphStep
from ..acceleration.precision import bfloat16_gradients, gains_from_bfloat16_gradients
from ..frozen import HoldsFrozen
from ..losses.building import build_losses
from ..parts import build_part
from .image_optimizer import ImageOptimizer, checked_optimizer
from .image_state import ImageState
from .results import StepCallback, filled_samples
from .step import InversionStep
from .targets import checked_mask, covered

__all__ = ['OptimizationInverter', 'StepCallback']


class OptimizationInverter(HoldsFrozen, BaseModel):
    """Find the code of given images by gradient descent; base class.

    Every image of a batch has its own losses and variables: a batch gives what images give alone.
    A subclass says what is optimised (:meth:`start`, :meth:`render`, :meth:`values`,
    :meth:`to_code`, :meth:`edit`) and may say how (:meth:`learning_rate`, :meth:`explore`,
    :meth:`penalties`, :meth:`constrain`).

    Args:
        generator (dict | BaseDetailGenerator): The generator, or its config.
        statistics (dict | LatentStatistics | None): P-norm+ statistics of that generator; needed by
            losses that compare detail codes. Defaults to None.
        losses (dict[str, dict | nn.Module | None]): Losses by name, or their configs; None in the
            place of one leaves it out.
        optimizer (dict | None): Config of a torch optimiser, without parameters. Defaults to Adam
            with lr 0.01.
        num_steps (int): Optimisation steps; with 0 the first values are the result. Defaults to
            1200.
        data_preprocessor (dict | None): Turns RGB uint8 into the generator's order and range.
            Defaults to one that fits the generator.
        keep_best (bool): Whether the result of each image, and the last row of its history, is its
            state of the lowest total loss, not the last one. Defaults to False.
        amp (bool | str): Whether losses and images are computed in bfloat16, about twice as fast
            where the processor has it. 'gradients' computes them in float32, and only their
            gradients in bfloat16: a good fifth faster, and as exact in all it reports; it needs a
            CPU with bfloat16, and is float32 elsewhere. Variables, optimiser and the final
            reconstruction stay in float32. Defaults to False.

    Raises:
        ValueError: If the parts do not fit each other, or a setting is out of range.
    """

    comparable: tuple[str, ...] = ('image', 'base', 'detail')  # what losses may compare
    fixed: tuple[str, ...] = ()  # variables that are not optimised
    reserved: tuple[str, ...] = ('total',)  # names of a history that no loss may take
    _mask: Tensor | None = None  # of the images that are inverted
    max_setbacks: int = 3  # how often an image goes on after a step that was not finite

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
        self.hold_frozen(generator)
        if isinstance(statistics, dict):
            statistics = MODULES.build({**statistics, 'fingerprint': generator.fingerprint})
        if statistics is not None:
            statistics = build_part('statistics', statistics, has='whiten')
        if statistics is not None and statistics.fingerprint not in ('', generator.fingerprint):
            raise ValueError(
                f'The latent statistics are those of another generator (fingerprint '
                f'{statistics.fingerprint[:12]}…, this one is {generator.fingerprint[:12]}…): fit '
                f'them for this one with tools/latent_stats.py.'
            )
        self._statistics = (statistics,)  # outside the tree: it has a file of its own
        self.losses = build_losses(
            losses,
            type(self).__name__,
            comparable=self.comparable,
            reserved=self.reserved,
            statistics=statistics,
        )
        self.optimizer = checked_optimizer(
            dict(type='Adam', lr=0.01) if optimizer is None else optimizer
        )
        self.num_steps = num_steps
        self.keep_best = keep_best
        if amp not in (False, True, 'gradients'):
            raise ValueError(f"amp is False, True or 'gradients', but got {amp!r}.")
        self.amp = amp

    @property
    def generator(self) -> nn.Module:
        """BaseDetailGenerator: The frozen generator."""
        return self.frozen

    @property
    def statistics(self) -> nn.Module | None:
        """LatentStatistics | None: Statistics of the generator's style vectors."""
        return self._statistics[0]

    def _apply(self, fn, *args, **kwargs):
        if self.statistics is not None:
            self.statistics._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def start(self, images: Tensor) -> dict[str, Tensor]:
        """Return the first value of every optimised variable, each with the batch first."""
        raise NotImplementedError

    def render(self, variables: dict[str, Tensor]) -> Tensor:
        """Render the variables: images (n, 3, H, W) in the generator's channel order."""
        raise NotImplementedError

    def values(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what losses of the kinds 'base' and 'detail' see of the variables."""
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
        """Add a direction to the style vectors; returns new variables for :meth:`render`.

        Args:
            variables (dict[str, Tensor]): Those of an InversionResult.
            direction (Direction): What is added; a ValueError if it does not fit the generator.
            strength (float): Its factor.
            layers (Iterable[int] | None): w+ layers that are edited. Defaults to all there are.
        """
        raise NotImplementedError

    def outcome(self, variables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the variables as the result has them, for :meth:`render` and :meth:`edit`."""
        return variables

    def learning_rate(self, step: int) -> float:
        """Return the factor of the optimiser's learning rate at a step."""
        return 1.0

    def explore(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return what is rendered at a step in place of the variables."""
        return variables

    def penalties(self, variables: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return further weighted loss terms (n,) by name; their names are ``reserved``."""
        return {}

    def constrain(self, variables: dict[str, Tensor]) -> None:
        """Bring the variables in place to where they may be; called after each step."""

    def invert(
        self, images: Tensor, callback: StepCallback | None = None, mask: Tensor | None = None
    ) -> InversionResult:
        """Invert a batch of images.

        An image whose loss or gradient becomes non-finite gets its best state back, and goes on
        from there with fresh moments and half its rate; after ``max_setbacks`` times, or without
        any finite step, it is stopped and named in the log. The others are not touched.

        Args:
            images (Tensor): Shape (n, 3, H, W) at the generator's resolution, in its channel
                order, in [-1, 1].
            callback (Callable | None): Called before each step and at the end as
                ``callback(step, num_steps, losses, images)``, with the weighted losses by name
                (and ``total``) of shape (n,), and the current images. Defaults to None.
            mask (Tensor | None): What losses see, (n, 1, H, W) from 0 to 1. Defaults to all.

        Returns:
            InversionResult: Codes, reconstructions and loss histories.

        Raises:
            ValueError: If images or mask are not of this shape, or not finite.
        """
        self._mask = checked_mask(images, mask, self.generator.resolution)
        self.eval()
        memory = returned_memory() if self.generator.checkpointing else kept_memory()
        with torch.enable_grad(), memory:
            return self._optimise(images.detach(), callback)

    def _optimise(self, images: Tensor, callback: StepCallback | None) -> InversionResult:
        with torch.no_grad():
            first = self.start(images)
            references = {'image': self.generator.to_rgb(images), 'detail': self.statistics}
            references['base'] = self.values(first).get('base')
            with self._precision(images):
                states = {k: v.prepare(references[v.compares]) for k, v in self.losses.items()}
        variables = {k: v.detach().clone() for k, v in first.items()}
        state = ImageState(variables, self.max_setbacks)
        optimised = [v.requires_grad_() for k, v in variables.items() if k not in self.fixed]
        optimizer = ImageOptimizer(self.optimizer, optimised, self.learning_rate)

        def evaluate(step: int) -> tuple[dict[str, Tensor], Tensor]:
            with self._precision(images):
                output = self.render(self.explore(variables, step))
                shown = self.generator.to_rgb(covered(output, images, self._mask))
                seen = {'image': shown, **self.values(variables)}
                terms = {
                    name: loss.loss_weight * loss(seen[loss.compares], states[name])
                    for name, loss in self.losses.items()
                }
                terms.update(self.penalties(variables, step))
            return {**terms, 'total': sum(terms.values())}, output

        step = InversionStep(evaluate, variables, optimised, optimizer, state, self.constrain)
        graphed = images.is_cuda and self._steady and optimizer.capturable
        advance = CudaGraphStep(step) if graphed and acceleration.enabled() else step
        history: list[Tensor] = []  # of shape (losses, n)
        for number in range(self.num_steps):
            terms, output = advance(number)
            history.append(torch.stack(list(terms.values())))
            if callback is not None:
                callback(number, self.num_steps, dict(zip(terms, history[-1])), output.clone())
        terms, output, restored = step.finish(self.num_steps, self.keep_best)
        history.append(torch.stack(list(terms.values())))
        if callback is not None:
            callback(self.num_steps, self.num_steps, dict(zip(terms, history[-1])), output)

        with torch.no_grad():
            state.log_stopped()
            variables = {k: v.detach() for k, v in variables.items()}
            losses = dict(zip(terms, torch.stack(history, 1)))
            for values in losses.values():
                best = values.gather(0, state.best_at[None])[0]
                values[-1] = torch.where(restored, best, values[-1])
            return InversionResult(
                code=self.to_code(variables),
                reconstruction=self.render(variables),
                history={name: values.cpu() for name, values in losses.items()},
                stopped_at=state.stopped_at.cpu(),
                setbacks=state.setbacks.cpu(),
                variables=self.outcome(variables),
            )

    @property
    def _steady(self) -> bool:
        """Whether a step does the same whatever its number."""
        own, plain = type(self), OptimizationInverter
        names = ('learning_rate', 'explore', 'penalties')
        return all(getattr(own, name) is getattr(plain, name) for name in names)

    def _precision(self, images: Tensor) -> contextlib.AbstractContextManager:
        if self.amp == 'gradients':
            gains = gains_from_bfloat16_gradients(images.device)
            return bfloat16_gradients() if gains else contextlib.nullcontext()
        if self.amp:
            return torch.autocast(images.device.type, torch.bfloat16, cache_enabled=False)
        return contextlib.nullcontext()  # the caller's autocast, if there is one, stays

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'predict'):
        """Invert images in mmengine's ``test_step``.

        Args:
            inputs (Tensor): Images as in :meth:`invert`.
            data_samples (list[GenDataSample] | None): One for each image, filled in and returned.
            mode (str): 'predict' gives a list of GenDataSample with ``target`` and
                ``reconstruction`` (RGB, (3, H, W)), ``code`` (LatentCode), ``history``,
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
        return filled_samples(result, inputs, data_samples, self.generator.to_rgb)
