# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Semantic edits: directions in the style vectors of a detail code, and ways to find them."""

from .class_targets import ClassTargets
from .command_line import (
    parse_directions,
    parse_layers,
    parse_strengths,
    read_directions,
)
from .directions import Direction, load_direction
from .ganspace import GANSpace
from .interfacegan import InterFaceGAN
from .labellers import ClassLabels, ClassScores, PatchLightness, read_labels
from .named import find_direction, named_directions
from .regression import Regression, fit_direction
from .samples import draw_latents, edit_effect
from .sefa import SeFa
from .style_edit import StyleEdit
from .targets import Target

__all__ = [
    'ClassLabels',
    'ClassScores',
    'ClassTargets',
    'Direction',
    'GANSpace',
    'InterFaceGAN',
    'PatchLightness',
    'Regression',
    'SeFa',
    'StyleEdit',
    'Target',
    'draw_latents',
    'edit_effect',
    'find_direction',
    'fit_direction',
    'load_direction',
    'named_directions',
    'parse_directions',
    'parse_layers',
    'parse_strengths',
    'read_directions',
    'read_labels',
]
