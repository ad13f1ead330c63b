# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from .base_code_encoder import BaseCodeEncoder
from .detail_code_encoder import DetailCodeEncoder
from .encoder_trainer import BaseCodeEncoderTrainer
from .generators import (
    BaseDetailGenerator,
    NarrowStyleGAN2Discriminator,
    NarrowStyleGANv1Generator,
    NarrowStyleGANv2Generator,
    OfficialStyleGANv1Generator,
)
from .inverters import (
    ImageLBFGS,
    NoiseProjector,
    PivotalTuningInverter,
    RegularizedInverter,
    ReleasedInverter,
    WPlusInverter,
)
from .joint_encoder_trainer import JointEncoderTrainer
from .latent_stats import LatentStatistics
from .losses import (
    BaseCodeDistance,
    FrameDistance,
    GradientL1Loss,
    LPIPSLoss,
    PixelL1Loss,
    PixelMSELoss,
    PNormLoss,
    ReleasedPerceptualLoss,
    STLPIPSLoss,
    StyleVectorDistance,
    WhitenedCodeDistance,
)

__all__ = [
    'BaseCodeDistance',
    'BaseCodeEncoder',
    'BaseCodeEncoderTrainer',
    'BaseDetailGenerator',
    'DetailCodeEncoder',
    'FrameDistance',
    'GradientL1Loss',
    'ImageLBFGS',
    'JointEncoderTrainer',
    'LPIPSLoss',
    'LatentStatistics',
    'NarrowStyleGAN2Discriminator',
    'NarrowStyleGANv1Generator',
    'NarrowStyleGANv2Generator',
    'OfficialStyleGANv1Generator',
    'NoiseProjector',
    'PNormLoss',
    'PivotalTuningInverter',
    'PixelL1Loss',
    'PixelMSELoss',
    'RegularizedInverter',
    'ReleasedInverter',
    'ReleasedPerceptualLoss',
    'STLPIPSLoss',
    'StyleVectorDistance',
    'WPlusInverter',
    'WhitenedCodeDistance',
]
