# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .image_folder import InversionImageFolder
from .labelled_toon_faces import TOON_LABELS, LabelledToonFaces
from .seeds import LatentSeeds
from .toon_faces import MOVES, draw_face, draw_set, random_move

__all__ = [
    'InversionImageFolder',
    'LabelledToonFaces',
    'LatentSeeds',
    'MOVES',
    'TOON_LABELS',
    'draw_face',
    'draw_set',
    'random_move',
]
