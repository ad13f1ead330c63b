# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from . import stylegan1_split, stylegan2_split  # noqa: F401  (register the families)
from .base_detail_generator import BaseDetailGenerator
from .narrow_stylegan import (
    NarrowStyleGAN2Discriminator,
    NarrowStyleGANv1Generator,
    NarrowStyleGANv2Generator,
)
from .official_stylegan1 import OfficialStyleGANv1Generator
from .split import GeneratorSplit, register_split

__all__ = [
    'BaseDetailGenerator',
    'GeneratorSplit',
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv1Generator',
    'NarrowStyleGANv2Generator',
    'OfficialStyleGANv1Generator',
    'register_split',
]
