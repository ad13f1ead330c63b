# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v2 import StyleGANv2Generator
from mmgen.registry import MODULES
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from mmgen_bdinvert.io import save_png, tensor_to_image
from mmgen_bdinvert.models import BaseDetailGenerator

BLOCKS = {8: 0, 16: 1, 32: 2}  # number of the s×s block among mmgen's `to_rgbs`


@contextlib.contextmanager
def hooked(stylegan2, base_size, base=None, replace=None):
    """Run mmgen's own forward without its coarse RGB, and catch or replace the base code."""
    block = BLOCKS[base_size]

    def drop(module, inputs, output):
        return torch.zeros_like(output)

    def at_base(module, inputs, output):
        if base is not None:
            base.append(output)
        return replace

    coarse = [stylegan2.to_rgb1, *stylegan2.to_rgbs[:block]]
    handles = [layer.register_forward_hook(drop) for layer in coarse]
    handles.append(stylegan2.convs[2 * block].register_forward_hook(at_base))
    yield
    for handle in handles:
        handle.remove()


def full(stylegan2, w_plus):
    return stylegan2([w_plus], input_is_latent=True, randomize_noise=False)


def check_split(generator, base_size, w_plus):
    stylegan2, base = generator.generator, []
    with torch.no_grad():
        with hooked(stylegan2, base_size, base):
            expected = full(stylegan2, w_plus)
        code = generator.split(w_plus)
        result = generator(code.base, code.detail)
        whole = full(stylegan2, w_plus)
        torch.testing.assert_close(
            generator.render(generator.whole_code(w_plus)), whole, rtol=1e-4, atol=1e-5
        )
    torch.testing.assert_close(code.base, base[0], rtol=0, atol=0)
    # Frozen layers sum in another order than mmgen's: equal but for float32's rounding.
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(generator.synthesis(w_plus), whole, rtol=0, atol=0)
    assert (result - whole).abs().max() > 0.1  # the coarse RGB is there to be dropped
    assert code.base.std() > 0.1 and result.std() > 0.1


@pytest.mark.parametrize('base_size', [8, 16, 32])
def test_split_renders_the_full_image_without_its_coarse_rgb(
    make_generator, sample_w_plus, base_size
):
    generator = make_generator(base_size, 64)
    check_split(generator, base_size, sample_w_plus(generator))


def test_split_of_mmgens_own_generator(sample_w_plus):
    config = dict(type='StyleGANv2Generator', out_size=32, style_channels=16, num_mlps=1)
    generator = MODULES.build(dict(type='BaseDetailGenerator', generator=config, base_size=16))
    assert type(generator.generator) is StyleGANv2Generator
    assert generator.base_shape == (512, 16, 16) and generator.resolution == 32
    check_split(generator, 16, sample_w_plus(generator, count=1))


@pytest.mark.parametrize(('base_size', 'first', 'width'), [(8, 2, 8), (16, 4, 6), (32, 6, 6)])
def test_shapes(make_generator, sample_w_plus, base_size, first, width):
    generator = make_generator(base_size, 64)
    assert generator.base_shape == (width, base_size, base_size)
    assert (generator.base_size, generator.resolution) == (base_size, 64)
    assert (generator.first_detail, generator.num_detail) == (first, 10 - first)
    assert (generator.num_latents, generator.style_dim) == (10, 16)
    code = generator.split(sample_w_plus(generator, count=3))
    assert code.base.shape == (3, *generator.base_shape)
    assert code.detail.shape == (3, 10 - first, 16)
    assert (code.fingerprint, code.channel_order) == (generator.fingerprint, 'bgr')


@pytest.mark.parametrize('base_size', [8, 16, 32])
def test_style_vectors_before_m_reach_no_pixel_and_all_others_do(
    make_generator, sample_w_plus, base_size
):
    generator = make_generator(base_size, 64)
    first = generator.first_detail
    base = generator.split(sample_w_plus(generator, count=1, seed=2)).base
    w_plus = sample_w_plus(generator, count=1).requires_grad_()
    with hooked(generator.generator, base_size, replace=base):
        image = full(generator.generator, w_plus)
    result = generator(base, w_plus[:, first:])
    torch.testing.assert_close(result, image, rtol=0, atol=1e-5)
    (gradient,) = torch.autograd.grad(image.square().sum(), w_plus)
    reach = gradient.abs().amax((0, 2))
    assert not reach[:first].any() and reach[first:].min() > 0


