# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""StyleGAN1 written out in GenForce's own conventions, against the generator that is converted."""

import pytest
import torch
import torch.nn.functional as F

from mmgen_bdinvert.converters import convert_file
from mmgen_bdinvert.models import BaseDetailGenerator

STYLE, LAYERS = 16, 2


def make_state(normal, size):
    draw, state = normal(), {}
    widths = {4 * 2**k: 4 + k for k in range(9) if 4 * 2**k <= size}
    for i in range(LAYERS):
        state[f'mapping.dense{i}.weight'] = draw(STYLE, STYLE) / 0.01
        state[f'mapping.dense{i}.bias'] = 20 * draw(STYLE)
    state['truncation.w_avg'] = draw(STYLE)
    state['synthesis.lod'] = torch.zeros(())
    for i in range(2 * len(widths)):
        name, side = f'synthesis.layer{i}', 4 * 2 ** (i // 2)
        width, inputs = widths[side], widths[side // 2 if i % 2 == 0 and i else side]
        state[f'{name}.bias'] = 0.5 * draw(width)
        state[f'{name}.apply_noise.noise'] = draw(1, 1, side, side)
        state[f'{name}.apply_noise.weight'] = 0.3 * draw(width)
        state[f'{name}.style.weight'] = draw(2 * width, STYLE)
        state[f'{name}.style.bias'] = 0.3 * draw(2 * width)
        if i == 0:
            state[f'{name}.const'] = draw(1, width, 4, 4)
            continue
        state[f'{name}.weight'] = draw(width, inputs, 3, 3)
        if i % 2 == 0:
            kernel = draw(3, 3).abs() + 0.1  # without symmetry, so that a flip shows
            state[f'{name}.blur.kernel'] = (kernel / kernel.sum()).expand(width, 1, 3, 3).clone()
    for i, width in enumerate(widths.values()):
        state[f'synthesis.output{i}.weight'] = 0.3 * draw(3, width, 1, 1)
        state[f'synthesis.output{i}.bias'] = draw(3)
    return state


class Reference:
    def __init__(self, state):
        self.state = {name: value.double() for name, value in state.items()}

    def scaled(self, name, gain):
        weight = self.state[f'{name}.weight']
        return weight * gain / weight[0].numel() ** 0.5

    def mapping(self, z):
        x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for i in range(LAYERS):
            name = f'mapping.dense{i}'
            x = F.linear(x, self.scaled(name, 2**0.5) * 0.01, self.state[f'{name}.bias'] * 0.01)
            x = F.leaky_relu(x, 0.2)
        return x

    def layer(self, i, x, w):
        name = f'synthesis.layer{i}'
        if i:
            weight = self.scaled(name, 2**0.5)
            if i % 2 == 0 and 4 * 2 ** (i // 2) >= 128:  # one transposed convolution of 4×4
                wide = F.pad(weight, (1, 1, 1, 1))
                wide = (
                    wide[..., 1:, 1:]
                    + wide[..., :-1, 1:]
                    + wide[..., 1:, :-1]
                    + wide[..., :-1, :-1]
                )
                x = F.conv_transpose2d(x, wide.transpose(0, 1), stride=2, padding=1)
            else:
                if i % 2 == 0:
                    x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
                x = F.conv2d(x, weight, padding=1)
            if i % 2 == 0:
                x = F.conv2d(x, self.state[f'{name}.blur.kernel'], padding=1, groups=x.shape[1])
        noise = self.state[f'{name}.apply_noise.weight'][:, None, None]
        x = x + noise * self.state[f'{name}.apply_noise.noise']
        x = F.leaky_relu(x + self.state[f'{name}.bias'][:, None, None], 0.2)
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.square().mean((2, 3), keepdim=True) + 1e-8).sqrt()
        style = F.linear(w, self.scaled(f'{name}.style', 1.0), self.state[f'{name}.style.bias'])
        scale, shift = style[:, :, None, None].chunk(2, 1)
        return x * (scale + 1) + shift

    def image(self, w):
        x = self.state['synthesis.layer0.const'].expand(len(w), -1, -1, -1)
        for i in range(w.shape[1]):
            x = self.layer(i, x, w[:, i])
        name = f'synthesis.output{w.shape[1] // 2 - 1}'
        return F.conv2d(x, self.scaled(name, 1.0), self.state[f'{name}.bias'])


@pytest.mark.parametrize('size', [32, 128])
def test_images_agree(tmp_path, normal, size):
    state, out = make_state(normal, size), tmp_path / 'g.safetensors'
    torch.save({'generator_smooth': state}, tmp_path / 'g.pth')
    done = convert_file(tmp_path / 'g.pth', out, 'genforce')
    assert done.used == len(state) - 1 and list(done.set_aside) == [
        'generator_smooth.synthesis.lod'
    ]
    generator = BaseDetailGenerator(dict(done.config), 8, checkpoint=str(out))
    reference, draw = Reference(state), normal(5)
    with torch.no_grad():
        z = draw(2 * generator.num_latents, STYLE)
        w = reference.mapping(z.double())
        torch.testing.assert_close(generator.mapping(z).double(), w, atol=1e-4, rtol=1e-5)
        w = w.view(2, generator.num_latents, STYLE)
        wanted = reference.image(w)
        code = generator.whole_code(w.float())
        images = generator.synthesis(w.float()), generator.quick_synthesis(w.float())
        for image in (
            *images,
            generator.render(code),
            generator._split._render_by_modules(code.base, code.detail),
        ):
            got = generator.to_rgb(image).double()
            torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-5)
    assert wanted.std((0, 2, 3)).min() > 0.1


def test_a_generator_that_still_grows_is_refused(tmp_path, normal):
    state = make_state(normal, 32)
    state['synthesis.lod'] = torch.tensor(1.5)
    torch.save(state, tmp_path / 'g.pth')
    with pytest.raises(ValueError, match='not fully grown: its level of detail is 1.5, not 0'):
        convert_file(tmp_path / 'g.pth', tmp_path / 'g.safetensors', 'genforce')


def test_every_tensor_that_is_missing_or_unknown_is_named(tmp_path, normal):
    state = make_state(normal, 32)
    for name in list(state)[:: len(state) // 8]:
        if name.endswith(('w_avg', 'lod', 'const')):
            continue
        torch.save({k: v for k, v in state.items() if k != name}, tmp_path / 'g.pth')
        with pytest.raises(ValueError, match='cannot be converted from genforce'):
            convert_file(tmp_path / 'g.pth', tmp_path / 'g.safetensors', 'genforce')
    torch.save({**state, 'synthesis.extra': torch.zeros(1)}, tmp_path / 'g.pth')
    with pytest.raises(ValueError, match='1 of .* not known to this format: synthesis.extra'):
        convert_file(tmp_path / 'g.pth', tmp_path / 'g.safetensors', 'genforce')
