"""One reader for all kinds of file: nothing in them runs, and what cannot be used is named."""

import argparse
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmgen_bdinvert.io.tensors import floats, named_tensors, read_array, read_file

ORDINARY = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize('suffix', ['.safetensors', '.pt', '.pth', '.npz'])
def test_every_kind_of_file_gives_the_same_tensors(tmp_path, suffix):
    path = tmp_path / f'x{suffix}'
    if suffix == '.safetensors':
        save_file({'a': ORDINARY}, path)
    elif suffix == '.npz':
        np.savez(path, a=ORDINARY.numpy())
    else:
        torch.save({'a': ORDINARY}, path)
    content = read_file(path)
    assert set(content) == {'a'} and torch.equal(content['a'], ORDINARY)


@pytest.mark.parametrize('order', ['<f4', '>f4'])
def test_arrays_of_either_byte_order(tmp_path, order):
    np.save(tmp_path / 'x.npy', ORDINARY.numpy().astype(order))
    assert torch.equal(read_array(tmp_path / 'x.npy'), ORDINARY)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floats_of_every_length_are_read_as_float32(tmp_path, dtype):
    torch.save(ORDINARY.to(dtype), tmp_path / 'x.pt')
    read = read_array(tmp_path / 'x.pt')
    assert read.dtype == torch.float32 and torch.equal(read, ORDINARY)


UNUSABLE = {
    'on the meta device': torch.zeros(2, 3, device='meta'),
    'sparse': ORDINARY.to_sparse(),
    'sparse .*csr': ORDINARY.to_sparse_csr(),
    'nested': torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    'quantised': torch.quantize_per_tensor(ORDINARY, 0.1, 0, torch.quint8),
    r'\(137438953472,\) is expanded from 4 bytes': torch.ones(1).expand(2**37),
    r'\(3, 3\) is expanded from 20 bytes': torch.arange(5.0).as_strided((3, 3), (1, 1)),
}


@pytest.mark.parametrize('kind', UNUSABLE)
def test_tensors_without_values_of_their_own_are_named(tmp_path, kind):
    torch.save({'good': ORDINARY, 'net': [{'bad': UNUSABLE[kind]}]}, tmp_path / 'x.pt')
    with pytest.raises(ValueError, match=f'the tensor net.0.bad must .*{kind}') as info:
        read_file(tmp_path / 'x.pt', 'checkpoint')
    assert 'x.pt is not a readable checkpoint' in str(info.value) and '\n' not in str(info.value)


@pytest.mark.parametrize(
    ('tensor', 'message'),
    [
        (ORDINARY.int(), 'floating-point numbers of 16, 32 or 64 bits, but holds int32'),
        (ORDINARY > 1, 'but holds bool'),
        (ORDINARY.cfloat(), 'but holds complex64'),
        (ORDINARY.to(torch.float8_e4m3fn), 'but holds float8_e4m3fn'),
        (ORDINARY.to(torch.float8_e5m2), 'but holds float8_e5m2'),
        (ORDINARY / 0, 'values that are not finite'),
        (ORDINARY.double() * 1e60, r'values that float32 cannot hold, up to 5e\+60'),
    ],
)
def test_other_numbers_than_finite_real_ones_are_refused(tmp_path, tensor, message):
    for suffix in ('.pt', '.safetensors'):
        path = tmp_path / f'x{suffix}'
        save_file({'one': tensor}, path) if suffix != '.pt' else torch.save({'one': tensor}, path)
        with pytest.raises(ValueError, match=f'the tensor one .*{message}'):
            floats(read_file(path)['one'], 'one')


def header(content, size=None):
    text = content.encode()
    return struct.pack('<Q', len(text) if size is None else size) + text


TWIN = '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
DAMAGED = {
    'empty.safetensors': b'',
    'huge_header.safetensors': header('{', 2**40),
    'deep_header.safetensors': header('{"__metadata__": ' + '[' * 100_000),
    'deep_metadata.safetensors': header('{"a":' * 5000 + '1' + '}' * 5000),
    'twins.safetensors': header(f'{TWIN}, {TWIN[1:]}}}') + bytes(4),
    'claims_much.safetensors': header(TWIN.replace('[1]', f'[{2**40}]') + '}') + bytes(4),
    'text_metadata.safetensors': header('{"__metadata__": "x"}'),
    'empty.pt': b'',
    'list.npy': b'\x93NUMPY\x01\x00\x10\x00' + b'(' * 16,
    'empty.npz': b'',
}


@pytest.mark.parametrize('name', DAMAGED)
def test_damaged_files_are_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=f'{name} is not a readable thing: .*') as info:
        read_file(tmp_path / name, 'thing')
    assert '\n' not in str(info.value) and len(str(info.value)) < 600
    if name == 'twins.safetensors':
        assert 'its header names a twice' in str(info.value)


