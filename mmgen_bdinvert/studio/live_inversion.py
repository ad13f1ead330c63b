# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""An inversion that shows its progress and can be cancelled."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..apis import invert
from ..io import tensor_to_image
from ..models.inverters.base_inverter import OptimizationInverter
from ..structures import InversionResult

_LOOKS = 25  # about how many pictures of an inversion are shown


class InversionCancelled(Exception):
    """An inversion was cancelled before it had a result."""


@dataclass(frozen=True, eq=False, repr=False)
class InversionStep:
    """The state of an inversion.

    Args:
        step (int): Steps that are done.
        num_steps (int): Steps in all.
        losses (dict[str, float]): Weighted losses by name, ``total`` among them.
        picture (np.ndarray): RGB uint8 (H, W, 3), of the code at this step.
        seconds_left (float | None): Estimate; None before there is one.
        result (InversionResult | None): With the last one only.
    """

    step: int
    num_steps: int
    losses: dict[str, float]
    picture: np.ndarray
    seconds_left: float | None
    result: InversionResult | None = None


def watch_inversion(
    inverter: OptimizationInverter, photo: np.ndarray, cancelled: threading.Event
) -> Iterator[InversionStep]:
    """Invert one photo in its own thread, and yield its state about 25 times.

    If the iterator is left early, the inversion is cancelled too; it ends with its current step.

    Args:
        inverter (OptimizationInverter): From :func:`mmgen_bdinvert.apis.init_inverter`.
        photo (np.ndarray): RGB uint8 (H, W, 3).
        cancelled (threading.Event): Ends the inversion when it is set.

    Yields:
        InversionStep: The last one has the result.

    Raises:
        InversionCancelled: ``cancelled`` was set before there was a result.
        Exception: What :func:`mmgen_bdinvert.apis.invert` raises.
    """
    steps: queue.Queue[InversionStep | BaseException] = queue.Queue()
    began, generator, total = time.monotonic(), inverter.generator, inverter.num_steps

    def look(step: int, num_steps: int, losses: dict[str, Tensor], images: Tensor) -> None:
        nonlocal total
        total = num_steps  # pivotal tuning counts the pivot's steps too
        if cancelled.is_set():
            raise InversionCancelled(f'cancelled at step {step} of {num_steps}')
        if step % max(num_steps // _LOOKS, 1) and step != num_steps:
            return
        seconds = time.monotonic() - began
        steps.put(
            InversionStep(
                step,
                num_steps,
                {name: float(values.mean()) for name, values in losses.items()},
                # The inverter itself stops a diverging image, and still returns a result.
                tensor_to_image(images[0].nan_to_num(), generator.channel_order),
                seconds / step * (num_steps - step) if step else None,
            )
        )

    def work() -> None:
        try:
            result = invert(inverter, photo, callback=look)
            picture = tensor_to_image(result.reconstruction[0], generator.channel_order)
            losses = {name: float(values[-1, 0]) for name, values in result.history.items()}
            steps.put(InversionStep(total, total, losses, picture, 0.0, result))
        except BaseException as error:  # raised by the iterator
            steps.put(error)

    worker = threading.Thread(target=work, name='inversion', daemon=True)
    worker.start()
    try:
        while True:
            item = steps.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if item.result is not None:
                return
    finally:
        cancelled.set()
        worker.join()
