# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Generators as they come from other trainings and other programs' files."""

import re

import pytest
import torch

from mmgen_bdinvert.converters import convert_file

from .test_nvidia import Reference as NvidiaReference
from .test_rosinality import Reference


def prefixed(prefix, state):
    return {f'{prefix}{name}': value for name, value in state.items()}


@pytest.mark.parametrize('training', [False, True])
def test_the_generator_inside_a_file_of_e4e_psp_or_restyle(
    tmp_path, rosinality_state, load_converted, assert_same_images, training
):
    state, encoder = rosinality_state(), {'encoder.input_layer.0.weight': torch.zeros(2, 3, 3, 3)}
    content = dict(
        state_dict={**encoder, **prefixed('decoder.', state)},
        latent_avg=torch.zeros(8, 16),
        opts={'encoder_type': 'Encoder4Editing', 'output_size': 32, 'lr': 1e-4},
    )
    if training:
        moments = {'state': {0: {'exp_avg': torch.zeros(3)}}, 'param_groups': []}
        content.update(
            discriminator_state_dict={'mlp.0.weight': torch.zeros(1)},
            optimizer=moments,
            discriminator_optimizer_state_dict=moments,
            global_step=5,
        )
    torch.save(content, tmp_path / 'e4e_ffhq_encode.pt')
    generator, done = load_converted(tmp_path / 'e4e_ffhq_encode.pt', 'rosinality')
    assert_same_images(Reference(state), generator)
    assert done.set_aside['state_dict.encoder.input_layer.0.weight'] == 'an encoder of images'
    assert len(done.set_aside) == (5 if training else 2)


def test_modules_that_wrap_a_generator_are_no_part_of_its_names(
    tmp_path, rosinality_state, load_converted, assert_same_images
):
    state = rosinality_state()
    renamed = {re.sub(r'^(\w+)', r'module.\1.module', k): v for k, v in state.items()}
    torch.save({'g_ema': renamed}, tmp_path / 'g.pt')
    assert_same_images(Reference(state), load_converted(tmp_path / 'g.pt', 'rosinality')[0])
    torch.save({'g_ema': {**renamed, **state}}, tmp_path / 'g.pt')
    with pytest.raises(ValueError, match='holds two tensors called g_ema.style.1.weight'):
        convert_file(tmp_path / 'g.pt', tmp_path / 'x.safetensors', 'rosinality')


def test_noise_that_a_file_lacks_is_drawn_from_a_seed(
    tmp_path, rosinality_state, load_converted, assert_same_images
):
    state = {k: v for k, v in rosinality_state().items() if not k.startswith('noises')}
    torch.save({'g_ema': state}, tmp_path / '550000.pt')
    generator, done = load_converted(tmp_path / '550000.pt', 'rosinality')
    rng = torch.Generator().manual_seed(0)
    for i in range(7):
        size = 4 * 2 ** ((i + 1) // 2)
        state[f'noises.noise_{i}'] = torch.randn(1, 1, size, size, generator=rng)
    assert_same_images(Reference(state), generator)
    assert done.facts['noise_seed'] == '0'


def test_a_generator_of_nvidia_without_noise(
    tmp_path, nvidia_state, write_nvidia_pickle, load_converted, assert_same_images
):
    state = nvidia_state()
    bare = {k: v for k, v in state.items() if 'noise' not in k}
    settings = {f'synthesis.b{s}.conv1.use_noise': False for s in (4, 8, 16, 32)}
    path = write_nvidia_pickle(tmp_path / 'n.pkl', bare, settings)
    generator, done = load_converted(path, 'nvidia')
    silent = {k: 0 * v if 'noise_strength' in k else v for k, v in state.items()}
    assert_same_images(NvidiaReference(silent), generator)
    assert 'noise_seed' not in done.facts


@pytest.mark.parametrize('alone', [True, False], ids=['as PTI does', 'repacked'])
def test_a_network_of_nvidia_that_torch_saved(
    tmp_path, nvidia_state, write_nvidia_pickle, load_converted, assert_same_images, alone
):
    state, path = nvidia_state(), tmp_path / 'model_ABC_photo.pt'
    write_nvidia_pickle(path, state, packed=lambda g: g if alone else {'G_ema': g})
    generator, done = load_converted(path, 'nvidia')
    assert_same_images(NvidiaReference(state), generator)
    assert all(name.startswith('' if alone else 'G_ema.') for name in done.set_aside)


def test_a_network_that_torch_saved_runs_nothing(tmp_path, nvidia_state, write_nvidia_pickle):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / 'was_here'), 'w')

    path = tmp_path / 'model.pt'
    write_nvidia_pickle(path, nvidia_state(), packed=lambda g: [g, Evil()])
    with pytest.raises(ValueError, match='model.pt is refused: it asks for _?io.open'):
        convert_file(path, tmp_path / 'x.safetensors', 'nvidia')
    assert not (tmp_path / 'was_here').exists()


def as_basicsr(state):
    """Rename a generator of rosinality's as BasicSR does; its FIR kernels are no tensors."""
    names = (
        (r'^style\.', 'style_mlp.'),
        (r'^input\.input', 'constant_input.weight'),
        (r'^(convs?)(.*?)\.noise\.weight', r'\1\2.weight'),
        (r'^(conv1|convs\.\d+|to_rgbs?\.?\d+)\.conv\.', r'\1.modulated_conv.'),
        (r'^conv', 'style_conv'),
        (r'^noises\.noise_', 'noises.noise'),
    )
    renamed = {}
    for name, value in state.items():
        for pattern, new in names:
            name = re.sub(pattern, new, name)
        renamed[name] = value
    return {k: v for k, v in renamed.items() if not k.endswith('kernel')}


