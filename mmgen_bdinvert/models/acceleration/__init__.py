# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What only makes a step cheaper; nothing here changes what an inversion computes.

``with switched_off():``, or ``BDINVERT_ACCELERATION=0`` in the environment, turns all of it off.
"""

from .switch import enabled, switched_off

__all__ = ['enabled', 'switched_off']
