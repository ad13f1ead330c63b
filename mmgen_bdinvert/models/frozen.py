# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Frozen networks inside a model, and outside its checkpoints."""

from __future__ import annotations

from torch import nn

__all__ = ['HoldsFrozen']


class HoldsFrozen:
    """Mixin for modules that use frozen networks with files of their own.

    These stay outside the module tree: checkpoints, optimisers, DDP and ``train()`` do not see
    them. Moves between devices and dtypes apply to them.
    """

    def hold_frozen(self, *networks: nn.Module) -> None:
        """Keep networks without gradients and in evaluation mode; ``frozen`` is the first."""
        self._outside_the_tree = tuple(n.requires_grad_(False).eval() for n in networks)

    @property
    def frozen(self) -> nn.Module:
        """nn.Module: The frozen network."""
        return self._outside_the_tree[0]

    def _apply(self, fn, *args, **kwargs):
        for network in self._outside_the_tree:
            network._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)
