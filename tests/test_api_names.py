# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The documented names: a change here is a change for users, and belongs in the changelog."""

import importlib
import pkgutil

import pytest
from mmgen import registry

import mmgen_bdinvert

API = {
    'apis': """EditOutcome ImageOutcome edit edit_files find_codes find_config init_generator
        init_inverter invert invert_files load_config plan_files recorded_config render
        shipped_configs to_batch transform""",
    'compat': 'apply',
    'datasets': 'InversionImageFolder LatentSeeds MOVES draw_face draw_set random_move',
    'editing': 'Direction fit_direction load_direction',
    'engine': 'ReconstructionGridHook StrictRunner read_config',
    'engine.hooks': 'ReconstructionGridHook',
    'evaluation': """ReconstructionMetric compare_with_w_plus frechet_distance precision_recall psnr
        w_plus_baseline""",
    'geometry': 'GeometricTransform transform_base transform_image validity_mask warp',
    'io': """FIT_MODES IMAGE_SUFFIXES ImageReadError OutputError atomic_write
        ensure_writable_folder find_images image_to_tensor local_path output_names read_image
        save_png tensor_to_image tensor_to_images""",
    'models': """BaseCodeDistance BaseCodeEncoder BaseCodeEncoderTrainer BaseDetailGenerator
        LPIPSLoss LatentStatistics NarrowStyleGAN2Discriminator NarrowStyleGANv2Generator PNormLoss
        PixelMSELoss RegularizedInverter STLPIPSLoss WPlusInverter""",
    'models.generators': """BaseDetailGenerator NarrowStyleGAN2Discriminator
        NarrowStyleGANv2Generator""",
    'models.losses': 'BaseCodeDistance LPIPSLoss PNormLoss PixelMSELoss STLPIPSLoss',
    'structures': 'InversionResult LatentCode',
    'utils': 'ToolParser check_device one_sentence run_tool silence_host',
    'visualization': 'comparison contact_sheet image_grid plot_losses',
}
REGISTERED = {
    'DATASETS': 'InversionImageFolder LatentSeeds',
    'HOOKS': 'ReconstructionGridHook',
    'METRICS': 'ReconstructionMetric',
    'MODELS': 'BaseCodeEncoderTrainer RegularizedInverter WPlusInverter',
    'MODULES': """BaseCodeDistance BaseCodeEncoder BaseDetailGenerator LPIPSLoss LatentStatistics
        NarrowStyleGAN2Discriminator NarrowStyleGANv2Generator PNormLoss PixelMSELoss
        STLPIPSLoss""",
    'RUNNERS': 'StrictRunner',
}


def subpackages():
    prefix = f'{mmgen_bdinvert.__name__}.'
    found = pkgutil.walk_packages(mmgen_bdinvert.__path__, prefix)
    return sorted(module.name[len(prefix) :] for module in found if module.ispkg)


def test_every_subpackage_is_documented():
    assert subpackages() == sorted(API)


@pytest.mark.parametrize('name', sorted(API))
def test_names_of_a_subpackage(name):
    module = importlib.import_module(f'mmgen_bdinvert.{name}')
    assert sorted(module.__all__) == API[name].split()
    for public in module.__all__:
        value = getattr(module, public)
        if callable(value):
            assert value.__module__.startswith('mmgen_bdinvert.') and value.__doc__, public


def test_names_of_the_package():
    assert mmgen_bdinvert.__all__ == ['__version__']


@pytest.mark.parametrize('name', sorted(REGISTERED))
def test_names_in_the_registries(name):
    found = getattr(registry, name).module_dict.items()
    ours = [key for key, value in found if value.__module__.startswith('mmgen_bdinvert.')]
    compat = [key for key in ours if key in ('Adam', 'AdamW')]
    assert sorted(set(ours) - set(compat)) == REGISTERED[name].split()
