"""Safetensors files of this package: one form, the same bytes for the same content."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmgen_bdinvert.io.saved import FileKind, json_fact, save_tensors

KIND = FileKind('test.kind', 'test file', 'give another one')
TENSORS = {'b': torch.arange(3.0), 'a': torch.zeros(2, 2, dtype=torch.half)}


def test_the_same_content_gives_the_same_bytes(tmp_path):
    path = tmp_path / 'x.safetensors'
    found = set()
    for order in (1, -1, 1, -1, 1, -1):
        facts = {name: 'é' for name in 'stuvwxyz'[::order]}
        KIND.save(path, dict(list(TENSORS.items())[::order]), facts, 'f' * 64)
        found.add(path.read_bytes())
    assert len(found) == 1
    with safe_open(path, 'pt') as file:
        assert file.metadata()['s'] == 'é' and file.metadata()['generator'] == 'f' * 64
        assert all(torch.equal(file.get_tensor(name), TENSORS[name]) for name in TENSORS)


def test_what_is_saved_is_read(tmp_path):
    KIND.save(tmp_path / 'x', {'one': torch.eye(3).T[:, 1:], 'two': torch.ones(1)}, {'x': '[1]'})
    tensors, facts = KIND.read(tmp_path / 'x', ('one', 'two'), fingerprint='any')
    assert torch.equal(tensors['one'], torch.eye(3)[:, 1:]) and facts['generator'] == ''
    assert json_fact('x', facts, 'x', None) == [1] and json_fact('x', facts, 'y', 7) == 7


def test_tensors_that_share_memory_are_saved(tmp_path):
    one = torch.arange(4.0)
    save_tensors(tmp_path / 'x', {'a': one, 'b': one[:2]}, {})
    with safe_open(tmp_path / 'x', 'pt') as file:
        assert file.get_tensor('b').tolist() == [0, 1]


@pytest.mark.parametrize(
    ('facts', 'tensors', 'message'),
    [
        ({'kind': 'x'}, TENSORS, 'is not a test file: give another one'),
        ({}, TENSORS, 'is not a test file'),
        ({'kind': 'test.kind', 'version': '9'}, TENSORS, 'format version 9, but .* version 1'),
        ({'kind': 'test.kind', 'version': '1'}, {'a': TENSORS['a']}, 'has the tensors a, b, but'),
        (
            {'kind': 'test.kind', 'version': '1', 'generator': 'x'},
            TENSORS,
            'of another generator .*: give another one',
        ),
        (
            {'kind': 'test.kind', 'version': '1'},
            {**TENSORS, 'a': torch.zeros(1, dtype=torch.long)},
            'not a usable test file: the tensor a must hold floating-point numbers',
        ),
    ],
)
def test_other_files_are_refused(tmp_path, facts, tensors, message):
    save_file(tensors, tmp_path / 'x', facts)
    with pytest.raises(ValueError, match=message):
        KIND.read(tmp_path / 'x', ('a', 'b'), fingerprint='y')


@pytest.mark.parametrize('text', ['{', ''])
def test_metadata_that_is_no_json_is_one_sentence(text):
    with pytest.raises(ValueError, match='cannot be read under notes: it is no JSON'):
        json_fact('x', {'notes': text}, 'notes', {})


def test_metadata_that_is_nested_too_deeply_is_one_sentence():
    with pytest.raises(ValueError, match='under notes: it is nested too deeply'):
        json_fact('x', {'notes': '[' * 100_000}, 'notes', {})
