# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .image_folder import InversionImageFolder
from .seeds import LatentSeeds

__all__ = ['InversionImageFolder', 'LatentSeeds']
