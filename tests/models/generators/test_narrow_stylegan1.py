# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.models.architectures.stylegan.generator_discriminator_v1 import StyleGANv1Generator
from mmgen.registry import MODULES

from mmgen_bdinvert.models import NarrowStyleGANv1Generator

STOCK = {4: 512, 8: 512}  # mmgen's own widths, the only ones it offers
NARROW = {4: 8, 8: 6, 16: 4}


def test_generator_of_mmgens_width_gives_mmgens_images():
    torch.manual_seed(0)
    stock = StyleGANv1Generator(8, 16, num_mlps=1)
    ours = NarrowStyleGANv1Generator(8, 16, STOCK, num_mlps=1)
    assert list(ours.state_dict()) == list(stock.state_dict())
    ours.load_state_dict(stock.state_dict())
    z = torch.randn(2, 16)
    with torch.no_grad():
        expected = stock([z], randomize_noise=False)
        result = ours([z], randomize_noise=False)
    assert expected.std() > 0.1
    assert torch.equal(result, expected)


def test_widths_are_those_asked_for():
    config = dict(type='NarrowStyleGANv1Generator', out_size=16, style_channels=5, channels=NARROW)
    generator = MODULES.build(config)
    assert generator.channels == NARROW
    assert generator.convs[0].conv1.input.shape == (1, 8, 4, 4)
    assert [block.conv2.out_channels for block in generator.convs] == [8, 6, 4]
    assert [block.adain1.norm.num_features for block in generator.convs] == [8, 6, 4]
    assert [layer.in_channels for layer in generator.to_rgbs] == [8, 6, 4]
    assert len(generator.style_mapping) == 9  # mmgen's default of 8 layers, after PixelNorm
    assert generator(torch.randn(2, 5)).shape == (2, 3, 16, 16)
    strings = {str(size): width for size, width in NARROW.items()}
    assert NarrowStyleGANv1Generator(16, 5, strings, num_mlps=1).channels == NARROW


def test_it_learns_to_reconstruct():
    torch.manual_seed(0)
    generator = NarrowStyleGANv1Generator(16, 8, {4: 8, 8: 8, 16: 8}, num_mlps=1, lr_mlp=0.1)
    z, target = torch.randn(4, 8), torch.zeros(4, 3, 16, 16)
    target[:2, :, 4:12, 4:12] = 1.0
    target[2:, 0] = -0.5
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        loss = (generator([z], randomize_noise=False) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    # All but the colours of smaller images, which a fully grown generator does not use, learns.
    still = {name for name, p in generator.named_parameters() if p.grad is None}
    assert still == {f'to_rgbs.{i}.conv.{kind}' for i in (0, 1) for kind in ('weight_orig', 'bias')}


@pytest.mark.parametrize(
    ('size', 'table', 'message'),
    [
        (16, {4: 8, 16: 4}, r'every resolution from 4 to 16, but got .* without \[8\]'),
        (12, NARROW, 'power of two from 8 up, but got 12'),
    ],
)
def test_bad_sizes_and_widths_are_refused(size, table, message):
    with pytest.raises(ValueError, match=message):
        NarrowStyleGANv1Generator(size, 5, table)
