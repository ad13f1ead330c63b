# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The converted generator against StyleGAN2 written out in GenForce's own conventions."""

import pytest
import torch
import torch.nn.functional as F


class Reference:
    """GenForce's StyleGAN2: correlations throughout, styles start from 1, RGB, skip summed."""

    def __init__(self, state):
        self.state = {name: value.double() for name, value in state.items()}

    def dense(self, x, name, rate=1.0, extra=0.0):
        weight = self.state[f'{name}.weight']
        return (
            x @ weight.T * (rate / weight.shape[1] ** 0.5)
            + self.state[f'{name}.bias'] * rate
            + extra
        )

    def mapping(self, z):
        x, i = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt(), 0
        while f'mapping.dense{i}.weight' in self.state:
            x = F.leaky_relu(self.dense(x, f'mapping.dense{i}', rate=0.01), 0.2) * 2**0.5
            i += 1
        return x

    def weight(self, name, w):
        """Modulated weights of each image, (n, O, I, k, k)."""
        weight = self.state[f'{name}.weight']
        weight = weight / weight[0].numel() ** 0.5
        return weight * self.dense(w, f'{name}.style', extra=1.0)[:, None, :, None, None]

    def layer(self, i, x, w):
        name = f'synthesis.layer{i}'
        weight = self.weight(name, w)
        weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
        if i % 2:  # zeros between the pixels, correlation with the kernel, then the filter
            n, c, h, _ = x.shape
            spread = x.new_zeros(n, c, 2 * h - 1, 2 * h - 1)
            spread[:, :, ::2, ::2] = x
            x = torch.stack([F.conv2d(a[None], b, padding=2)[0] for a, b in zip(spread, weight)])
            x = self.filter(F.pad(x, (1, 1, 1, 1)), f'{name}.filter.kernel')
        else:
            x = torch.stack([F.conv2d(a[None], b, padding=1)[0] for a, b in zip(x, weight)])
        x = x + self.state[f'{name}.noise'] * self.state[f'{name}.noise_strength']
        return F.leaky_relu(x + self.state[f'{name}.bias'][:, None, None], 0.2) * 2**0.5

    def filter(self, x, name):
        n, c, h, w = x.shape
        kernel = self.state[name]
        return F.conv2d(x.reshape(n * c, 1, h, w), kernel).reshape(n, c, h - 3, w - 3)

    def image(self, w):
        x = self.state['synthesis.early_layer.const'].expand(len(w), -1, -1, -1)
        image = 0
        for i in range(w.shape[1] - 1):
            x = self.layer(i, x, w[:, i])
            if i % 2 == 0:
                name = f'synthesis.output{i // 2}'
                rgb = torch.einsum('nihw,noi->nohw', x, self.weight(name, w[:, i + 1])[..., 0, 0])
                if i:
                    n, c, h, _ = image.shape
                    spread = image.new_zeros(n, c, 2 * h, 2 * h)
                    spread[:, :, ::2, ::2] = image
                    spread = F.pad(spread, (2, 1, 2, 1))
                    rgb = rgb + self.filter(spread, 'synthesis.upsample.kernel')
                image = rgb + self.state[f'{name}.bias'][:, None, None]
        return image


@pytest.mark.parametrize('key', ['generator_smooth', 'generator', 'models.generator_smooth', ''])
def test_images_agree_whatever_container_the_weights_stand_in(
    tmp_path, genforce_state, load_converted, assert_same_images, key
):
    state = genforce_state()
    content = state
    for part in reversed(key.split('.') if key else []):
        content = {part: content}
    torch.save(content, tmp_path / 'g.pth')
    generator, done = load_converted(tmp_path / 'g.pth', 'genforce')
    assert_same_images(Reference(state), generator)
    assert done.used == len(state) and not done.set_aside
    assert torch.equal(generator.generator.w_avg, state['truncation.w_avg'])


def test_the_averaged_generator_is_preferred_and_the_rest_accounted_for(
    tmp_path, genforce_state, load_converted, assert_same_images
):
    best, other = genforce_state(1), genforce_state(2)
    discriminator = {'input0.weight': torch.zeros(2, 3, 1, 1)}
    optimizers = {'generator': {'state': {0: {'exp_avg': torch.zeros(3)}}, 'param_groups': []}}
    content = dict(generator=other, discriminator=discriminator, generator_smooth=best)
    torch.save({**content, 'optimizers': optimizers}, tmp_path / 'g.pth')
    generator, done = load_converted(tmp_path / 'g.pth', 'genforce')
    assert_same_images(Reference(best), generator)
    assert done.used + len(done.set_aside) == len(best) + len(other) + 2
    assert done.set_aside['discriminator.input0.weight'] == 'the discriminator'


def test_a_conditional_generator_is_said_to_be_one(write_source, load_converted):
    source = write_source(
        'genforce', lambda state: state.update({'mapping.label_weight': torch.zeros(2, 16)})
    )
    with pytest.raises(ValueError, match='it is conditional, and normalises z and class together'):
        load_converted(source, 'genforce')
