# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How the embedded domain was made: drawn faces, their labels, trainers and classifiers."""

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)

from .attributes import ToonAttributes, attribute_accuracy, train_toon_attributes
from .drawing import MOVES, draw_face, draw_set, random_move, small_move
from .feature_discriminator import FeatureDiscriminator
from .labelled_faces import TOON_LABELS, LabelledToonFaces
from .labelled_gan_trainer import LabelledGANTrainer
from .labelled_start_trainer import LabelledStartTrainer
from .sharpening_trainer import SharpeningTrainer

__all__ = [
    'FeatureDiscriminator',
    'LabelledGANTrainer',
    'LabelledStartTrainer',
    'LabelledToonFaces',
    'MOVES',
    'SharpeningTrainer',
    'TOON_LABELS',
    'ToonAttributes',
    'attribute_accuracy',
    'draw_face',
    'draw_set',
    'random_move',
    'small_move',
    'train_toon_attributes',
]
