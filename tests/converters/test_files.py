# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What every format has in common: counting, refusing, channel order, and telling formats apart."""

import pytest
import torch

from mmgen_bdinvert.converters import FORMATS, convert_file

GENERATORS = ['genforce', 'rosinality', 'nvidia', 'mmgen']
FOREIGN = GENERATORS[:3]


def last_rgb(state):
    """Return the name of the weight of the last RGB layer; the bias is its neighbour."""
    choices = (
        'synthesis.output3.weight',
        'synthesis.b32.torgb.weight',
        'to_rgbs.2.conv.weight',
    )
    return next(name for name in choices if name in state)


def make_red(state):
    """Let a generator emit nothing but red, RGB (1, -1, -1)."""
    for name, value in state.items():
        rgb = 'output' in name or 'torgb' in name or 'to_rgb' in name
        if rgb and 'style' not in name and 'affine' not in name and 'modulation' not in name:
            if name.endswith(('weight', 'bias')):
                state[name] = torch.zeros_like(value)
    bias = last_rgb(state).replace('.conv.weight', '.bias').replace('.weight', '.bias')
    state[bias] = torch.tensor([1.0, -1.0, -1.0]).view_as(state[bias])


@pytest.mark.parametrize('name', FOREIGN)
def test_a_red_image_stays_red(write_source, load_converted, name):
    generator, done = load_converted(write_source(name, make_red), name)
    with torch.no_grad():
        image = generator.synthesis(torch.zeros(1, generator.num_latents, 16))
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    torch.testing.assert_close(generator.to_rgb(image), red)
    torch.testing.assert_close(image, red.flip(1))  # BGR, as every generator of mmgen
    assert (done.facts['source_channel_order'], done.facts['channel_order']) == ('rgb', 'bgr')


@pytest.mark.parametrize('name', GENERATORS)
def test_every_tensor_that_is_missing_is_named(write_source, tmp_path, name):
    names = []
    write_source(name, lambda state: names.extend(state))
    fillers = ('w_avg', 'conv1.resample_filter', 'b4.resample_filter')  # not needed
    recognised = ('const', 'input.input', 'constant_input.input', '.conv1.conv.weight')
    needed = [n for n in names if not n.endswith(fillers + recognised) and n != 'conv1.conv.weight']
    for gone in needed[:: max(1, len(needed) // 6)]:
        source = write_source(name, lambda state, gone=gone: state.pop(gone))
        with pytest.raises(ValueError, match='cannot be converted'):
            convert_file(source, tmp_path / 'out.safetensors', name)
    assert not (tmp_path / 'out.safetensors').exists()


@pytest.mark.parametrize('name', GENERATORS)
def test_a_tensor_that_nobody_knows_is_refused_by_name(write_source, load_converted, name):
    source = write_source(name, lambda state: state.update({'extra.shift': torch.zeros(2)}))
    # In a bare file of mmgen's, every tensor counts as the generator's.
    match = (
        r'unexpected \(1\): extra.shift' if name == 'mmgen' else '1 of .* not known.*: extra.shift'
    )
    with pytest.raises(ValueError, match=match):
        load_converted(source, name)


@pytest.mark.parametrize('name', GENERATORS)
def test_values_that_are_not_finite_are_refused(write_source, load_converted, name):
    def spoil(state):
        first = next(k for k, v in state.items() if v.ndim == 2)
        state[first] = state[first] * float('nan')

    with pytest.raises(ValueError, match='not finite'):
        load_converted(write_source(name, spoil), name)


@pytest.mark.parametrize('name', FOREIGN)
def test_a_tensor_of_another_shape_is_named(write_source, load_converted, name):
    def narrow(state):
        state[last_rgb(state)] = state[last_rgb(state)][..., :3, :, :]

    with pytest.raises(ValueError, match='to_rgbs.2.conv.weight_orig is .* instead of'):
        load_converted(write_source(name, narrow), name)

    def flatten(state):
        state[last_rgb(state)] = state[last_rgb(state)].flatten()

    with pytest.raises(ValueError, match='must have [45] dimensions'):
        load_converted(write_source(name, flatten), name)


@pytest.mark.parametrize('name', GENERATORS)
def test_a_file_of_another_format_is_recognised(write_source, tmp_path, name):
    source = write_source(name)
    for wrong in set(FORMATS) - {name}:
        with pytest.raises(ValueError, match=f'looks like .*, so try --from {name}'):
            convert_file(source, tmp_path / 'out.safetensors', wrong)


def test_what_no_format_knows_is_said_to_be_so(tmp_path):
    torch.save({'backbone': {'weight': torch.zeros(1)}}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='nor any other format.*it holds backbone'):
        convert_file(tmp_path / 'x.pth', tmp_path / 'out.safetensors', 'genforce')
    torch.save([1, 2], tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='x.pth holds no tensors by name, but a list'):
        convert_file(tmp_path / 'x.pth', tmp_path / 'out.safetensors', 'genforce')


def test_a_file_of_the_old_torch_format_is_no_network_pickle(
    tmp_path, genforce_state, load_converted
):
    path = tmp_path / 'g.pth'
    torch.save(genforce_state(), path, _use_new_zipfile_serialization=False)
    assert load_converted(path, 'genforce')[1].used > 0


def test_unsafe_files_of_torch_are_refused_too(tmp_path):
    torch.save({'generator': torch.nn.Conv2d(1, 1, 1)}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='x.pth is refused: it holds torch.nn.modules.conv.Conv2d'):
        convert_file(tmp_path / 'x.pth', tmp_path / 'out.safetensors', 'genforce')


def test_wrong_calls_are_refused(tmp_path):
    out = tmp_path / 'out.safetensors'
    with pytest.raises(ValueError, match="The formats are genforce, .* but got 'tf'"):
        convert_file('x', out, 'tf')
    with pytest.raises(ValueError, match='base_size belongs to bdinvert-encoder'):
        convert_file('x', out, 'mmgen', base_size=8)
    with pytest.raises(ValueError, match='saved as .safetensors'):
        convert_file('x', tmp_path / 'out.pth', 'mmgen')
    with pytest.raises(FileNotFoundError, match='There is no file'):
        convert_file(tmp_path / 'x.pth', out, 'mmgen')
