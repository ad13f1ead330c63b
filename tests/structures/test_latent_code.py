# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmgen_bdinvert.io import OutputError
from mmgen_bdinvert.structures import InversionResult, LatentCode


def make(count=3, size=8, **kwargs):
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(count, 5, size, size, generator=rng)
    return LatentCode(base, torch.randn(count, 4, 6, generator=rng), **kwargs)


def same(one, two):
    facts = (one.fingerprint, one.channel_order) == (two.fingerprint, two.channel_order)
    return facts and torch.equal(one.base, two.base) and torch.equal(one.detail, two.detail)


def test_save_and_load_give_the_code_back(tmp_path):
    code = make(fingerprint='ab' * 32, channel_order='rgb')
    path = tmp_path / 'code.safetensors'
    code.save(path)
    assert same(LatentCode.load(path), code)
    assert same(LatentCode.load(str(path)), code)
    with safe_open(path, 'pt') as file:
        assert file.metadata() == {
            'kind': 'mmgen_bdinvert.latent_code',
            'version': '1',
            'generator': 'ab' * 32,
            'base_size': '8',
            'channel_order': 'rgb',
        }
    assert [p.name for p in tmp_path.iterdir()] == ['code.safetensors']


def test_a_slice_with_a_history_is_saved_as_it_looks(tmp_path):
    code = make()
    part = LatentCode(code.base[1:].requires_grad_() * 2, code.detail[1:, :, ::2])
    part.save(tmp_path / 'x.safetensors')
    loaded = LatentCode.load(tmp_path / 'x.safetensors')
    assert torch.equal(loaded.base, part.base) and torch.equal(loaded.detail, part.detail)
    assert not loaded.base.requires_grad


def test_an_unwritable_path_is_named(tmp_path):
    with pytest.raises(OutputError, match='cannot write .*no_folder'):
        make().save(tmp_path / 'no_folder' / 'code.safetensors')


@pytest.mark.parametrize('index', [0, 1, 2, -1, -3])
def test_a_number_gives_a_batch_of_one(index):
    code = make(fingerprint='f', channel_order='rgb')
    one = code[index]
    assert len(one) == 1
    assert torch.equal(one.base[0], code.base[index])
    assert torch.equal(one.detail[0], code.detail[index])
    assert (one.fingerprint, one.channel_order) == ('f', 'rgb')


@pytest.mark.parametrize('index', [3, -4])
def test_a_number_outside_is_refused(index):
    with pytest.raises(IndexError):
        make()[index]


def test_a_for_loop_ends():
    code = make()
    parts = list(code)  # went on for ever while code[3] was an empty batch
    assert torch.equal(torch.cat([part.base for part in parts]), code.base)


def test_slices_and_masks_give_batches():
    code = make()
    assert torch.equal(code[1:].detail, code.detail[1:])
    assert torch.equal(code[[2, 0]].base, code.base[[2, 0]])
    assert len(code[torch.tensor([True, False, True])]) == 2


def test_moves_and_detaches():
    code = make(fingerprint='f')
    double = code.to(torch.float64)
    assert double.base.dtype == double.detail.dtype == torch.float64
    assert torch.equal(double.base.float(), code.base) and double.fingerprint == 'f'
    code = LatentCode(code.base.requires_grad_() * 1, code.detail.requires_grad_() * 1)
    detached = code.detach()
    assert code.base.requires_grad and not detached.base.requires_grad
    assert not detached.detail.requires_grad and same(detached, code)
    assert code.base_size == 8


def test_codes_can_be_compared_and_kept_in_sets():
    code = make()
    assert code == code and code != make() and len({code, code}) == 1


@pytest.mark.parametrize(
    ('base', 'detail', 'message'),
    [
        ((2, 5, 8, 4), (2, 4, 6), r'\(n, C, s, s\), but got \(2, 5, 8, 4\)'),
        ((5, 8, 8), (2, 4, 6), r'\(n, C, s, s\), but got \(5, 8, 8\)'),
        ((2, 5, 8, 8), (2, 6), r'\(n, N - M, D\), but got \(2, 6\)'),
        ((2, 5, 8, 8), (3, 4, 6), 'same batch size, but got 2 and 3'),
    ],
)
def test_bad_shapes_are_refused(base, detail, message):
    with pytest.raises(ValueError, match=message):
        LatentCode(torch.zeros(base), torch.zeros(detail))


def carrying(count=3, **kwargs):
    """A code with colours and changes."""
    colours = torch.arange(count * 48.0).view(count, 3, 4, 4)
    changes = {'conv1.weight': torch.ones(count, 2, 2), 'noise': torch.zeros(count, 1, 1, 4, 4)}
    return make(count, colours=colours, changes=changes, **kwargs)


def test_what_else_a_code_carries_is_saved_and_chosen_with_it(tmp_path):
    code = carrying(fingerprint='f')
    code.save(tmp_path / 'code.safetensors')
    for found in (LatentCode.load(tmp_path / 'code.safetensors'), code[:], code.detach()):
        assert sorted(found.changes) == ['conv1.weight', 'noise'] and found.fingerprint == 'f'
        assert all(torch.equal(t, code.tensors[name]) for name, t in found.tensors.items())
    assert torch.equal(code[1].colours, code.colours[1:2])
    assert torch.equal(code[1].changes['noise'], code.changes['noise'][1:2])
    assert {t.dtype for t in code.to(torch.float64).tensors.values()} == {torch.float64}


