# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from mmgen.registry import MODULES
from torch import nn

from mmgen_bdinvert.models import BaseDetailGenerator

BLOCKS = {8: 1, 16: 2, 32: 3}  # number of the s×s block among mmgen's `convs`


@pytest.fixture()
def make_split(make_stylegan1):
    """Return base/detail generators of 64 pixels."""

    def make(base_size=8, seed=0, **kwargs):
        return BaseDetailGenerator(make_stylegan1(64, seed), base_size, **kwargs)

    return make


def full(generator, w_plus):
    """Run mmgen's own forward."""
    return generator.generator([w_plus], input_is_latent=True, randomize_noise=False)


def adain(generator):
    return generator.generator.convs[BLOCKS[generator.base_size]].adain1


def check_split(generator, w_plus):
    caught = []
    hook = adain(generator).register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    with torch.no_grad():
        whole = full(generator, w_plus)
        hook.remove()
        code = generator.split(w_plus)
        result = generator(code.base, code.detail)
    assert torch.equal(code.base, caught[0])
    torch.testing.assert_close(result, whole, rtol=1e-4, atol=1e-4)
    assert torch.equal(generator.synthesis(w_plus), whole)
    assert code.base.std() > 0.1 and whole.std() > 0.1


@pytest.mark.parametrize('base_size', [8, 16, 32])
def test_split_renders_the_full_image(make_split, sample_w_plus, base_size):
    generator = make_split(base_size)
    check_split(generator, sample_w_plus(generator))


def test_split_of_mmgens_own_generator(sample_w_plus):
    config = dict(type='StyleGANv1Generator', out_size=32, style_channels=16, num_mlps=1)
    generator = MODULES.build(dict(type='BaseDetailGenerator', generator=config, base_size=16))
    assert type(generator.generator) is StyleGANv1Generator
    assert generator.base_shape == (512, 16, 16) and generator.resolution == 32
    check_split(generator, sample_w_plus(generator, count=1))


@pytest.mark.parametrize(('base_size', 'first', 'width'), [(8, 2, 8), (16, 4, 6), (32, 6, 6)])
def test_shapes(make_split, sample_w_plus, base_size, first, width):
    generator = make_split(base_size)
    assert generator.base_shape == (width, base_size, base_size)
    assert generator.resolution == 64
    assert (generator.first_detail, generator.num_detail) == (first, 10 - first)
    assert (generator.num_latents, generator.style_dim) == (10, 16)
    code = generator.split(sample_w_plus(generator, count=3))
    assert code.base.shape == (3, *generator.base_shape)
    assert code.detail.shape == (3, 10 - first, 16)


