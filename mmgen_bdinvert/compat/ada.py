# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The ``ada`` modules that are missing from mmgen 1.0.0rc0's wheel.

Cause: ``mmgen/models/architectures/stylegan/ada/`` has no ``__init__.py`` in the source tree, so
the wheel lacks it and ``import mmgen.models`` fails in any environment.
May be deleted: when a published mmgen contains the folder.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

_PACKAGE = 'mmgen.models.architectures.stylegan.ada'


class AugmentPipe(nn.Module):
    """Placeholder for adaptive discriminator augmentation, which the wheel lacks."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            'Adaptive discriminator augmentation is not in the published mmgen wheel: use '
            'StyleGAN2Discriminator without data_aug, or install mmgen from its source tree.'
        )


def constant(value, shape=None, dtype=None, device=None, memory_format=None) -> torch.Tensor:
    """Return ``value`` as a tensor, expanded to ``shape`` if one is given."""
    tensor = torch.as_tensor(value, dtype=dtype or torch.get_default_dtype(), device=device)
    return tensor if shape is None else tensor.expand(shape)


def install() -> None:
    """Register the missing modules; do nothing where mmgen has them."""
    if _PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec('mmgen')  # importing mmgen.models here would already fail
    folders = list(spec.submodule_search_locations or []) if spec else []
    if any(Path(f, 'models/architectures/stylegan/ada/augment.py').is_file() for f in folders):
        return
    package = ModuleType(_PACKAGE)
    package.__path__ = []
    augment, misc = ModuleType(f'{_PACKAGE}.augment'), ModuleType(f'{_PACKAGE}.misc')
    augment.AugmentPipe, misc.constant = AugmentPipe, constant
    package.augment, package.misc = augment, misc
    sys.modules.update({m.__name__: m for m in (package, augment, misc)})