def test_frozen_in_eval_mode_and_with_fixed_noise_under_a_training_parent(
    make_generator, sample_w_plus
):
    generator = make_generator()
    parent = nn.ModuleDict(dict(generator=generator, own=nn.Linear(1, 1))).train()
    assert parent['own'].training
    assert not any(module.training for module in generator.modules())
    assert generator.generator.default_style_mode == 'single'
    assert not any(p.requires_grad for p in generator.parameters())
    code = generator.split(sample_w_plus(generator))
    image = generator(code.base, code.detail)
    torch.manual_seed(7)
    assert torch.equal(generator(code.base, code.detail), image)
    generator.generator.injected_noise_4.add_(1)  # it is this buffer that is used
    assert not torch.equal(generator(code.base, code.detail), image)


@pytest.mark.parametrize('base_size', [4, 12, 64, 128])
def test_bad_base_sizes_are_refused(make_stylegan2, base_size):
    message = rf'one of \[8, 16, 32\] for a generator of 64 pixels, but got {base_size}\.'
    with pytest.raises(ValueError, match=message):
        BaseDetailGenerator(make_stylegan2(64), base_size)


def test_other_generators_and_settings_are_refused(make_stylegan2, make_generator, sample_w_plus):
    with pytest.raises(TypeError, match='StyleGANv1Generator, StyleGANv2Generator.*Linear'):
        BaseDetailGenerator(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="'bgr' or 'rgb', but got 'hsv'"):
        BaseDetailGenerator(make_stylegan2(), 8, channel_order='hsv')
    generator = make_generator()
    w_plus = sample_w_plus(generator)
    for bad in (w_plus[:, 1:], w_plus[0], w_plus[..., 1:]):
        with pytest.raises(ValueError, match=r'w_plus has the shape \(n, 8, 16\), but got'):
            generator.split(bad)


def test_building_draws_nothing_from_the_global_stream(generator_config):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    BaseDetailGenerator(generator_config(), 8)
    assert torch.equal(torch.rand(4), expected)


def test_mean_latent(make_generator):
    generator = make_generator()
    mean = generator.mean_latent
    torch.manual_seed(5)
    assert torch.equal(make_generator().mean_latent, mean)
    assert mean.shape == (16,) and mean.dtype == torch.float32
    z = torch.randn(100_000, 16, generator=torch.Generator().manual_seed(9))
    w = generator.mapping(z).double()
    error = w.std(0) * (1 / 32768 + 1 / len(w)) ** 0.5
    assert ((mean - w.mean(0)).abs() < 5 * error).all()
    double = make_generator().double()
    torch.testing.assert_close(double.mean_latent.float(), mean, rtol=0, atol=1e-6)
    other = make_generator(seed=1)
    generator.load_state_dict(other.state_dict())  # what was cached is gone
    assert torch.equal(generator.mean_latent, other.mean_latent)
    assert generator.fingerprint == other.fingerprint


def test_truncation(make_generator):
    generator = make_generator(8, 64)
    w = generator.mapping(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)))
    mean, plain = generator.mean_latent, generator.to_w_plus(w)
    assert torch.equal(plain, w[:, None].expand(3, 10, 16))
    w_plus = generator.to_w_plus(w, 0.7)
    torch.testing.assert_close(w_plus[:, :8], (0.3 * mean + 0.7 * w)[:, None].expand(3, 8, 16))
    assert torch.equal(w_plus[:, 8:], plain[:, 8:])
    short = generator.to_w_plus(w, 0.0, truncation_layers=3)
    torch.testing.assert_close(short[:, :3], mean.expand(3, 3, 16))
    assert torch.equal(short[:, 3:], plain[:, 3:])


