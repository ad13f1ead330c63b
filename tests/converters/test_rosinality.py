# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The converted generator against StyleGAN2 written out in rosinality's own conventions."""

import argparse

import torch
import torch.nn.functional as F


def convolve(x, kernel):
    """Convolve each channel with an FIR kernel, in the mathematical sense: flipped."""
    taps = kernel.flip(0, 1).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, taps, groups=x.shape[1])


class Reference:
    """rosinality's StyleGAN2: transposed convolutions that take the kernels as stored, RGB."""

    def __init__(self, state):
        self.state = {name: value.double() for name, value in state.items()}

    def mapping(self, z):
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for i in range(1, 99):
            if f'style.{i}.weight' not in self.state:
                return x
            weight = self.state[f'style.{i}.weight'] * (0.01 / z.shape[1] ** 0.5)
            x = F.linear(x, weight, self.state[f'style.{i}.bias'] * 0.01)
            x = 2**0.5 * F.leaky_relu(x, 0.2)

    def weight(self, name, w, demodulate=True):
        """Weights of one image, (O, I, k, k), for its style vector (D,)."""
        weight = self.state[f'{name}.weight'][0]
        style = self.state[f'{name}.modulation.weight'] @ w / len(w) ** 0.5
        style = style + self.state[f'{name}.modulation.bias']
        weight = weight * style[:, None, None] / weight[0].numel() ** 0.5
        if demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        return weight

    def layer(self, i, x, w):
        name = f'convs.{i - 1}' if i else 'conv1'
        weight = self.weight(f'{name}.conv', w)
        if i % 2:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = convolve(F.pad(x, (1, 1, 1, 1)), self.state[f'{name}.conv.blur.kernel'])
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x + self.state[f'{name}.noise.weight'] * self.state[f'noises.noise_{i}']
        return 2**0.5 * F.leaky_relu(x + self.state[f'{name}.activate.bias'][:, None, None], 0.2)

    def image(self, w):
        return torch.cat([self.one(w_plus) for w_plus in w])

    def one(self, w):
        x, image = self.state['input.input'], 0
        for i in range(len(w) - 1):
            x = self.layer(i, x, w[i])
            if i % 2:
                continue
            name = f'to_rgbs.{i // 2 - 1}' if i else 'to_rgb1'
            rgb = F.conv2d(x, self.weight(f'{name}.conv', w[i + 1], demodulate=False))
            if i:
                spread = F.interpolate(image, scale_factor=2, mode='nearest')
                spread[:, :, 1::2] = spread[:, :, :, 1::2] = 0
                kernel = self.state[f'{name}.upsample.kernel']
                rgb = rgb + convolve(F.pad(spread, (2, 1, 2, 1)), kernel)
            image = rgb + self.state[f'{name}.bias']
        return image


def test_images_agree(tmp_path, rosinality_state, load_converted, assert_same_images):
    state = rosinality_state()
    torch.save({'g_ema': state, 'latent_avg': torch.zeros(16)}, tmp_path / 'g.pt')
    generator, done = load_converted(tmp_path / 'g.pt', 'rosinality')
    assert_same_images(Reference(state), generator)
    assert done.used == len(state)
    assert list(done.set_aside) == ['latent_avg']


def test_a_whole_training_checkpoint_is_read_with_the_arguments_in_it(
    tmp_path, rosinality_state, load_converted, assert_same_images
):
    best, other = rosinality_state(1), rosinality_state(2)
    optimizer = {'state': {0: {'exp_avg': torch.zeros(2)}}, 'param_groups': [{'lr': 0.002}]}
    content = dict(
        g=other,
        d={'convs.0.0.weight': torch.zeros(2, 3, 1, 1)},
        g_ema=best,
        g_optim=optimizer,
        d_optim=optimizer,
        args=argparse.Namespace(size=32, path='faces.lmdb'),
        ada_aug_p=0.1,
    )
    torch.save(content, tmp_path / '010000.pt')
    generator, done = load_converted(tmp_path / '010000.pt', 'rosinality')
    assert_same_images(Reference(best), generator)
    assert done.used == len(best)
    assert len(done.set_aside) == len(other) + 3
    assert done.set_aside['g_optim.state.0.exp_avg'] == 'the state of an optimiser'
