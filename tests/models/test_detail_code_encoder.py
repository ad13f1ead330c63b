# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.registry import MODULES
from safetensors.torch import save_file
from torch import nn

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.models import BaseDetailGenerator, DetailCodeEncoder
from mmgen_bdinvert.models.joint_encoder_trainer import frames_of

TINY = dict(input_size=16, widths=(4, 6), features=8)


@pytest.fixture(params=['stylegan1', 'stylegan2'])
def generator(request, make_generator, make_stylegan1):
    if request.param == 'stylegan2':
        return make_generator()
    return BaseDetailGenerator(make_stylegan1(), 8)


def photos(count=2, size=32, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def encoder_of(generator, **settings):
    sizes = {**TINY, **settings}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = DetailCodeEncoder(generator.num_detail, generator.style_dim, **sizes)
    encoder.adapt(generator)
    return encoder.eval()


def random_heads(encoder, seed=0):
    rng = torch.Generator().manual_seed(seed)
    encoder.heads.weight.data = torch.randn(encoder.heads.weight.shape, generator=rng)
    return encoder


def test_an_untrained_encoder_gives_the_mean_style_vector(generator):
    detail = encoder_of(generator)(photos())
    assert detail.shape == (2, generator.num_detail, generator.style_dim)
    expected = generator.mean_latent.expand_as(detail)
    torch.testing.assert_close(detail, expected, rtol=0, atol=1e-6)


def test_each_head_adds_deviations_of_the_generators_style_vectors(generator):
    encoder = encoder_of(generator)
    rng = torch.Generator().manual_seed(0)
    styles = generator.mapping(torch.randn(4096, generator.style_dim, generator=rng))
    steps = torch.randn(generator.num_detail, generator.style_dim, generator=rng)
    encoder.heads.bias.data = steps.flatten().clone()
    expected = generator.mean_latent + steps * styles.std(0)
    torch.testing.assert_close(encoder(photos())[1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('size', [8, 16, 40])
def test_images_of_any_size_are_resized(make_generator, size):
    encoder = random_heads(encoder_of(make_generator()))
    picture = photos(size=size)
    reduced = nn.functional.interpolate(
        picture, 16, mode='bilinear', antialias=True, align_corners=False
    )
    torch.testing.assert_close(encoder(picture), encoder(reduced), rtol=0, atol=1e-6)
    assert (encoder(picture) - encoder(picture.flip(1))).abs().max() > 0.01


def placed(encoder, motion):
    """Let an encoder find the frame of equally moved images."""
    (a, b, x), (_, _, y) = motion.matrix()[:2].tolist()
    encoder.placing[-1].bias.data = torch.tensor([a - 1, -b, x, y])
    return encoder


def test_an_untrained_encoder_takes_the_whole_image_for_the_frame(make_generator):
    frames = encoder_of(make_generator()).locate(photos())
    assert torch.equal(frames, torch.eye(3)[:2].expand(2, 2, 3))


def test_faces_are_read_in_their_frame(make_generator):
    encoder = random_heads(encoder_of(make_generator(), input_size=32))
    smooth = nn.functional.interpolate(photos(1, 4), 32, mode='bilinear')
    face = transform_image(smooth, GeometricTransform(scale=0.4), padding_mode='zeros')
    motion = GeometricTransform(shift=(0.2, -0.1), rotate=90, scale=1.5)
    moved = transform_image(face, motion)
    straight, lost = encoder(face), encoder(moved)
    again = placed(encoder, motion)(moved)
    assert (again - straight).abs().mean() < 0.2 * (lost - straight).abs().mean()
    assert torch.equal(encoder(moved, encoder.locate(moved)), again)


def test_frames_are_those_of_the_motions(make_generator):
    motion = GeometricTransform(shift=(0.2, -0.1), rotate=30, scale=1.5)
    found = placed(encoder_of(make_generator()), motion).locate(photos(2))
    expected = frames_of([motion, None])
    torch.testing.assert_close(found[0], expected[0])
    assert torch.equal(expected[1], torch.eye(3)[:2])


def test_codes_are_float32_under_autocast(make_generator):
    with torch.autocast('cpu', torch.bfloat16):
        assert encoder_of(make_generator())(photos()).dtype == torch.float32


def test_a_checkpoint_brings_all_that_the_encoder_knows(make_generator, tmp_path):
    generator = make_generator()
    encoder = random_heads(encoder_of(generator))
    for prefix in ('', 'detail_encoder.'):
        path = tmp_path / f'{prefix}x.safetensors'
        save_file({f'{prefix}{k}': v for k, v in encoder.state_dict().items()}, path)
        config = dict(TINY, num_detail=generator.num_detail, style_dim=generator.style_dim)
        config.update(type='DetailCodeEncoder', checkpoint=str(path))
        again = MODULES.build(config).eval()
        again.check_generator(generator)
        assert torch.equal(again(photos()), encoder(photos()))


def test_another_generator_is_refused(make_generator):
    encoder = encoder_of(make_generator())
    with pytest.raises(ValueError, match='trained for another generator'):
        encoder.check_generator(make_generator(seed=1))
    with pytest.raises(ValueError, match=r'gives codes of shape \(6, 16\), but .* takes \(4, 16\)'):
        encoder.check_generator(make_generator(base_size=16))
    with pytest.raises(ValueError, match='trained for another generator'):
        encoder.adapt(make_generator(seed=1))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_detail=0), 'num_detail'),
        (dict(style_dim=2.5), 'style_dim'),
        (dict(features=-1), 'features'),
        (dict(widths=(4, 0)), 'a width'),
        (dict(input_size=3), 'input_size'),
    ],
)
def test_wrong_numbers_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        DetailCodeEncoder(**{**TINY, 'num_detail': 6, 'style_dim': 16, **settings})
