# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pickle
from collections import OrderedDict

import pytest
import torch

from mmgen_bdinvert.io import Projection, load_projections, save_projections


def entry(latent=(8, 16), sizes=(4, 8, 8)):
    """One image as mmgen's projector saves it: tensors of a graph, one of a batch of two."""
    images, latents = torch.rand(2, 3, 8, 8), torch.randn(2, *latent, requires_grad=True)
    noises = [torch.randn(2, 1, s, s, requires_grad=True) for s in sizes]
    noises = [noise[1:2] for noise in noises]
    return {'img': images[1], 'latent': latents[1], 'injected_noise': noises}


@pytest.mark.parametrize('latent', [(8, 16), (16,)])
def test_what_mmgen_saved(tmp_path, latent):
    content = OrderedDict({'a/b.png': entry(latent), 'c.jpg': entry(latent)})
    torch.save(content, tmp_path / 'project_result.pt')
    found = load_projections(tmp_path / 'project_result.pt')
    assert list(found) == ['a/b.png', 'c.jpg']
    for name, projection in found.items():
        assert torch.equal(projection.latent, content[name]['latent'])
        assert torch.equal(projection.image, content[name]['img'])
        assert len(projection.noises) == 3 and not projection.latent.requires_grad
        for one, two in zip(projection.noises, content[name]['injected_noise']):
            assert torch.equal(one, two)


def test_written_back_in_the_same_form(tmp_path):
    first, second = tmp_path / 'one.pt', tmp_path / 'two.pt'
    torch.save(OrderedDict({'b.png': entry()}), first)
    save_projections(second, load_projections(first))
    one, two = (torch.load(path, weights_only=True) for path in (first, second))
    assert type(one) is type(two) is OrderedDict and list(one) == list(two)
    assert list(one['b.png']) == list(two['b.png'])
    assert torch.equal(one['b.png']['latent'], two['b.png']['latent'])
    assert all(map(torch.equal, one['b.png']['injected_noise'], two['b.png']['injected_noise']))


def test_what_rosinalitys_projector_saved(tmp_path):
    content = entry()
    content['noise'] = content.pop('injected_noise')
    torch.save({'a.png': content}, tmp_path / 'a.pt')
    found = load_projections(tmp_path / 'a.pt')['a.png']
    assert torch.equal(found.latent, content['latent'])
    assert torch.equal(found.image, content['img'].flip(0))  # RGB there, BGR here
    assert all(map(torch.equal, found.noises, content['noise']))


def test_no_code_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / 'was_here'), 'w'))

    (tmp_path / 'p.pt').write_bytes(pickle.dumps({'a.png': Evil()}))
    with pytest.raises(ValueError, match='not a readable file of projections'):
        load_projections(tmp_path / 'p.pt')
    torch.save({'a.png': {**entry(), 'latent': Evil()}}, tmp_path / 'q.pt')
    with pytest.raises(ValueError, match='is refused: it holds _?io.open'):
        load_projections(tmp_path / 'q.pt')
    assert not (tmp_path / 'was_here').exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({}, 'must hold a dict of projections'),
        (torch.ones(3), 'must hold a dict of projections'),
        ({'a.png': torch.ones(3)}, "for 'a.png' it holds Tensor"),
        ({'a.png': {'latent': torch.ones(3)}}, 'it holds latent Tensor'),
        ({'a.png': {**entry(), 'injected_noise': []}}, 'for .a.png. it holds'),
        ({'a.png': {**entry(), 'injected_noise': 3}}, 'for .a.png. it holds'),
        ({'a.png': {**entry(), 'latent': [1.0]}}, 'for .a.png. it holds'),
        ({'a.png': entry((1, 8, 16))}, r'is w \(D,\) or w\+ \(N, D\)'),
        ({'a.png': {**entry(), 'injected_noise': [torch.ones(4, 4)]}}, r'are \(1, 1, h, w\)'),
        ({'a.png': {**entry(), 'latent': torch.tensor([torch.nan])}}, 'finite'),
    ],
)
def test_what_holds_no_projections(tmp_path, content, message):
    torch.save(content, tmp_path / 'p.pt')
    with pytest.raises(ValueError, match=message):
        load_projections(tmp_path / 'p.pt')


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='no file of projections'):
        load_projections(tmp_path / 'none.pt')
    (tmp_path / 'p.pt').write_bytes(b'x')
    with pytest.raises(ValueError, match='damaged'):
        load_projections(tmp_path / 'p.pt')


def test_a_projection_without_a_file():
    with pytest.raises(ValueError, match=r'but got \(\)'):
        Projection(torch.tensor(1.0), (), torch.ones(3, 8, 8))
