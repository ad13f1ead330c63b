# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The documented names: a change here is a change for users, and belongs in the changelog."""

import importlib
import pkgutil

import pytest
from mmgen import registry

import mmgen_bdinvert

OURS = ('mmgen_bdinvert.', 'bdinvert_cli.')

API = {
    'apis': """EditOutcome ImageOutcome PRESETS align animate draw_samples edit edit_files
        find_codes find_config find_directions init_finder init_generator init_inverter invert
        invert_files load_config look_of plan_files recorded_config render
        shipped_configs straighten to_batch transform""",
    'compat': 'apply',
    'converters': 'Conversion FORMATS Format convert_codes convert_file read_codes',
    'datasets': 'InversionImageFolder LatentSeeds',
    'editing': """ClassLabels ClassScores ClassTargets Direction GANSpace InterFaceGAN
        PatchLightness Regression SeFa StyleEdit Target draw_latents edit_effect find_direction
        fit_direction load_direction named_directions parse_directions parse_layers
        parse_strengths read_directions read_labels""",
    'engine': 'MissedValidationHook ReconstructionGridHook StrictRunner read_config read_settings',
    'engine.hooks': 'MissedValidationHook OwnCheckpointHook ReconstructionGridHook',
    'evaluation': """ReconstructionMetric frechet_distance masked_rmse mse precision_recall psnr
        ssim""",
    'geometry': """Composition GeometricTransform MatrixTransform PerspectiveTransform
        RandomTransform ThinPlateSpline Transform compose estimate_similarity
        inverse normalise_points part_of read_motion transform_base transform_image validity_mask
        warp""",
    'io': """DownloadError FIT_MODES ForeignFileError IMAGE_SUFFIXES ImageReadError OutputError
        Projection StorageError TarMember atomic_write cache_folder check_outputs
        claim_folder claim_outputs download ensure_writable_folder file_digest
        find_images find_sources image_to_tensor load_projections local_path
        output_names read_image refuse_inputs save_png save_projections save_video
        tensor_to_image tensor_to_images""",
    'jobs': """ImageOutcome Interrupted Manifest Workers deferred_signals join_workers locked_folder
        read_outcomes remember_settings settings_of""",
    'models': """BaseCodeDistance BaseCodeEncoder BaseCodeEncoderTrainer BaseDetailGenerator
        DetailCodeEncoder FrameDistance GradientL1Loss ImageLBFGS JointEncoderTrainer LPIPSLoss
        LatentStatistics NarrowStyleGAN2Discriminator NarrowStyleGANv1Generator
        NarrowStyleGANv2Generator NoiseProjector OfficialStyleGANv1Generator PNormLoss
        PivotalTuningInverter PixelL1Loss PixelMSELoss RegularizedInverter ReleasedInverter
        ReleasedPerceptualLoss STLPIPSLoss StyleVectorDistance WPlusInverter
        WhitenedCodeDistance""",
    'models.acceleration': 'enabled switched_off',
    'models.generators': """BaseDetailGenerator GeneratorSplit NarrowStyleGAN2Discriminator
        NarrowStyleGANv1Generator NarrowStyleGANv2Generator OfficialStyleGANv1Generator
        register_split""",
    'models.inverters': """ImageLBFGS NoiseProjector PRESETS PivotalTuningInverter
        RegularizedInverter ReleasedInverter WPlusInverter""",
    'models.losses': """BaseCodeDistance FrameDistance GradientL1Loss LPIPSLoss PNormLoss
        PixelL1Loss PixelMSELoss ReleasedPerceptualLoss STLPIPSLoss StyleVectorDistance
        WhitenedCodeDistance""",
    'photos': """FINDS Face FaceFinder InPhoto Look NO_FACE ToonFinder Window YuNetFinder
        centre_window cut""",
    'report': 'write_page',
    'structures': 'InversionResult LatentCode',
    'studio': """Edit InversionCancelled InversionStep Session Studio
        shipped_directions watch_inversion""",
    'utils': 'check_device silence_host',
    'visualization': 'Column comparison contact_sheet image_grid panels plot_losses',
}
REGISTERED = {
    'DATASETS': 'InversionImageFolder LatentSeeds',
    'HOOKS': 'CheckpointHook MissedValidationHook ReconstructionGridHook',
    'METRICS': 'ReconstructionMetric',
    'MODELS': """BaseCodeEncoderTrainer JointEncoderTrainer NoiseProjector PivotalTuningInverter
        RegularizedInverter ReleasedInverter WPlusInverter""",
    'MODULES': """BaseCodeDistance BaseCodeEncoder BaseDetailGenerator ClassLabels ClassScores
        ClassTargets Composition DetailCodeEncoder FrameDistance GANSpace GeometricTransform
        GradientL1Loss InterFaceGAN LPIPSLoss LatentStatistics MatrixTransform
        NarrowStyleGAN2Discriminator NarrowStyleGANv1Generator NarrowStyleGANv2Generator
        OfficialStyleGANv1Generator PNormLoss PatchLightness PerspectiveTransform PixelL1Loss
        PixelMSELoss RandomTransform Regression ReleasedPerceptualLoss STLPIPSLoss SeFa
        StyleVectorDistance ThinPlateSpline ToonFinder WhitenedCodeDistance YuNetFinder""",
    'OPTIMIZERS': 'ImageLBFGS',
    'OPTIM_WRAPPERS': 'CpuAmpOptimWrapper',
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
            assert value.__module__.startswith(OURS) and value.__doc__, public


def test_names_of_the_package():
    assert mmgen_bdinvert.__all__ == ['__version__']


@pytest.mark.parametrize('name', sorted(REGISTERED))
def test_names_in_the_registries(name):
    found = getattr(registry, name)
    found.import_from_location()
    found = found.module_dict.items()
    ours = [key for key, value in found if value.__module__.startswith('mmgen_bdinvert.')]
    compat = [key for key in ours if key in ('Adam', 'AdamW')]
    assert sorted(set(ours) - set(compat)) == REGISTERED[name].split()
