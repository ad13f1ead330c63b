# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .base_code_encoder import BaseCodeEncoder
from .encoder_trainer import BaseCodeEncoderTrainer
from .generators import (
    BaseDetailGenerator,
    NarrowStyleGAN2Discriminator,
    NarrowStyleGANv2Generator,
)
from .inverter import RegularizedInverter, WPlusInverter
from .latent_stats import LatentStatistics
from .losses import BaseCodeDistance, LPIPSLoss, PixelMSELoss, PNormLoss, STLPIPSLoss

__all__ = [
    'BaseCodeDistance',
    'BaseCodeEncoder',
    'BaseCodeEncoderTrainer',
    'BaseDetailGenerator',
    'LPIPSLoss',
    'LatentStatistics',
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv2Generator',
    'PNormLoss',
    'PixelMSELoss',
    'RegularizedInverter',
    'STLPIPSLoss',
    'WPlusInverter',
]
