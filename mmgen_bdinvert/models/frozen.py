# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen networks inside a model, and outside its checkpoints."""

from __future__ import annotations

from torch import nn

__all__ = ['HoldsFrozen']


class HoldsFrozen:
    """Mixin for modules that use a frozen network which has a file of its own.

    The network stays out of the module tree: unseen by checkpoints, optimisers, DDP and
    ``train()``. Moves between devices and dtypes do reach it.
    """

    def hold_frozen(self, network: nn.Module) -> None:
        """Keep ``network``, without gradients and in evaluation mode, as ``self.frozen``."""
        self._outside_the_tree = (network.requires_grad_(False).eval(),)

    @property
    def frozen(self) -> nn.Module:
        """nn.Module: The frozen network."""
        return self._outside_the_tree[0]

    def _apply(self, fn, *args, **kwargs):
        self.frozen._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)
