# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos of any size: where in them the generator looks, and what comes back into them."""

from .faces import Face, FaceFinder
from .in_photo import InPhoto
from .look import FINDS, NO_FACE, Look
from .toon_finder import ToonFinder
from .window import Window, centre_window, cut
from .yunet_finder import YuNetFinder

__all__ = [
    'FINDS',
    'Face',
    'FaceFinder',
    'InPhoto',
    'Look',
    'NO_FACE',
    'ToonFinder',
    'Window',
    'YuNetFinder',
    'centre_window',
    'cut',
]
