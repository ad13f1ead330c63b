# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""No pickle, however it is made, runs anything; what is not a network is refused in a sentence."""

import copyreg
import io
import os
import pickle
import subprocess

import pytest
import torch

from mmgen_bdinvert.converters.restricted_pickle import read_network_pickle
from mmgen_bdinvert.converters.unpickler import RestrictedUnpickler

END = b'.'


def name(module, attribute):
    """Return the opcode that pushes a name."""
    return b'c' + module.encode() + b'\n' + attribute.encode() + b'\n'


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Only what can be called is pickled as a function."""


@pytest.fixture()
def refused(tmp_path, monkeypatch):
    """Expect that a pickle is refused, and that it has left no trace."""
    monkeypatch.chdir(tmp_path)

    def check(data, match):
        (tmp_path / 'n.pkl').write_bytes(data)
        with pytest.raises(ValueError, match=match) as caught:
            read_network_pickle(tmp_path / 'n.pkl')
        assert '\n' not in str(caught.value)
        assert os.listdir(tmp_path) == ['n.pkl']  # the attacks below would make a file

    return check


COMMAND = 'touch it_ran'
TOUCH = "open('it_ran', 'w')"
CALLS = {
    'os.system': Call(os.system, COMMAND),
    'eval': Call(eval, TOUCH),
    'exec': Call(exec, TOUCH),
    'Popen': Call(subprocess.Popen, ['touch', 'it_ran']),
    'getattr chain': Call(Call(getattr, Call(__import__, 'os'), 'system'), COMMAND),
    'open': Call(open, 'it_ran', 'w'),
    'torch.load': Call(torch.load, 'it_ran'),
    'type': Call(type, 'T', (object,), {}),
    'compile': Call(compile, TOUCH, 'x', 'exec'),
}


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('attack', list(CALLS))
def test_a_call_is_refused(refused, attack, protocol):
    refused(pickle.dumps({'G_ema': CALLS[attack]}, protocol), 'asks for .* could run code')


def test_the_attacks_are_real(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(CALLS['os.system']))
    assert os.listdir(tmp_path) == ['it_ran']


@pytest.mark.parametrize(
    ('module', 'attribute'),
    [
        ('posix', 'system'),
        ('builtins', 'getattr'),
        ('__builtin__', 'eval'),
        ('operator', 'attrgetter'),
        ('functools', 'partial'),
        ('importlib', 'import_module'),
        ('copyreg', '_reconstructor'),
        ('numpy', 'load'),
        ('torch.hub', 'load'),
        ('torch.storage', '_load_from_bytes.__globals__'),
        ('collections', 'OrderedDict.fromkeys'),
        ('torch_utils.persistence', '_src_to_module'),
    ],
)
def test_a_name_is_refused_before_anything_uses_it(refused, module, attribute):
    refused(b'\x80\x04' + name(module, attribute) + END, f'asks for {module}.{attribute}, ')


def test_no_other_way_to_a_name_is_open(refused):
    refused(b'(iposix\nsystem\n.', 'asks for posix.system')  # INST
    refused(b'(' + name('posix', 'system') + b"S'touch it_ran'\no.", 'asks for posix')  # OBJ
    copyreg.add_extension('os', 'system', 7)
    try:
        refused(b'\x80\x04\x82\x07.', 'asks for os.system')  # EXT1
    finally:
        copyreg.remove_extension('os', 'system', 7)
    refused(b'Pit_ran\n.', 'not a readable network pickle')  # PERSID


def test_an_attack_deep_inside_a_network_is_refused(
    tmp_path, monkeypatch, nvidia_state, write_nvidia_pickle
):
    monkeypatch.chdir(tmp_path)
    extra = dict(_init_kwargs=[{'hidden': CALLS['os.system']}])
    path = write_nvidia_pickle(tmp_path / 'n.pkl', nvidia_state(), extra=extra)
    with pytest.raises(ValueError, match='asks for posix.system|asks for nt.system'):
        read_network_pickle(path)
    assert os.listdir(tmp_path) == ['n.pkl']


def reduced(module, attribute, *args):
    """Return opcodes that call an allowed name with plain arguments."""
    body = pickle.dumps(args, 4)[2:-1]
    return name(module, attribute) + body + b'R'


@pytest.mark.parametrize('inner', [CALLS['os.system'], [1, 2], {'a': torch.zeros(1)}])
def test_bytes_of_a_tensor_are_no_way_in(refused, inner):
    for data in (pickle.dumps(inner), _saved(inner, False), _saved(inner, True)):
        program = b'\x80\x04' + reduced('torch.storage', '_load_from_bytes', data) + END
        refused(program, 'hold more than numbers|are an archive|not a readable')


def _saved(value, zipped):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ('module', 'attribute'),
    [
        ('torch.storage', '_load_from_bytes'),
        ('torch_utils.persistence', '_reconstruct_persistent_obj'),
        ('torch._utils', '_rebuild_tensor_v2'),
        ('collections', 'OrderedDict'),
        ('dnnlib.util', 'EasyDict'),
        ('builtins', 'set'),
        ('numpy', 'dtype'),
    ],
)
@pytest.mark.parametrize('key', ['__call__', '__code__', '__setstate__', 'keys'])
def test_what_is_allowed_cannot_be_changed(module, attribute, key):
    # BUILD sets attributes of whatever lies on the stack, from a dict or a pair of dicts.
    def attempt(state):
        program = b'\x80\x04' + name(module, attribute) + pickle.dumps(state, 4)[2:-1] + b'b' + END
        try:
            RestrictedUnpickler(io.BytesIO(program)).load()
        except Exception:
            return
        assert module == 'numpy'  # its stand-in ignores every state

    target = RestrictedUnpickler(io.BytesIO()).find_class(module, attribute)
    before = {n: getattr(type(target), n, None) for n in dir(type(target))}
    attempt({key: 'changed'})
    attempt((None, {key: 'changed'}))
    assert getattr(target, key, None) != 'changed'
    assert {n: getattr(type(target), n, None) for n in dir(type(target))} == before


def test_a_view_beyond_its_numbers_is_refused(tmp_path, write_nvidia_pickle):
    path = write_nvidia_pickle(tmp_path / 'n.pkl', {'const': torch.arange(4.0)})
    assert read_network_pickle(path)['G_ema']['const'].tolist() == [0, 1, 2, 3]
    data = path.read_bytes()
    size = b'K\x00K\x04\x85'  # offset 0, size (4,)
    assert data.count(size) == 2  # G and G_ema
    for offset, length in ((1, 4), (0, 200)):
        path.write_bytes(data.replace(size, bytes([ord('K'), offset, ord('K'), length, 0x85])))
        with pytest.raises(ValueError, match='not a readable network pickle'):
            read_network_pickle(path)


def test_a_tensorflow_pickle_is_told_apart(refused):
    program = b'\x80\x03' + name('dnnlib.tflib.network', 'Network') + b')\x81' + END
    refused(program, r'TensorFlow pickle.*legacy\.py')


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        ([1, 2], 'no networks by name'),
        ({'G_ema': {'a': 1}}, None),
        (b'', 'no networks by name'),
    ],
)
def test_plain_pickles_hold_no_network(tmp_path, content, match):
    path = tmp_path / 'n.pkl'
    path.write_bytes(pickle.dumps(content))
    if match is None:
        assert read_network_pickle(path) == {}
        return
    with pytest.raises(ValueError, match=match):
        read_network_pickle(path)


def test_a_damaged_pickle_is_refused_in_a_sentence(tmp_path, nvidia_state, write_nvidia_pickle):
    data = write_nvidia_pickle(tmp_path / 'n.pkl', nvidia_state()).read_bytes()
    for cut in (0, 2, 100, len(data) // 2, len(data) - 1):
        (tmp_path / 'n.pkl').write_bytes(data[:cut])
        with pytest.raises(ValueError, match='not a readable network pickle: it is damaged'):
            read_network_pickle(tmp_path / 'n.pkl')


def test_settings_come_along_as_plain_values(tmp_path, nvidia_state, write_nvidia_pickle):
    settings = {'synthesis.b8.architecture': 'skip', 'synthesis.b8.kept': [1]}
    path = write_nvidia_pickle(tmp_path / 'n.pkl', nvidia_state(), settings)
    found = read_network_pickle(path)['G_ema']
    assert (found['c_dim'], found['synthesis.b8.architecture']) == (0, 'skip')
    assert 'synthesis.b8.kept' not in found and 'gain' not in found  # neither plain nor needed
    allowed = (torch.Tensor, str, int, float, type(None))
    assert all(isinstance(value, allowed) for value in found.values())