@pytest.mark.parametrize('order', ['bgr', 'rgb'])
def test_red_stays_red(make_stylegan2, sample_w_plus, tmp_path, order):
    stylegan2 = make_stylegan2()
    for parameter in itertools.chain(*(layer.parameters() for layer in stylegan2.to_rgbs)):
        nn.init.zeros_(parameter)
    red = torch.tensor([1.0, -1, -1])
    stylegan2.to_rgbs[-1].bias.data.copy_((red.flip(0) if order == 'bgr' else red).view(1, 3, 1, 1))
    generator = BaseDetailGenerator(stylegan2, 8, channel_order=order)
    code = generator.split(sample_w_plus(generator, count=1))
    image = generator(code.base, code.detail)
    rgb = generator.to_rgb(image)
    assert torch.equal(rgb, red.view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert torch.equal(generator.to_rgb(rgb), image)  # its own inverse
    for picture in (tensor_to_image(image, order), tensor_to_image(rgb, 'rgb')):
        save_png(tmp_path / 'red.png', picture)
        assert np.unique(np.array(Image.open(tmp_path / 'red.png')), axis=1).tolist() == (
            [[[255, 0, 0]]] * 32
        )


def test_fingerprint_tells_weights_apart(make_generator):
    fingerprint = make_generator().fingerprint
    assert len(fingerprint) == 64 and int(fingerprint, 16) > 0
    assert make_generator().fingerprint == fingerprint
    assert make_generator(base_size=16).fingerprint == fingerprint  # the base size is no weight
    assert make_generator(seed=1).fingerprint != fingerprint
    for name in ('injected_noise_3', 'style_mapping.1.bias', 'to_rgbs.0.bias'):
        changed = make_generator()
        changed.generator.state_dict()[name].add_(1e-3)
        assert changed.fingerprint != fingerprint


def test_weights_that_are_loaded_into_the_generator_itself_are_noticed(
    make_generator, make_stylegan2
):
    generator, other = make_generator(), make_generator(seed=1)
    before = generator.fingerprint, generator.mean_latent, generator.mean_base
    generator.generator.load_state_dict(make_stylegan2(seed=1).state_dict())
    assert generator.fingerprint == other.fingerprint != before[0]
    assert torch.equal(generator.mean_latent, other.mean_latent)
    assert torch.equal(generator.mean_base, other.mean_base)
    with torch.no_grad():
        generator.generator.injected_noise_0.add_(1)  # a buffer
    assert generator.fingerprint != other.fingerprint


def test_fingerprint_does_not_depend_on_how_the_weights_are_kept(
    make_stylegan2, generator_config, tmp_path
):
    stylegan2 = make_stylegan2().half().float()  # values that half precision holds
    expected = BaseDetailGenerator(stylegan2, 8).fingerprint
    weights = stylegan2.state_dict()
    for dtype in (torch.float16, torch.float32, torch.float64):
        cast = {k: v.to(dtype).contiguous() for k, v in weights.items()}
        torch.save(cast, tmp_path / 'weights.pth')
        save_file(cast, tmp_path / 'weights.safetensors')
        for file in ('weights.pth', 'weights.safetensors'):
            checkpoint = str(tmp_path / file)
            generator = BaseDetailGenerator(generator_config(), 8, checkpoint)
            assert generator.fingerprint == expected
            assert next(generator.parameters()).dtype == torch.float32
    assert BaseDetailGenerator(stylegan2, 8).double().fingerprint == expected


def test_codes_of_another_generator_are_refused(make_generator, sample_w_plus):
    generator = make_generator()
    code = generator.split(sample_w_plus(generator))
    generator.check_code(code)
    with pytest.raises(ValueError, match=r'x.safetensors was made with another generator'):
        make_generator(seed=1).check_code(code, name='x.safetensors')
    with pytest.raises(ValueError, match=r'base and detail shapes .*\(8, 8, 8\), \(6, 16\)'):
        make_generator(base_size=16).check_code(code)
    with pytest.raises(ValueError, match="made with channel_order='rgb'"):
        generator.check_code(replace(code, channel_order='rgb'))
