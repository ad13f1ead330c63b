# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is imported late: nothing heavy by the package, and everything when it is used."""

import pytest

HEAVY = ('torch._dynamo', 'torch.distributed.fsdp', 'sympy', 'IPython', 'scipy.signal')
HEAVY += ('matplotlib.figure', 'sklearn', 'skimage', 'gradio')


@pytest.fixture()
def python(run_fresh):
    """Return a function that runs code in a process of its own; it gives what is printed."""

    def run(code):
        done = run_fresh(code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_the_package_imports_nothing_heavy(python):
    more = ('mmgen.models', 'torchvision', 'mmgen_bdinvert.models')
    code = f'import sys, mmgen_bdinvert\nprint(*(n for n in {HEAVY + more!r} if n in sys.modules))'
    assert python(code) == ''


def test_nor_does_an_inversion(python):
    code = """
import sys, mmgen_bdinvert
from mmgen_bdinvert import apis
import numpy as np
options = {'model.num_steps': 1}
inverter = apis.init_inverter('bdinvert_inv_toon64', device='cpu', cfg_options=options)
apis.invert(inverter, [np.zeros((64, 64, 3), np.uint8)])
"""
    shown = f'print("heavy:", *(n for n in {HEAVY!r} if n in sys.modules))'
    assert python(code + shown).rpartition('heavy:')[2] == ''


CLASSES = [
    ('MODELS', 'RegularizedInverter'),
    ('MODULES', 'BaseDetailGenerator'),
    ('MODULES', 'GeometricTransform'),
    ('MODULES', 'InterFaceGAN'),
    ('MODELS', 'StyleGAN2'),
    ('MODULES', 'StyleGANv1Generator'),
    ('DATASETS', 'InversionImageFolder'),
    ('DATASETS', 'UnconditionalImageDataset'),
    ('TRANSFORMS', 'RandomCropLongEdge'),
    ('HOOKS', 'ReconstructionGridHook'),
    ('HOOKS', 'GenVisualizationHook'),
    ('HOOKS', 'CheckpointHook'),
    ('RUNNERS', 'StrictRunner'),
    ('METRICS', 'ReconstructionMetric'),
    ('EVALUATORS', 'GenEvaluator'),
    ('OPTIMIZERS', 'ImageLBFGS'),
    ('OPTIMIZERS', 'Adam'),
    ('OPTIMIZERS', 'SGD'),
    ('OPTIM_WRAPPERS', 'CpuAmpOptimWrapper'),
    ('OPTIM_WRAPPERS', 'AmpOptimWrapper'),
    ('OPTIM_WRAPPER_CONSTRUCTORS', 'GenOptimWrapperConstructor'),
    ('PARAM_SCHEDULERS', 'LinearLrInterval'),
    ('LOOPS', 'GenTestLoop'),
    ('LOG_PROCESSORS', 'GenLogProcessor'),
    ('VISUALIZERS', 'GenVisualizer'),
    ('VISBACKENDS', 'LocalVisBackend'),
]


@pytest.mark.parametrize('classes', [CLASSES, CLASSES[::-1]], ids=['models first', 'models last'])
def test_every_registry_finds_its_classes_at_once(python, classes):
    code = f"""
import mmgen_bdinvert
from mmgen import registry
print(*(name for kind, name in {classes!r} if getattr(registry, kind).get(name) is None))
"""
    assert python(code) == ''


def test_they_are_found_by_the_default_scope_and_by_name(python):
    code = """
import mmgen_bdinvert
from mmengine.registry import MODELS, init_default_scope
print(MODELS.get('mmgen.RegularizedInverter').__name__)
init_default_scope('mmgen')
from mmgen.registry import MODULES
print(MODULES.build(dict(type='GeometricTransform', rotate=3.0)).rotate)
print(mmgen_bdinvert.geometry.GeometricTransform(rotate=4).rotate)
"""
    assert python(code).split() == ['RegularizedInverter', '3.0', '4.0']


def test_an_unknown_attribute_of_the_package_is_an_error():
    import mmgen_bdinvert

    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        mmgen_bdinvert.no_such  # noqa: B018


def test_torchvisions_function_is_that_of_the_compiler(python):
    code = """
import mmgen_bdinvert, sys, torch
from torchvision.ops import roi_align
from torchvision.ops.roi_align import is_compile_supported
print('torch._dynamo.utils' in sys.modules)
image, boxes = torch.arange(64.).view(1, 1, 8, 8), torch.tensor([[0, 0., 0., 4., 4.]])
print(roi_align(image, boxes, 1).shape)
print(is_compile_supported('cpu') == sys.modules['torch._dynamo.utils'].is_compile_supported('cpu'))
"""
    assert python(code).splitlines() == ['False', 'torch.Size([1, 1, 1, 1])', 'True']


def test_optimisers_speak_to_the_compiler_once_it_is_there(python):
    code = """
import mmgen_bdinvert, sys, torch
v = torch.nn.Parameter(torch.ones(2))
optimizer = torch.optim.SGD([v], lr=1.)
optimizer.zero_grad()
print('torch._dynamo' in sys.modules)
import torch._dynamo
function = torch.optim.Optimizer.zero_grad.__wrapped__
optimizer.zero_grad()
print(hasattr(getattr(function, '__dynamo_disable'), '_torchdynamo_disable'))
"""
    assert python(code).split() == ['False', 'True']


def test_classes_that_shard_are_mmengines_own_when_they_are_used(python):
    code = """
import mmgen_bdinvert, sys, torch
from mmengine.model import BaseModel, MMFullyShardedDataParallel, is_model_wrapper
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine._strategy import FSDPStrategy
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS
print(is_model_wrapper(torch.nn.Linear(1, 1)), 'torch.distributed.fsdp' in sys.modules)
class Mine(MMFullyShardedDataParallel):
    pass
from torch.distributed.fsdp import FullyShardedDataParallel
print(issubclass(Mine, FullyShardedDataParallel), issubclass(Mine, MMFullyShardedDataParallel))
print(MODEL_WRAPPERS.get('MMFullyShardedDataParallel') is Mine.__mro__[1])
try:
    settings = dict(params=[torch.nn.Parameter(torch.ones(1))], optimizer_type='SGD', lr=1.0)
    OPTIMIZERS.build(dict(type='ZeroRedundancyOptimizer', **settings))
except (RuntimeError, ValueError) as error:
    print('group' in str(error))
print(OPTIMIZERS.get('ZeroRedundancyOptimizer').__mro__[1].__module__)
print(FSDPStrategy.__name__, FSDPStrategy._wrap_model.__module__)
"""
    assert python(code).split() == [
        'False',
        'False',
        'True',
        'True',
        'True',
        'True',
        'torch.distributed.optim.zero_redundancy_optimizer',
        'FSDPStrategy',
        'mmengine._strategy.fsdp',
    ]
