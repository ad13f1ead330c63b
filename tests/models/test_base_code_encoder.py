# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import nn

from mmgen_bdinvert.models import BaseCodeEncoder

TINY = dict(base_channels=8, base_size=8, widths=(4, 6, 8))


def images(count=2, size=64, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_layers_are_the_papers():
    config = dict(type='BaseCodeEncoder', base_channels=512)
    with torch.device('meta'):
        layers = list(MODULES.build(config).model)
    block = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    expected = 3 * (3 * block + [nn.AvgPool2d]) + block + [nn.Conv2d]
    assert [type(layer) for layer in layers] == expected
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert len(convs) == 11
    widths = [3, 128, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512]
    assert [(c.in_channels, c.out_channels) for c in convs] == list(zip(widths, widths[1:]))
    assert {(c.kernel_size, c.padding, c.stride) for c in convs} == {((3, 3), (1, 1), (1, 1))}
    assert {m.negative_slope for m in layers if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert {m.kernel_size for m in layers if isinstance(m, nn.AvgPool2d)} == {2}


def test_keys_are_those_of_a_plain_sequential():
    keys = set(BaseCodeEncoder(**TINY).state_dict())
    convs = [0, 3, 6, 10, 13, 16, 20, 23, 26, 30, 33]
    norms = [i + 1 for i in convs[:-1]]
    expected = {f'model.{i}.{part}' for i in convs + norms for part in ('weight', 'bias')}
    statistics = ('running_mean', 'running_var', 'num_batches_tracked')
    expected |= {f'model.{i}.{part}' for i in norms for part in statistics}
    assert keys == expected | {'generator_fingerprint', 'trained_base_size'}


@pytest.mark.parametrize('base_size', [8, 16])
@pytest.mark.parametrize('size', [32, 64, 128, 200])
def test_any_image_size_gives_one_base_code(base_size, size):
    encoder = BaseCodeEncoder(8, base_size, (4, 6, 8)).eval()
    assert encoder.input_size == 8 * base_size
    base = encoder(images(size=size))
    assert base.shape == (2, 8, base_size, base_size)
    reduced = F.interpolate(
        images(size=size), encoder.input_size, mode='bilinear', antialias=True, align_corners=False
    )
    torch.testing.assert_close(base, encoder.model(reduced), rtol=0, atol=1e-6)


def test_red_and_blue_are_told_apart(make_encoder):
    encoder, photo = make_encoder(), images()
    assert (encoder(photo) - encoder(photo.flip(1))).abs().max() > 0.1


@pytest.mark.parametrize(
    'settings',
    [dict(widths=(4, 6)), dict(widths=(4, 0, 8)), dict(base_channels=0), dict(base_size=0)],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(
        ValueError, match='has three widths, but|is a whole number of at least 1, but got 0'
    ):
        BaseCodeEncoder(**{**TINY, **settings})


def test_a_checkpoint_gives_everything_back(make_encoder, make_generator, tmp_path):
    encoder = make_encoder()
    encoder.bind(make_generator().fingerprint)
    bare, trained = tmp_path / 'encoder.pth', tmp_path / 'iter_3.pth'
    torch.save(encoder.state_dict(), bare)
    content = {f'encoder.{k}': v for k, v in encoder.state_dict().items()}
    torch.save(dict(state_dict=content), trained)
    for path in (bare, trained):
        loaded = BaseCodeEncoder(**TINY, checkpoint=str(path)).eval()
        assert torch.equal(loaded(images()), encoder(images()))
        loaded.check_generator(make_generator())
    with pytest.raises(ValueError, match='does not fit this encoder: .*model.0.weight is'):
        BaseCodeEncoder(8, 8, (5, 6, 8), checkpoint=str(bare))


def test_the_generator_it_was_trained_for_is_checked(make_encoder, make_generator):
    encoder, generator = make_encoder(), make_generator()
    encoder.check_generator(generator)  # bound to none, it fits by shape
    encoder.bind(generator.fingerprint)
    encoder.check_generator(make_generator())
    message = rf'trained for another generator \(fingerprint {generator.fingerprint[:12]}…'
    with pytest.raises(ValueError, match=message):
        encoder.check_generator(make_generator(seed=1))


def test_another_base_size_or_width_is_refused(make_encoder, make_generator, tmp_path):
    encoder = make_encoder()
    message = r'shape \(8, 8, 8\) \(trained for size 8\), but the generator takes \(6, 16, 16\)'
    with pytest.raises(ValueError, match=message):
        encoder.check_generator(make_generator(base_size=16))
    # The network itself would run at any size: only the file knows what it was trained for.
    torch.save(make_encoder(6, 8).state_dict(), tmp_path / 'encoder_8x8.pth')
    config = dict(TINY, base_channels=6, base_size=16)
    other = BaseCodeEncoder(**config, checkpoint=str(tmp_path / 'encoder_8x8.pth'))
    with pytest.raises(ValueError, match=r'\(6, 16, 16\) \(trained for size 8\), but'):
        other.check_generator(make_generator(base_size=16))
