# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Invert, render and edit images from Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Union

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmgen.registry import MODELS, MODULES
from torch import Tensor

from bdinvert_cli.sentences import one_sentence

from ..editing import Direction, StyleEdit, find_direction, load_direction, named_directions
from ..engine.config import named_backbones, pivot_of
from ..io import tensor_to_images
from ..jobs.batch_size import fitting_batch, is_out_of_memory
from ..models import BaseDetailGenerator
from ..models.inverters.base_inverter import OptimizationInverter, StepCallback
from ..structures import InversionResult, LatentCode
from ..utils.device import check_device
from ..utils.numbers import checked_number, finite_number
from .config import ConfigLike, load_config
from .images import ImageLike, to_masks, with_sides

__all__ = ['edit', 'generator_of', 'init_generator', 'init_inverter', 'invert', 'render']

Renderer = Union[OptimizationInverter, BaseDetailGenerator]


def init_inverter(
    config: ConfigLike,
    checkpoint: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    cfg_options: Mapping[str, Any] | None = None,
) -> OptimizationInverter:
    """Build an inverter with its generator, encoder, statistics and losses.

    Args:
        config (str | os.PathLike | Config): A config file, a config, or the name of a shipped one.
        checkpoint (str | os.PathLike | None): Weights of the encoder instead of the config's.
            Defaults to None.
        device (str | torch.device | None): Defaults to the GPU if there is one.
        cfg_options (Mapping[str, Any] | None): Settings to override, such as
            ``{'model.num_steps': 300}``. Defaults to None.

    Returns:
        OptimizationInverter: In evaluation mode; ``cfg`` is its config.

    Raises:
        FileNotFoundError: The config, or a file that it names, does not exist.
        ValueError: The config, its parts or the device do not fit; the message is one sentence.

    Example:
        >>> inverter = init_inverter('bdinvert_inv_toon64', device='cpu')
        >>> inverter.generator.resolution
        64
    """
    device = check_device(device)
    cfg = load_config(config, cfg_options)
    init_default_scope('mmgen')
    kind = cfg.model.get('type')
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    if isinstance(kind, type) and not issubclass(kind, OptimizationInverter):
        raise ValueError(
            f'The config builds a {kind.__name__}, which inverts nothing: give a config of an '
            f'inverter, such as bdinvert_inv_toon64.'
        )
    if checkpoint is not None:
        model = pivot_of(cfg.model)
        if not isinstance(model.get('encoder'), dict):
            raise ValueError(
                f'A checkpoint is for the encoder, but the config has none, only a '
                f'{cfg.model.type}: leave the checkpoint out.'
            )
        model.encoder.checkpoint = os.fspath(checkpoint)
    with named_backbones(cfg, 'model'):
        inverter = _build(MODELS.build, cfg.model).to(device).eval()
    inverter.cfg = cfg
    return inverter


def init_generator(
    config: ConfigLike,
    device: str | torch.device | None = None,
    cfg_options: Mapping[str, Any] | None = None,
) -> BaseDetailGenerator:
    """Build the generator of an inverter's config alone, which is all that editing needs.

    Arguments and errors are those of :func:`init_inverter`.

    Returns:
        BaseDetailGenerator: In evaluation mode; ``cfg`` is its config.

    Example:
        >>> generator = init_generator('bdinvert_inv_toon64', device='cpu')
        >>> generator.base_shape[1:], generator.first_detail, generator.num_detail
        ((16, 16), 4, 6)
    """
    device = check_device(device)
    cfg = load_config(config, cfg_options)
    init_default_scope('mmgen')
    model = pivot_of(cfg.model)
    if not isinstance(model.get('generator'), dict):
        raise ValueError('The config has no model.generator: give the config of an inverter.')
    generator = _build(MODULES.build, model.generator).to(device).eval()
    generator.cfg = cfg
    return generator


def invert(
    inverter: OptimizationInverter,
    images: ImageLike | Sequence[ImageLike] | Tensor,
    *,
    masks: ImageLike | Sequence[ImageLike] | Tensor | None = None,
    fit: str = 'crop',
    batch_size: int = 8,
    callback: StepCallback | None = None,
) -> InversionResult:
    """Find base and detail codes of images (paper, section 3.4).

    Args:
        inverter (OptimizationInverter): From :func:`init_inverter`.
        images (ImageLike | Sequence[ImageLike] | Tensor): A path, a PIL image, an RGB uint8 array
            (H, W, 3), a list of such; or an RGB float tensor (n, 3, H, W) in [-1, 1]. They are
            resized to the generator's resolution.
        masks (ImageLike | Sequence[ImageLike] | Tensor | None): What of each image counts, as large
            as the image: white where it does, black where it does not, as at a hand before a face;
            or a tensor (n, 1, H, W) from 0 to 1. Another size of the same aspect ratio will do, and
            so will one mask for all images. Defaults to None, everything.
        fit (str): How to make an image square: ``'crop'`` keeps the centre, ``'pad'`` adds bars,
            ``'squash'`` changes the aspect ratio. Defaults to 'crop'.
        batch_size (int): Images at a time, at most: fewer if memory does not suffice. Defaults to
            8.
        callback (Callable | None): Called before each step, and after the last one, of every batch
            as ``callback(step, num_steps, losses, images)``; see
            :meth:`OptimizationInverter.invert`. Defaults to None.

    Returns:
        InversionResult: For all n images, in their order.

    Raises:
        TypeError: An image is of another type.
        ValueError: An image cannot be read or used, or an argument is wrong.

    Example:
        >>> result = invert(inverter, ['photo.png', 'photo.png'])
        >>> result.reconstruction.shape
        torch.Size([2, 3, 64, 64])
        >>> result.code[0].save('code.safetensors')
    """
    checked_number('batch_size', batch_size, least=1, whole=True)
    generator = inverter.generator
    batch, sides = with_sides(images, generator.resolution, generator.channel_order, fit)
    counts = None if masks is None else to_masks(masks, sides, generator.resolution, fit)
    parts, size = [], min(len(batch), fitting_batch(inverter, batch_size))
    while len(batch):
        shown = {} if counts is None else {'mask': counts[:size]}
        try:
            parts.append(inverter.invert(batch[:size].to(generator.device), callback, **shown))
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
            size = size // 2
            print_log(f'Memory does not suffice: {size} images at a time.', 'current')
        else:
            batch = batch[size:]
            counts = None if counts is None else counts[size:]
    return InversionResult(
        code=LatentCode.cat([p.code for p in parts]),
        reconstruction=torch.cat([p.reconstruction for p in parts]),
        history={k: torch.cat([p.history[k] for p in parts], 1) for k in parts[0].history},
        stopped_at=torch.cat([p.stopped_at for p in parts]),
        setbacks=torch.cat([p.setbacks for p in parts]),
        variables={k: torch.cat([p.variables[k] for p in parts]) for k in parts[0].variables},
    )