def test_codes_with_and_without_more_become_one_batch():
    plain, rich = make(1), carrying(2)
    both = LatentCode.cat([plain, rich, plain])
    assert len(both) == 4 and set(both.tensors) == set(rich.tensors)
    for name, tensor in both.tensors.items():
        assert torch.equal(tensor[1:3], rich.tensors[name])
    assert not both.colours[[0, 3]].any() and not both.changes['conv1.weight'][[0, 3]].any()
    assert LatentCode.cat([plain, plain]).colours is None


def test_a_code_that_knows_its_coarse_styles_is_a_w_plus(tmp_path):
    coarse = torch.arange(36.0).view(3, 2, 6)
    code = make(3, coarse=coarse)
    code.save(tmp_path / 'code.safetensors')
    for found in (code, LatentCode.load(tmp_path / 'code.safetensors'), LatentCode.cat([*code])):
        assert torch.equal(found.w_plus, torch.cat([coarse, code.detail], 1))
    assert torch.equal(code[1].w_plus, code.w_plus[1:2])
    assert make(3).w_plus is None
    assert LatentCode.cat([code, make(1)]).w_plus is None  # no zeros in their place


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (dict(coarse=torch.zeros(3, 2, 5)), r'have the shape \(3, M, 6\), but got \(3, 2, 5\)'),
        (dict(colours=torch.zeros(3, 3, 8, 8)), r'have the shape \(3, 3, 4, 4\), but got'),
        (dict(changes={'w': torch.zeros(2, 4)}), "Each of 3 images has changes, but 'w' has"),
    ],
)
def test_other_shapes_of_what_it_carries_are_refused(more, message):
    with pytest.raises(ValueError, match=message):
        make(**more)


def test_the_same_code_gives_the_same_bytes(tmp_path):
    """The order of a safetensors file's metadata is another one each time."""
    for name in 'abcdefgh':
        carrying(fingerprint='f').save(tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in 'abcdefgh'}) == 1


def test_codes_and_results_are_shown_in_one_line():
    code = carrying()
    assert repr(code) == (
        'LatentCode(3 images: base (5, 8, 8), detail (4, 6), colours, 2 changes; cpu)'
    )
    losses = {'pixel': torch.rand(13, 3), 'total': torch.rand(13, 3)}
    steps = torch.zeros(3)
    result = InversionResult(code, torch.rand(3, 3, 64, 64), losses, steps, steps)
    assert repr(result) == 'InversionResult(3 images, 12 steps, losses: pixel, total)'


def test_an_unknown_channel_order_is_refused():
    with pytest.raises(ValueError, match="'bgr' or 'rgb', but got 'hsv'"):
        make(channel_order='hsv')


def rewrite(path, tensors=None, **facts):
    """Save the file again with other tensors or metadata."""
    with safe_open(path, 'pt') as file:
        metadata = {**file.metadata(), **facts}
    save_file({**load_file(path), **(tensors or {})}, path, metadata)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(kind='latent_statistics'), 'is not a latent code: give a code.safetensors that'),
        (dict(tensors=dict(third=torch.zeros(1))), 'has base, detail, third: give'),
        (dict(version='2'), 'has format version 2, but this release reads version 1'),
        (dict(tensors=dict(detail=torch.full((3, 4, 6), torch.nan))), 'values that are not finite'),
        (dict(tensors=dict(base=torch.full((3, 5, 8, 8), torch.inf))), 'values that are not fin'),
        (dict(tensors=dict(base=torch.zeros(3, 5, 8, 4))), r'the shape \(n, C, s, s\)'),
    ],
)
def test_files_that_are_no_codes_are_refused(tmp_path, change, message):
    path = tmp_path / 'code.safetensors'
    make().save(path)
    rewrite(path, **change)
    with pytest.raises(ValueError, match=message):
        LatentCode.load(path)


@pytest.mark.parametrize('data', [b'', b'not safetensors at all', None])
def test_unreadable_files_are_refused(tmp_path, data):
    path = tmp_path / 'code.safetensors'
    if data is None:  # cut short
        make().save(path)
        data = path.read_bytes()[:-8]
    path.write_bytes(data)
    with pytest.raises(ValueError, match='code.safetensors is not a readable latent code: it is'):
        LatentCode.load(path)


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / 'no.safetensors', tmp_path):
        with pytest.raises(FileNotFoundError, match='There is no latent code .*: check the path'):
            LatentCode.load(path)


def test_a_code_of_another_generator_or_base_size_is_refused(
    make_generator, sample_w_plus, tmp_path
):
    generator, path = make_generator(), tmp_path / 'code.safetensors'
    code = generator.split(sample_w_plus(generator))
    code.save(path)
    assert same(LatentCode.load(path, generator), code)
    with pytest.raises(ValueError, match=r'code.safetensors was made with another generator'):
        LatentCode.load(path, make_generator(seed=1))
    with pytest.raises(ValueError, match=r'code.safetensors has base and detail shapes'):
        LatentCode.load(path, make_generator(base_size=16))


@pytest.mark.skipif(os.name != 'posix', reason='umask is a POSIX notion')
def test_saved_code_is_as_readable_as_any_other_file(tmp_path):
    """safetensors writes private files; a code was once unreadable for the rest of a group."""
    old = os.umask(0o022)
    try:
        LatentCode(torch.zeros(1, 2, 8, 8), torch.zeros(1, 3, 4)).save(tmp_path / 'c.safetensors')
    finally:
        os.umask(old)
    assert (tmp_path / 'c.safetensors').stat().st_mode & 0o777 == 0o644
