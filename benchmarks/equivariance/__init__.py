# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How closely moving a base code moves the image."""

__all__ = ['MAGNITUDES']

# Shifts are fractions of the side, in whole 1/32: whole cells of base sizes 8 and 16 are included.
MAGNITUDES: dict[str, tuple[float, ...]] = {
    'shift': (1 / 32, 1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4),
    'rotate': (5, 10, 15, 20, 30, 45),
    'scale': (0.6, 0.7, 0.8, 0.9, 1.1, 1.25, 1.4, 1.6),
    'shear': (5, 10, 15, 20, 30),
}
