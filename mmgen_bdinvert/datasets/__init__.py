# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .image_folder import InversionImageFolder
from .seeds import LatentSeeds
from .toon_faces import MOVES, draw_face, draw_set, random_move

__all__ = ['InversionImageFolder', 'LatentSeeds', 'MOVES', 'draw_face', 'draw_set', 'random_move']
