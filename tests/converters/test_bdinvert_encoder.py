# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from torch import nn

from mmgen_bdinvert.converters import convert_file
from mmgen_bdinvert.models import BaseCodeEncoder


def authors_network(base_channels=8, widths=(4, 6, 8), seed=0):
    """Return the encoder as the paper has it, written out, in evaluation mode."""
    rng = torch.Generator().manual_seed(seed)
    layers, inputs = [], 3
    for width in widths:
        for _ in range(3):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.LeakyReLU(0.2)]
            inputs = width
        layers += [nn.AvgPool2d(2)]
    layers += [nn.Conv2d(inputs, base_channels, 3, padding=1), nn.BatchNorm2d(base_channels)]
    layers += [nn.LeakyReLU(0.2), nn.Conv2d(base_channels, base_channels, 3, padding=1)]
    network = nn.Sequential(*layers).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.3 * torch.randn(value.shape, generator=rng).abs() + 0.1)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data -= layer.weight.data.mean()
    return network


@pytest.fixture()
def write(tmp_path):
    """Write a checkpoint of the authors' training."""

    def make(network, **more):
        state = {f'model.{name}': value for name, value in network.state_dict().items()}
        optimizer = {'state': {0: {'exp_avg': torch.zeros(3), 'step': 5}}, 'param_groups': []}
        scheduler = {'last_epoch': 5, '_last_lr': [0.001]}
        content = dict(encoder=state, optimizer=optimizer, scheduler=scheduler, epoch=5)
        torch.save({**content, **more}, tmp_path / 'encoder_final.pth')
        return tmp_path / 'encoder_final.pth'

    return make


def test_the_encoder_gives_the_same_base_codes(tmp_path, write):
    network, out = authors_network(), tmp_path / 'e.safetensors'
    done = convert_file(write(network), out, 'bdinvert-encoder')
    assert done.used == len(network.state_dict()) == 10 * 7 + 2
    assert done.set_aside == {'optimizer.state.0.exp_avg': 'the state of an optimiser'}
    assert done.config == dict(
        type='BaseCodeEncoder', base_channels=8, base_size=16, widths=(4, 6, 8)
    )
    encoder = BaseCodeEncoder(8, 16, (4, 6, 8), checkpoint=str(out)).eval()
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        wanted, found = network(images), encoder(images)
    assert wanted.std() > 0.01
    # Not every processor convolves both memory layouts alike, to the last bit.
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_the_base_size_is_told_and_kept(tmp_path, write, make_generator):
    out = tmp_path / 'e.safetensors'
    convert_file(write(authors_network()), out, 'bdinvert-encoder', base_size=8)
    encoder = BaseCodeEncoder(8, 8, (4, 6, 8), checkpoint=str(out))
    encoder.check_generator(make_generator(base_size=8))  # fits any generator of its channels
    wrong = BaseCodeEncoder(8, 16, (4, 6, 8), checkpoint=str(out))
    with pytest.raises(ValueError, match='trained for size 8'):
        wrong.check_generator(make_generator(base_size=8))


def test_an_encoder_of_another_shape_is_refused(tmp_path, write):
    # Their last two convolutions have the base code's channels; here only the last has.
    source = write(authors_network(base_channels=5))
    with pytest.raises(ValueError, match=r'model\.30\.weight is \(5, 8, 3, 3\) instead of'):
        convert_file(source, tmp_path / 'e.safetensors', 'bdinvert-encoder')


def test_a_tensor_that_nobody_knows_is_refused(tmp_path, write):
    source = write(authors_network(), head={'weight': torch.zeros(2)})
    with pytest.raises(ValueError, match='head.weight beside encoder is not known'):
        convert_file(source, tmp_path / 'e.safetensors', 'bdinvert-encoder')
    assert not (tmp_path / 'e.safetensors').exists()