def render(inverter: Renderer, code: LatentCode, *, batch_size: int = 8) -> list[np.ndarray]:
    """Render pictures of latent codes: ``I = G(f, w_M+)`` (paper, equation 1).

    Coarse colours, tuned weights and noise maps that a code carries are used too.

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Has the generator.
        code (LatentCode): n codes, on any device.
        batch_size (int): Images at a time. Defaults to 8.

    Returns:
        list[np.ndarray]: n pictures, RGB uint8 (H, W, 3).

    Raises:
        ValueError: The code was made with another generator.

    Example:
        >>> pictures = render(inverter, LatentCode.load('code.safetensors'))
        >>> pictures[0].shape, pictures[0].dtype
        ((64, 64, 3), dtype('uint8'))
    """
    generator = generator_of(inverter)
    generator.check_code(code)
    pictures: list[np.ndarray] = []
    with torch.no_grad():
        for start in range(0, len(code), batch_size):
            images = generator.render(code[start : start + batch_size].to(generator.device))
            pictures += tensor_to_images(images, generator.channel_order)
    return pictures


def edit(
    inverter: Renderer,
    code: LatentCode,
    direction: StyleEdit | Tensor | str | os.PathLike,
    strength: float = 1.0,
    layers: Iterable[int] | None = None,
) -> LatentCode:
    """Edit the meaning of images by their detail codes alone: ``w_M+ + strength · direction``.

    A target adds what the style vectors lack instead, see :class:`mmgen_bdinvert.editing.Target`.

    Args:
        inverter (OptimizationInverter | BaseDetailGenerator): Has the generator.
        code (LatentCode): n codes.
        direction (StyleEdit | Tensor | str | os.PathLike): A Direction or a Target, vectors (D,),
            (1, D) or (N, D), the name of one of this generator's, or a file for
            :func:`mmgen_bdinvert.editing.load_direction`. Of (N, D) the rows of the detail code's
            layers are used.
        strength (float): Factor of the direction; negative values reverse it. Defaults to 1.
        layers (Iterable[int] | None): Indices of w+ layers, counted from 0, that are edited.
            Defaults to all layers of the detail code.

    Returns:
        LatentCode: New detail codes; the base codes are the same, bit for bit.

    Raises:
        FileNotFoundError: The direction file does not exist.
        TypeError: ``strength`` is no number, or the direction of another type.
        ValueError: Code, direction or layers do not fit the generator, or ``strength`` is not
            finite.

    Example:
        >>> edited = edit(inverter, code, torch.ones(inverter.generator.style_dim), 0.5, [4, 5])
        >>> (edited.detail - code.detail)[0, :, 0].round(decimals=4).tolist()  # layers 4 to 9
        [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    """
    generator = generator_of(inverter)
    generator.check_code(code)
    strength = finite_number('strength', strength)
    direction = given_direction(inverter, direction)
    return replace(code, detail=direction.added(code.detail, strength, generator, layers))


def given_direction(
    inverter: Renderer, direction: StyleEdit | Tensor | str | os.PathLike
) -> StyleEdit:
    """Return a direction that is given itself, by its vectors, as a file, or by its name.

    Raises:
        FileNotFoundError, ValueError: There is no such file or name, or it holds no direction.
    """
    if not isinstance(direction, (str, os.PathLike)):
        return direction if isinstance(direction, StyleEdit) else Direction(direction)
    cfg = getattr(inverter, 'cfg', None)
    generator = {} if cfg is None else pivot_of(cfg.model).get('generator') or {}
    return load_direction(find_direction(os.fspath(direction), named_directions(generator)))


def generator_of(inverter: Renderer) -> BaseDetailGenerator:
    """Return the generator of an inverter, or the given generator; a TypeError for others."""
    generator = inverter.generator if isinstance(inverter, OptimizationInverter) else inverter
    if not isinstance(generator, BaseDetailGenerator):
        raise TypeError(
            f'An inverter or a BaseDetailGenerator is needed, but got {type(inverter).__name__}.'
        )
    return generator


def _build(build, what):
    """Call a registry; errors from wrong settings become a ValueError."""
    try:
        return build(what)
    except (ValueError, OSError, ImportError, MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as e:  # other classes check little of what they are given
        raise ValueError(f'The model of the config cannot be built: {one_sentence(e)}.') from e