def test_an_array_that_claims_more_than_the_file_has_takes_no_memory(tmp_path):
    buffer = io.BytesIO()
    facts = {'descr': '<f4', 'fortran_order': False, 'shape': (10**5, 10**5)}
    np.lib.format.write_array_header_1_0(buffer, facts)
    (tmp_path / 'x.npy').write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match='x.npy is not a readable array'):
        read_array(tmp_path / 'x.npy')


@pytest.mark.parametrize('name', ['x.npz', 'x.pt'])
def test_an_archive_that_unpacks_to_much_more_is_refused_before_that(tmp_path, name):
    if name == 'x.npz':
        np.savez_compressed(tmp_path / name, a=np.zeros(10_000_000, np.float32))
    else:
        torch.save(torch.zeros(1_000_000), tmp_path / 'plain.pt')
        with zipfile.ZipFile(tmp_path / 'plain.pt') as old:
            with zipfile.ZipFile(tmp_path / name, 'w', zipfile.ZIP_DEFLATED) as new:
                for member in old.namelist():
                    new.writestr(member, old.read(member))
    with pytest.raises(ValueError, match='claims to unpack to [0-9,]{9,} bytes'):
        read_file(tmp_path / name)


def test_many_tensors_of_one_storage_are_refused(tmp_path):
    tensor = torch.zeros(1000)
    torch.save(
        [tensor.view(10, 100).clone() if i < 1 else tensor for i in range(500)], tmp_path / 'x.pt'
    )
    with pytest.raises(ValueError, match='far more than the file has'):
        read_file(tmp_path / 'x.pt')


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def laughs(levels):
    """Return a list that is small on disk and has 10 ** levels items."""
    value = [torch.zeros(1)]
    for _ in range(levels):
        value = [value] * 10
    return value


def loop():
    value = [torch.zeros(1)]
    value.append(value)
    return value


@pytest.mark.parametrize('make', [lambda: nest(5000), lambda: laughs(9), loop])
def test_containers_without_end_are_refused(tmp_path, make):
    with pytest.raises(ValueError, match='nested too deeply or hold too much'):
        list(named_tensors(make()))


def test_no_code_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / 'was_here'), 'w'))

    (tmp_path / 'x.pt').write_bytes(pickle.dumps(Evil()))
    torch.save({'a': Evil()}, tmp_path / 'y.pt')
    for name in ('x.pt', 'y.pt'):
        with pytest.raises(ValueError, match='is refused: it holds|not a readable'):
            read_file(tmp_path / name)
    assert not (tmp_path / 'was_here').exists()


def test_further_classes_are_allowed_in_one_file_alone(tmp_path):
    torch.save({'args': argparse.Namespace(size=4), 'a': ORDINARY}, tmp_path / 'x.pt')
    content = read_file(tmp_path / 'x.pt', safe_globals=[argparse.Namespace])
    assert content['args'].size == 4
    assert argparse.Namespace not in torch.serialization.get_safe_globals()
    with pytest.raises(ValueError, match='refused: it holds argparse.Namespace'):
        read_file(tmp_path / 'x.pt')


def test_names_are_printed_on_one_short_line(tmp_path):
    name = 'a\nb\x1b[31m' + 'x' * 500
    torch.save({name: torch.zeros(1, device='meta')}, tmp_path / 'x.pt')
    with pytest.raises(ValueError) as info:
        read_file(tmp_path / 'x.pt')
    text = str(info.value)
    assert text.isprintable() and 'a\\nb\\x1b' in text and len(text) < 600


def test_a_file_that_is_not_there_or_no_file(tmp_path):
    for path in (tmp_path / 'no.pt', tmp_path):
        with pytest.raises(FileNotFoundError, match='There is no thing'):
            read_file(path, 'thing')


def test_one_array_of_an_npz_is_an_array(tmp_path):
    np.savez(tmp_path / 'one.npz', any_name=ORDINARY.numpy())
    np.savez(tmp_path / 'two.npz', a=ORDINARY.numpy(), b=ORDINARY.numpy())
    assert torch.equal(read_array(tmp_path / 'one.npz'), ORDINARY)
    with pytest.raises(ValueError, match='must hold one tensor, but holds a dict'):
        read_array(tmp_path / 'two.npz')


def test_json_is_what_the_header_is(tmp_path):
    """The header that the tests above damage is read when it is right."""
    (tmp_path / 'x.safetensors').write_bytes(header(TWIN + '}') + np.float32(3).tobytes())
    assert json.loads(TWIN + '}') and read_file(tmp_path / 'x.safetensors')['a'].tolist() == [3.0]
