# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .base_detail_generator import BaseDetailGenerator
from .narrow_stylegan1 import NarrowStyleGANv1Generator
from .narrow_stylegan2 import NarrowStyleGAN2Discriminator, NarrowStyleGANv2Generator

__all__ = [
    'BaseDetailGenerator',
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv1Generator',
    'NarrowStyleGANv2Generator',
]
