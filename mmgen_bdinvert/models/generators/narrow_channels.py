# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Chosen channel widths for mmgen's generators, which hard-code 512 up to 32×32."""

from __future__ import annotations

import math

from ...utils.numbers import checked_number

__all__ = ['NarrowChannels', 'check_channels']


def check_channels(channels: dict, size: int) -> dict[int, int]:
    """Return ``channels`` with int keys, complete from 4 to ``size``."""
    size = checked_number('out_size', size, whole=True)
    if size < 8 or size & (size - 1):
        raise ValueError(f'The image size must be a power of two from 8 up, but got {size}.')
    channels = {
        int(k): checked_number(f'the width for {k}', v, whole=True) for k, v in channels.items()
    }
    wanted = [2**i for i in range(2, int(math.log2(size)) + 1)]
    missing = [s for s in wanted if channels.get(s, 0) < 1]
    if missing:
        raise ValueError(
            f'channels needs a positive width for every resolution from 4 to {size}, but got '
            f'{channels} without {missing}.'
        )
    return channels


class NarrowChannels:
    """Mixin in front of a generator class of mmgen; see the generators that use it."""

    def __init__(self, out_size: int, style_channels: int, channels: dict, **kwargs):
        # mmgen's constructor assigns its own table to `self.channels`; the property below keeps
        # this one. Plain attribute: nn.Module.__init__ has not run yet.
        object.__setattr__(self, '_channels', check_channels(channels, out_size))
        super().__init__(out_size, style_channels, **kwargs)

    @property
    def channels(self) -> dict[int, int]:
        """dict[int, int]: Channels of the feature maps by resolution."""
        return self._channels

    @channels.setter
    def channels(self, value):
        """Ignore mmgen's built-in table."""
