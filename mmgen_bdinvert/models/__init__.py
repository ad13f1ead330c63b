# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .base_code_encoder import BaseCodeEncoder
from .encoder_trainer import BaseCodeEncoderTrainer
from .generators import (
    BaseDetailGenerator,
    NarrowStyleGAN2Discriminator,
    NarrowStyleGANv1Generator,
    NarrowStyleGANv2Generator,
)
from .inverter import RegularizedInverter, WPlusInverter
from .labelled_generator_trainer import LabelledGeneratorTrainer
from .latent_stats import LatentStatistics
from .limited_memory import ImageLBFGS
from .losses import (
    BaseCodeDistance,
    GradientL1Loss,
    LPIPSLoss,
    PixelL1Loss,
    PixelMSELoss,
    PNormLoss,
    STLPIPSLoss,
)
from .noise_projector import NoiseProjector
from .pivotal_tuning import PivotalTuningInverter, load_tuning, save_tuning

__all__ = [
    'BaseCodeDistance',
    'BaseCodeEncoder',
    'BaseCodeEncoderTrainer',
    'BaseDetailGenerator',
    'GradientL1Loss',
    'ImageLBFGS',
    'LPIPSLoss',
    'LabelledGeneratorTrainer',
    'LatentStatistics',
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv1Generator',
    'NarrowStyleGANv2Generator',
    'NoiseProjector',
    'PNormLoss',
    'PivotalTuningInverter',
    'PixelL1Loss',
    'PixelMSELoss',
    'RegularizedInverter',
    'STLPIPSLoss',
    'WPlusInverter',
    'load_tuning',
    'save_tuning',
]
