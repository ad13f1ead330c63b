# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The converted generator against StyleGAN2 written out in NVIDIA's own conventions."""

import os

import pytest
import torch
import torch.nn.functional as F


class Reference:
    """stylegan2-ada-pytorch: up-sample with the filter first, then truly convolve; RGB.

    NVIDIA's code transposes the convolution and filters after it, for speed. Both orders are the
    same map, since convolutions commute.
    """

    def __init__(self, state):
        self.state = {name: value.double() for name, value in state.items()}

    def linear(self, x, name, rate=1.0):
        weight = self.state[f'{name}.weight']
        x = torch.einsum('ni,oi->no', x, weight) * rate / weight.shape[1] ** 0.5
        return x + self.state[f'{name}.bias'] * rate

    def mapping(self, z):
        x, i = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt(), 0
        while f'mapping.fc{i}.weight' in self.state:
            x = F.leaky_relu(self.linear(x, f'mapping.fc{i}', 0.01), 0.2) * 2**0.5
            i += 1
        return x

    def upsample(self, x, kernel, pad):
        """Put zeros between pixels, pad, convolve with the filter, times 4."""
        spread = torch.kron(x.contiguous(), x.new_tensor([[1.0, 0.0], [0.0, 0.0]]))
        return self.correlate(F.pad(spread, pad), 4 * kernel.flip(0, 1))

    def correlate(self, x, kernel):
        windows = x.unfold(2, 4, 1).unfold(3, 4, 1)  # [NCHWkk]
        return torch.einsum('nchwij,ij->nchw', windows, kernel)

    def layer(self, name, x, w):
        weight, up = self.state[f'{name}.weight'], name.endswith('conv0')
        style = self.linear(w, f'{name}.affine')
        energy = torch.einsum('oikl,ni->no', weight.square(), style.square())
        x = x * style[:, :, None, None]
        if up:
            # One more pixel all around, which the convolution below takes away again.
            x = self.upsample(x, self.state[f'{name}.resample_filter'], (3, 2, 3, 2))
            x = F.conv2d(x, weight.flip(2, 3))
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x * (energy + 1e-8).rsqrt()[:, :, None, None]
        x = x + self.state[f'{name}.noise_const'] * self.state[f'{name}.noise_strength']
        return F.leaky_relu(x + self.state[f'{name}.bias'][:, None, None], 0.2) * 2**0.5

    def image(self, w):
        x = self.state['synthesis.b4.const'].repeat(len(w), 1, 1, 1)
        image, i = None, 0
        for size in (4, 8, 16, 32):
            block = f'synthesis.b{size}'
            for name in ('conv0', 'conv1') if size > 4 else ('conv1',):
                x = self.layer(f'{block}.{name}', x, w[:, i])
                i += 1
            weight = self.state[f'{block}.torgb.weight'][:, :, 0, 0]
            style = self.linear(w[:, i], f'{block}.torgb.affine') / weight.shape[1] ** 0.5
            rgb = torch.einsum('nihw,oi,ni->nohw', x, weight, style)
            rgb = rgb + self.state[f'{block}.torgb.bias'][:, None, None]
            if image is not None:
                kernel = self.state[f'{block}.resample_filter']
                rgb = rgb + self.upsample(image, kernel, (2, 1, 2, 1))
            image = rgb
        return image


@pytest.mark.parametrize('protocol', [3, 4])  # Python 3.7's and 3.8's
def test_images_agree_and_no_source_code_in_the_pickle_runs(
    tmp_path,
    monkeypatch,
    nvidia_state,
    write_nvidia_pickle,
    load_converted,
    assert_same_images,
    protocol,
):
    monkeypatch.chdir(tmp_path)
    state = nvidia_state()
    path = write_nvidia_pickle(tmp_path / 'network.pkl', state, protocol=protocol)
    assert b'the_source_ran' in path.read_bytes()
    generator, done = load_converted(path, 'nvidia')
    assert_same_images(Reference(state), generator)
    # The filters of 4 layers that do not resample and of the first block.
    inside = [name for name in done.set_aside if name.startswith('G_ema.')]
    assert done.used == len(state) - 5 and len(inside) == 5
    assert len(done.set_aside) == 5 + len(state) + 1  # G and D
    assert 'the_source_ran' not in os.listdir(tmp_path)


def test_a_bare_state_dict_is_taken_too(tmp_path, nvidia_state, load_converted, assert_same_images):
    state = nvidia_state()
    torch.save(state, tmp_path / 'network.pt')
    assert_same_images(Reference(state), load_converted(tmp_path / 'network.pt', 'nvidia')[0])


def test_half_precision_and_channels_last_weights_are_read(
    tmp_path, nvidia_state, write_nvidia_pickle, load_converted, assert_same_images
):
    state = {name: value.half() for name, value in nvidia_state().items()}
    for name, value in state.items():
        if value.ndim == 4:
            state[name] = value.to(memory_format=torch.channels_last)
    path = write_nvidia_pickle(tmp_path / 'network.pkl', state)
    assert_same_images(Reference(state), load_converted(path, 'nvidia')[0])


@pytest.mark.parametrize(
    ('setting', 'value'),
    [
        ('img_channels', 1),
        ('mapping.fc1.activation', 'relu'),
        ('mapping.fc0.bias_gain', 0.1),
        ('synthesis.b8.architecture', 'resnet'),
        ('synthesis.b8.conv0.activation', 'relu'),
    ],
)
def test_a_setting_that_mmgen_does_not_have_is_refused(
    tmp_path, nvidia_state, write_nvidia_pickle, load_converted, setting, value
):
    path = write_nvidia_pickle(tmp_path / 'n.pkl', nvidia_state(), {setting: value})
    with pytest.raises(ValueError, match=f'{setting}=.* but this one has {value!r}'):
        load_converted(path, 'nvidia')


def test_the_clamp_of_the_source_is_noted(
    tmp_path, nvidia_state, write_nvidia_pickle, load_converted
):
    settings = {'synthesis.b32.conv0.conv_clamp': 256, 'synthesis.b4.conv1.conv_clamp': None}
    path = write_nvidia_pickle(tmp_path / 'n.pkl', nvidia_state(), settings)
    assert load_converted(path, 'nvidia')[1].facts['source_clamp'] == '256'


def test_a_stylegan3_is_named(tmp_path, nvidia_state, write_nvidia_pickle, load_converted):
    state = {'synthesis.input.freqs': torch.zeros(4, 2), 'synthesis.L0_36_8.weight': torch.zeros(2)}
    path = write_nvidia_pickle(tmp_path / 'n.pkl', state)
    with pytest.raises(ValueError, match='it is a StyleGAN3'):
        load_converted(path, 'nvidia')
