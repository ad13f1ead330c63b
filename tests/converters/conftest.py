# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files of others, written in their exact formats with random weights."""

import contextlib
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from mmgen_bdinvert.converters import FORMATS, convert_file
from mmgen_bdinvert.models import BaseDetailGenerator

STYLE, LAYERS = 16, 3
CHANNELS = {4: 8, 8: 7, 16: 6, 32: 5}  # all differ, so that a mix-up of two blocks fails
SIZES = list(CHANNELS)


@pytest.fixture(scope='session')
def normal():
    """Return a source of normal samples; one seed is always the same stream."""

    def make(seed=0):
        rng = torch.Generator().manual_seed(seed)
        return lambda *shape: torch.randn(shape, generator=rng)

    return make


def fir_kernel(draw, total):
    """Draw a kernel without any symmetry, so that a flip shows."""
    kernel = draw(4, 4).abs() + 0.1
    return kernel / kernel.sum() * total


def convolutions():
    """Yield index, size, input and output channels of the convolutions."""
    for i in range(2 * len(SIZES) - 1):
        size = SIZES[(i + 1) // 2]
        yield i, size, CHANNELS[size // 2] if i % 2 else CHANNELS[size], CHANNELS[size]


@pytest.fixture(scope='session')
def genforce_state(normal):
    """Return the state dict of a GenForce generator of 32 pixels."""

    def make(seed=0):
        draw, state = normal(seed), {}
        for i in range(LAYERS):
            state[f'mapping.dense{i}.weight'] = draw(STYLE, STYLE) / 0.01
            state[f'mapping.dense{i}.bias'] = 20 * draw(STYLE)
        state['truncation.w_avg'] = draw(STYLE)
        state['synthesis.early_layer.const'] = draw(1, CHANNELS[4], 4, 4)
        for i, size, inputs, outputs in convolutions():
            name = f'synthesis.layer{i}'
            state[f'{name}.weight'] = draw(outputs, inputs, 3, 3)
            state[f'{name}.bias'] = draw(outputs)
            state[f'{name}.noise_strength'] = 0.3 * draw()
            state[f'{name}.noise'] = draw(1, 1, size, size)
            if i % 2:
                state[f'{name}.filter.kernel'] = fir_kernel(draw, 4)[None, None]
            state[f'{name}.style.weight'] = draw(inputs, STYLE)
            state[f'{name}.style.bias'] = 0.3 * draw(inputs)
        for i, width in enumerate(CHANNELS.values()):
            name = f'synthesis.output{i}'
            state[f'{name}.weight'] = 0.3 * draw(3, width, 1, 1)
            state[f'{name}.bias'] = draw(3)
            state[f'{name}.style.weight'] = draw(width, STYLE)
            state[f'{name}.style.bias'] = 0.3 * draw(width)
        state['synthesis.upsample.kernel'] = fir_kernel(draw, 4)[None, None]
        return state

    return make


@pytest.fixture(scope='session')
def rosinality_state(normal):
    """Return the state dict of a generator of rosinality's of 32 pixels."""

    def make(seed=0):
        draw, state = normal(seed), {}
        for i in range(1, LAYERS + 1):
            state[f'style.{i}.weight'] = draw(STYLE, STYLE) / 0.01
            state[f'style.{i}.bias'] = 20 * draw(STYLE)
        state['input.input'] = draw(1, CHANNELS[4], 4, 4)
        for i, size, inputs, outputs in convolutions():
            name = f'convs.{i - 1}' if i else 'conv1'
            state[f'{name}.conv.weight'] = draw(1, outputs, inputs, 3, 3)
            if i % 2:
                state[f'{name}.conv.blur.kernel'] = fir_kernel(draw, 4)
            state[f'{name}.conv.modulation.weight'] = draw(inputs, STYLE)
            state[f'{name}.conv.modulation.bias'] = 1 + 0.3 * draw(inputs)
            state[f'{name}.noise.weight'] = 0.3 * draw(1)
            state[f'{name}.activate.bias'] = draw(outputs)
            state[f'noises.noise_{i}'] = draw(1, 1, size, size)
        for i, width in enumerate(CHANNELS.values()):
            name = f'to_rgbs.{i - 1}' if i else 'to_rgb1'
            state[f'{name}.bias'] = draw(1, 3, 1, 1)
            if i:
                state[f'{name}.upsample.kernel'] = fir_kernel(draw, 4)
            state[f'{name}.conv.weight'] = 0.3 * draw(1, 3, width, 1, 1)
            state[f'{name}.conv.modulation.weight'] = draw(width, STYLE)
            state[f'{name}.conv.modulation.bias'] = 1 + 0.3 * draw(width)
        return state

    return make


@pytest.fixture(scope='session')
def nvidia_state(normal):
    """Return the state dict of a generator of stylegan2-ada-pytorch of 32 pixels."""

    def make(seed=0):
        draw, state = normal(seed), {}
        state['synthesis.b4.const'] = draw(CHANNELS[4], 4, 4)
        for size in SIZES:
            state[f'synthesis.b{size}.resample_filter'] = fir_kernel(draw, 1)
        for i, size, inputs, outputs in convolutions():
            name = f'synthesis.b{size}.conv{0 if i % 2 else 1}'
            state[f'{name}.resample_filter'] = fir_kernel(draw, 1)
            state[f'{name}.affine.weight'] = draw(inputs, STYLE)
            state[f'{name}.affine.bias'] = 1 + 0.3 * draw(inputs)
            state[f'{name}.weight'] = draw(outputs, inputs, 3, 3)
            state[f'{name}.noise_const'] = draw(size, size)
            state[f'{name}.noise_strength'] = 0.3 * draw()
            state[f'{name}.bias'] = draw(outputs)
        for size, width in CHANNELS.items():
            name = f'synthesis.b{size}.torgb'
            state[f'{name}.affine.weight'] = draw(width, STYLE)
            state[f'{name}.affine.bias'] = 1 + 0.3 * draw(width)
            state[f'{name}.weight'] = 0.3 * draw(3, width, 1, 1)
            state[f'{name}.bias'] = draw(3)
        for i in range(LAYERS):
            state[f'mapping.fc{i}.weight'] = draw(STYLE, STYLE) / 0.01
            state[f'mapping.fc{i}.bias'] = 20 * draw(STYLE)
        state['mapping.w_avg'] = draw(STYLE)
        return state

    return make


@contextlib.contextmanager
def nvidia_modules():
    """Let `torch_utils.persistence` and `dnnlib.util` exist while a pickle is written."""
    names = ('torch_utils', 'torch_utils.persistence', 'dnnlib', 'dnnlib.util')
    modules = {name: types.ModuleType(name) for name in names}

    def _reconstruct_persistent_obj(meta):
        raise AssertionError('a stand-in that is only written, never called')

    class EasyDict(dict):
        """A dict with attributes, in NVIDIA's settings."""

    for name, member in (('torch_utils.persistence', _reconstruct_persistent_obj),):
        member.__module__, member.__qualname__ = name, member.__name__
        setattr(modules[name], member.__name__, member)
    EasyDict.__module__, EasyDict.__qualname__ = 'dnnlib.util', 'EasyDict'
    modules['dnnlib.util'].EasyDict = EasyDict
    assert not any(name in sys.modules for name in names)
    sys.modules.update(modules)
    try:
        yield _reconstruct_persistent_obj, EasyDict
    finally:
        for name in names:
            del sys.modules[name]


SOURCE = "import pathlib; pathlib.Path('the_source_ran').touch()"  # what must never run
BUFFERS = ('noise_const', 'resample_filter', 'w_avg')


@pytest.fixture(scope='session')
def write_nvidia_pickle():
    """Write networks as NVIDIA's training does; `extra` goes into the generator's state.

    With `packed`, what it makes of the averaged generator is saved by torch.
    """

    def write(path, state, settings=None, extra=None, protocol=4, packed=None, **others):
        with nvidia_modules() as (reconstruct, easy_dict):

            class Persistent(nn.Module):
                def __reduce__(self):
                    meta = dict(type='class', version=6, module_src=SOURCE)
                    meta.update(class_name=self.called, state=self.__dict__)
                    return reconstruct, (meta,), None

            def network(state, settings):
                top = Persistent()
                plain = dict(c_dim=0, img_channels=3, z_dim=STYLE, gain=np.float64(0.5))
                for name, value in {**plain, **settings, **state}.items():
                    module = top
                    for part in name.split('.')[:-1]:
                        if part not in module._modules:
                            module.add_module(part, Persistent())
                        module = module._modules[part]
                    leaf = name.rpartition('.')[2]
                    if not isinstance(value, torch.Tensor):
                        setattr(module, leaf, value)
                    elif leaf in BUFFERS:
                        module.register_buffer(leaf, value.clone())
                    else:
                        module.register_parameter(leaf, nn.Parameter(value.clone(), False))
                for module in top.modules():
                    module.called = 'Generator' if module is top else 'Layer'
                    module._init_args = (STYLE, [1, 3, 3, 1])
                    module._init_kwargs = easy_dict(clamp=None, sizes=np.arange(3))
                return top

            best = network(state, settings or {})
            best.__dict__.update(extra or {})
            content = dict(
                G=network(state, {}),
                D=network({'b4.out.weight': torch.zeros(1, 2)}, {}),
                G_ema=best,
                augment_pipe=None,
                training_set_kwargs=easy_dict(path='faces.zip', xflip=True),
                **others,
            )
            if packed is None:
                path.write_bytes(pickle.dumps(content, protocol=protocol))
            else:
                torch.save(packed(best), path)
        return path

    return write


@pytest.fixture()
def write_source(
    tmp_path, genforce_state, rosinality_state, nvidia_state, write_nvidia_pickle, make_stylegan2
):
    """Write a whole file of a generator format; `change` may edit the state dict first."""

    def write(name, change=lambda state: None):
        path = tmp_path / f'{name}.{"pkl" if name == "nvidia" else "pth"}'
        make = dict(
            genforce=genforce_state,
            rosinality=rosinality_state,
            nvidia=nvidia_state,
            mmgen=lambda: OrderedDict(make_stylegan2().state_dict()),
        )[name]
        state = make()
        change(state)
        if name == 'nvidia':
            return write_nvidia_pickle(path, state)
        key = dict(genforce='generator_smooth', rosinality='g_ema', mmgen='state_dict')[name]
        torch.save({key: state}, path)
        return path

    return write


@pytest.fixture()
def load_converted(tmp_path):
    """Convert a file, and build the generator from the config and file that came out."""

    def load(source, name):
        out = tmp_path / f'converted_{name}.safetensors'
        done = convert_file(source, out, name)
        assert name in FORMATS and done.kind == 'generator'
        return BaseDetailGenerator(dict(done.config), 8, checkpoint=str(out)), done

    return load


@pytest.fixture(scope='session')
def assert_same_images(normal):
    """Compare a reference with a converted generator: mapping, and images of mixed styles."""

    def compare(reference, generator):
        z = normal(5)(2 * generator.num_latents, STYLE)
        with torch.no_grad():
            w = reference.mapping(z.double())
            torch.testing.assert_close(generator.mapping(z).double(), w, atol=1e-4, rtol=1e-5)
            w = w.view(2, generator.num_latents, STYLE)
            wanted = reference.image(w)
            got = generator.to_rgb(generator.synthesis(w.float())).double()
        assert wanted.shape == (2, 3, 32, 32)
        assert wanted.std((0, 2, 3)).min() > 0.1  # all channels show something
        assert (wanted[:, 0] - wanted[:, 2]).abs().mean() > 0.1  # and not the same
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)

    return compare