@pytest.mark.parametrize('base_size', [8, 16, 32])
def test_style_vectors_before_m_reach_no_pixel_and_all_others_do(
    make_split, sample_w_plus, base_size
):
    generator = make_split(base_size)
    first = generator.first_detail
    base = generator.split(sample_w_plus(generator, count=1, seed=2)).base
    w_plus = sample_w_plus(generator, count=1).requires_grad_()
    hook = adain(generator).register_forward_pre_hook(lambda module, args: (base, args[1]))
    image = full(generator, w_plus)
    hook.remove()
    quick = generator(base, w_plus[:, first:])
    torch.testing.assert_close(quick, image, rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(image.square().sum(), w_plus)
    reach = gradient.abs().amax((0, 2))
    assert not reach[:first].any() and reach[first:].min() > 0


def test_noise_is_fixed_and_the_base_code_carries_the_noise_before_it(make_split, sample_w_plus):
    generator = make_split(16)
    w_plus = sample_w_plus(generator)
    code = generator.split(w_plus)
    image = generator(code.base, code.detail)
    torch.manual_seed(7)
    assert torch.equal(generator(code.base, code.detail), image)
    rng = torch.Generator().manual_seed(0)
    for number, noise in list(generator.generator.named_buffers()):
        if not number.startswith('injected_noise'):
            continue
        layer, kept = int(number.rpartition('_')[2]), noise.clone()
        noise.copy_(torch.randn(noise.shape, generator=rng))
        in_base = layer <= 4  # noise 4 is that of the first convolution of the 16×16 block
        assert torch.equal(generator.split(w_plus).base, code.base) != in_base
        assert torch.equal(generator(code.base, code.detail), image) == in_base
        noise.copy_(kept)


def test_the_same_code_gives_the_same_picture_from_a_file(
    make_split, stylegan1_config, sample_w_plus, tmp_path
):
    made = make_split()
    code = made.split(sample_w_plus(made))
    weights = {f'generator_ema.{k}': v for k, v in made.generator.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'mmgen.pth')
    torch.manual_seed(11)
    read = BaseDetailGenerator(stylegan1_config(64), 8, str(tmp_path / 'mmgen.pth'))
    read.check_code(code)
    assert torch.equal(read(code.base, code.detail), made(code.base, code.detail))


def test_mean_and_scale_of_a_channel_reach_no_pixel(make_split, make_generator, sample_w_plus):
    generator = make_split(16)
    code = generator.split(sample_w_plus(generator))
    image = generator(code.base, code.detail)
    shape = (2, generator.base_shape[0], 1, 1)
    rng = torch.Generator().manual_seed(0)
    moved = code.base + torch.randn(shape, generator=rng)
    torch.testing.assert_close(generator(moved, code.detail), image, rtol=0, atol=1e-4)
    moved = moved * (0.5 + torch.rand(shape, generator=rng))
    # mmgen adds 1e-5 to each variance, which is not scaled along.
    torch.testing.assert_close(generator(moved, code.detail), image, rtol=0, atol=1e-2)
    assert (generator(-moved, code.detail) - image).abs().max() > 0.1
    assert generator.normalizes_base and not make_generator().normalizes_base


def test_autocast_outside_reaches_the_tail_alone(make_split, sample_w_plus):
    generator = make_split()
    code = generator.split(sample_w_plus(generator))
    image = generator(code.base, code.detail)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = nn.functional.conv2d(image, torch.ones(1, 3, 1, 1)).dtype
        assert half == torch.bfloat16  # it is on
        rounded = generator(code.base, code.detail)
        assert rounded.dtype == torch.float32 and not torch.equal(rounded, image)
        assert (rounded - image).norm() < 0.05 * image.norm()
        assert torch.equal(generator.split(sample_w_plus(generator)).base, code.base)


def test_contract_of_every_family(make_split, make_generator, sample_w_plus, capsys):
    generator = make_split()
    parent = nn.ModuleDict(dict(generator=generator)).train()
    assert not any(module.training for module in parent['generator'].modules())
    assert generator.generator.default_style_mode == 'single'
    assert capsys.readouterr().out == ''  # mmgen prints when it switches the mode
    assert not any(p.requires_grad for p in generator.parameters())
    z = torch.randn(50_000, 16, generator=torch.Generator().manual_seed(9))
    w = generator.mapping(z)
    error = w.std(0) * (1 / 32768 + 1 / len(w)) ** 0.5
    assert ((generator.mean_latent - w.mean(0)).abs() < 5 * error).all()
    w_plus = generator.to_w_plus(w[:2], 0.7)
    expected = 0.3 * generator.mean_latent + 0.7 * w[:2]
    torch.testing.assert_close(w_plus[:, 7], expected)
    assert torch.equal(w_plus[:, 8], w[:2])
    code = generator.split(w_plus)
    generator.check_code(code)
    with pytest.raises(ValueError, match='made with another generator'):
        make_split(seed=1).check_code(code)
    with pytest.raises(ValueError, match='made with another generator'):
        make_generator().check_code(code)
    with pytest.raises(ValueError, match=r'one of \[8, 16, 32\] .* 64 pixels, but got 64'):
        make_split(64)
