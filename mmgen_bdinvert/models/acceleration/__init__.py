# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What only makes a step cheaper; nothing here changes what an inversion computes."""

__all__: list[str] = []