def test_a_generator_of_basicsr(tmp_path, rosinality_state, load_converted, assert_same_images):
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = row[:, None] * row / 16
    state = {k: kernel if k.endswith('kernel') else v for k, v in rosinality_state().items()}
    content = dict(params_ema=as_basicsr(state), latent_avg=torch.zeros(16))
    assert 'style_conv1.modulated_conv.modulation.bias' in content['params_ema']
    assert content['params_ema']['style_convs.0.weight'].shape == (1,)
    torch.save(content, tmp_path / 'net_g.pth')
    generator, done = load_converted(tmp_path / 'net_g.pth', 'basicsr')
    assert_same_images(Reference(state), generator)
    assert list(done.set_aside) == ['latent_avg']


def test_the_mean_that_mmagic_stores_is_kept(tmp_path, make_stylegan2, load_converted):
    state = {**make_stylegan2().state_dict(), 'w_avg': torch.arange(16.0)}
    torch.save({'state_dict': prefixed('generator_ema.module.', state)}, tmp_path / 'g.pth')
    generator, done = load_converted(tmp_path / 'g.pth', 'mmgen')
    assert torch.equal(generator.generator.conv1.activate.bias, state['conv1.activate.bias'])
    assert torch.equal(generator.generator.w_avg, state['w_avg']) and not done.set_aside


@pytest.mark.parametrize(
    ('name', 'constant'),
    [('rosinality', 'input.input'), ('nvidia', 'synthesis.b4.const'), ('mmgen', None)],
)
def test_a_generator_of_images_that_are_not_square_is_said_to_be_one(
    write_source, load_converted, name, constant
):
    def widen(state):
        key = constant or 'constant_input.input'
        state[key] = torch.cat([state[key]] * 2, -1)

    with pytest.raises(ValueError, match='not square, as its constant input of 4×8 shows'):
        load_converted(write_source(name, widen), name)


class TestConditional:
    CLASSES = 5

    @pytest.fixture()
    def conditional(self, nvidia_state, normal):
        """A generator of five classes: the mapping sees z and an embedding of the class."""
        draw, state = normal(7), nvidia_state()
        state['mapping.embed.weight'] = draw(16, self.CLASSES)
        state['mapping.embed.bias'] = draw(16)
        state['mapping.fc0.weight'] = draw(16, 32) / 0.01
        return state

    class Reference(NvidiaReference):
        """Embeds the class as NVIDIA's mapping network does."""

        label = 0

        def mapping(self, z):
            one_hot = torch.eye(TestConditional.CLASSES).double()[self.label].expand(len(z), -1)
            y = self.linear(one_hot, 'mapping.embed')
            x = torch.cat([v / (v.square().mean(1, keepdim=True) + 1e-8).sqrt() for v in (z, y)], 1)
            for i in range(3):
                x = torch.nn.functional.leaky_relu(self.linear(x, f'mapping.fc{i}', 0.01), 0.2)
                x = x * 2**0.5
            return x

    @pytest.mark.parametrize('label', [0, 3])
    def test_the_class_is_fixed_in_the_result(
        self, tmp_path, conditional, write_nvidia_pickle, assert_same_images, label
    ):
        from mmgen_bdinvert.models import BaseDetailGenerator

        path = write_nvidia_pickle(tmp_path / 'c.pkl', conditional, dict(c_dim=self.CLASSES))
        out = tmp_path / 'c.safetensors'
        done = convert_file(path, out, 'nvidia', label=label)
        reference = self.Reference(conditional)
        reference.label = label
        generator = BaseDetailGenerator(dict(done.config), 8, checkpoint=str(out))
        assert_same_images(reference, generator)
        assert done.facts['label'] == str(label)
        # The stored mean is that of all classes.
        assert done.set_aside['G_ema.mapping.w_avg'] and 'w_avg' not in done.tensors

    def test_without_a_class_it_says_how_many_there_are(
        self, tmp_path, conditional, nvidia_state, write_nvidia_pickle
    ):
        path = write_nvidia_pickle(tmp_path / 'c.pkl', conditional, dict(c_dim=self.CLASSES))
        for label, end in ((None, ''), (5, ', but got 5'), (-1, ', but got -1')):
            with pytest.raises(ValueError, match=f'5 classes.*--label, 0 to 4{end}.$'):
                convert_file(path, tmp_path / 'c.safetensors', 'nvidia', label=label)
        path = write_nvidia_pickle(tmp_path / 'u.pkl', nvidia_state())
        with pytest.raises(ValueError, match='no classes that a label could choose, but got 1'):
            convert_file(path, tmp_path / 'c.safetensors', 'nvidia', label=1)
        with pytest.raises(ValueError, match='label belongs to nvidia, but the format is mmgen'):
            convert_file(path, tmp_path / 'c.safetensors', 'mmgen', label=1)

    def test_an_export_that_lost_its_classes(self, tmp_path, rosinality_state):
        state = rosinality_state()
        state['style.1.weight'] = torch.zeros(16, 32)
        torch.save({'g_ema': state}, tmp_path / 'g.pt')
        with pytest.raises(ValueError, match='takes 32 numbers, but w has 16: it is conditional'):
            convert_file(tmp_path / 'g.pt', tmp_path / 'x.safetensors', 'rosinality')
