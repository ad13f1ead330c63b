# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The networks of the perceptual losses: frozen, outside checkpoints, and from files."""

import copy
import importlib.util
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmgen_bdinvert.io import DownloadError
from mmgen_bdinvert.models import checkpoint
from mmgen_bdinvert.models.losses import LPIPSLoss, STLPIPSLoss

SQUEEZE_FILE = 'squeezenet1_1-b8a52dc0.pth'


def test_target_features_are_computed_once(images, stlpips_alex):
    calls = []
    handle = stlpips_alex.network.net.register_forward_hook(lambda *_: calls.append(1))
    value = images(1, seed=1).requires_grad_()
    state = stlpips_alex.prepare(value)
    assert len(calls) == 1 and not any(features.requires_grad for features in state)
    for _ in range(3):
        stlpips_alex(value, state)
    handle.remove()
    assert len(calls) == 4


class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        self.loss = LPIPSLoss('squeeze', backbone='random')


def test_the_network_stays_frozen_and_out_of_checkpoints(compare, images):
    parent = Parent()
    assert sorted(parent.state_dict()) == ['layer.bias', 'layer.weight']
    Parent().load_state_dict(parent.state_dict(), strict=True)
    assert len(list(parent.parameters())) == 2
    before = copy.deepcopy(parent.loss.network.state_dict())
    parent.train().requires_grad_(True).apply(
        lambda module: hasattr(module, 'reset_parameters') and module.reset_parameters()
    )
    network = parent.loss.network
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    compare(parent.loss, parent.layer(images(1, seed=1)), images(1, seed=2)).backward()
    assert parent.layer.weight.grad.abs().sum() > 0
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_network_follows_its_parent_between_dtypes(images):
    parent = copy.deepcopy(Parent()).double()
    assert {tensor.dtype for tensor in parent.loss.network.state_dict().values()} == {torch.float64}
    assert parent.loss.prepare(images(1))[0].dtype == torch.float64


def test_random_weights_are_seeded_without_the_global_state():
    before = torch.get_rng_state()
    first = LPIPSLoss('squeeze', backbone='random').network.state_dict()
    torch.rand(7)
    second = LPIPSLoss('squeeze', backbone='random').network.state_dict()
    STLPIPSLoss()
    torch.set_rng_state(before)
    LPIPSLoss('vgg', backbone='random'), STLPIPSLoss()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)


def package_squeeze(package_lpips, squeezenet):
    reference = package_lpips('squeeze')
    for index in range(1, 8):
        for position, module in getattr(reference.net, f'slice{index}').named_children():
            module.load_state_dict(squeezenet.features[int(position)].state_dict())
    return reference


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_backbone_from_a_local_file(compare, images, tmp_path, squeezenet, package_lpips, suffix):
    path = tmp_path / f'backbone{suffix}'
    save = torch.save if suffix == '.pth' else save_file
    save(squeezenet.state_dict(), path)
    value, target = images(1, seed=1), images(1, seed=2)
    expected = package_squeeze(package_lpips, squeezenet)(value, target).flatten().detach()
    for backbone in (path, str(path)):
        result = compare(LPIPSLoss('squeeze', backbone=backbone), value, target)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


def test_backbone_from_the_hub_folder(tmp_path, monkeypatch, squeezenet):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    calls = []

    def download(url, destination, *, size, sha256):
        calls.append((url, sha256))
        destination.parent.mkdir()
        torch.save(squeezenet.state_dict(), destination)

    monkeypatch.setattr(checkpoint, 'download_file', download)
    for _ in range(2):
        loss = LPIPSLoss('squeeze')
    assert calls == [(f'https://download.pytorch.org/models/{SQUEEZE_FILE}', 'b8a52dc0')]
    weight = squeezenet.features[0].weight
    assert torch.equal(loss.network.net.slice1[0].weight, weight)


def test_offline_without_a_backbone(tmp_path, monkeypatch):
    def download(*args, **kwargs):
        raise DownloadError('vgg16-397923af.pth: https://download.pytorch.org/: no route to host')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(checkpoint, 'download_file', download)
    with pytest.raises(FileNotFoundError) as caught:
        LPIPSLoss()
    message = str(caught.value)
    for part in ('vgg16-397923af.pth', 'https://download.pytorch.org/', 'backbone=', 'no route'):
        assert part in message
    assert '\n' not in message


def changed(state, **changes):
    """Rename (str), replace (tensor) or drop (None) the first convolution's weight or bias."""
    state = dict(state)
    for name, change in changes.items():
        tensor = state.pop(f'features.0.{name}')
        if isinstance(change, str):
            state[change] = tensor
        elif change is not None:
            state[f'features.0.{name}'] = change
    return state


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(weight=None), r'49 of 50 tensors match; missing \(1\): features.0.weight'),
        (dict(bias=torch.zeros(5)), r'features.0.bias is \(5,\) instead of \(64,\)'),
        (dict(bias='net.x'), r'missing \(1\): features.0.bias; unexpected \(1\): net.x'),
        (dict(bias=3.5), r'missing \(1\): features.0.bias'),
    ],
)
def test_backbone_that_does_not_fit(tmp_path, squeezenet, changes, message):
    path = tmp_path / 'backbone.pth'
    torch.save(changed(squeezenet.state_dict(), **changes), path)
    with pytest.raises(ValueError, match=message):
        LPIPSLoss('squeeze', backbone=path)


class Payload:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (open, (self.victim, 'w'))


def test_backbone_that_cannot_be_read(tmp_path):
    path = tmp_path / 'backbone.pth'
    with pytest.raises(FileNotFoundError, match=r'There is no checkpoint file .*backbone.pth'):
        LPIPSLoss('squeeze', backbone=path)
    for content in (b'', b'not a checkpoint'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='backbone.pth is not a readable checkpoint'):
            LPIPSLoss('squeeze', backbone=path)
    torch.save({'features.0.weight': Payload(str(tmp_path / 'victim'))}, path)
    with pytest.raises(ValueError, match='is refused: it holds _?io.open'):
        LPIPSLoss('squeeze', backbone=path)
    assert not (tmp_path / 'victim').exists()


@pytest.fixture
def forgotten_stlpips():
    """Unload the package; put everything back afterwards."""
    mine = {'IPython', 'torchsummary'}
    before = dict(sys.modules)
    for name in list(sys.modules):
        if name.partition('.')[0] == 'stlpips_pytorch' or name in mine:
            del sys.modules[name]
    yield
    for name in list(sys.modules):
        if name.partition('.')[0] == 'stlpips_pytorch' or name in mine:
            del sys.modules[name]
    sys.modules.update(before)


def test_stlpips_without_its_undeclared_packages(compare, images, forgotten_stlpips, monkeypatch):
    real = importlib.util.find_spec
    missing = ('IPython', 'torchsummary')
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name: None if name in missing else real(name)
    )
    loss = STLPIPSLoss()
    assert 'stlpips_pytorch.stlpips' in sys.modules
    assert not any(name in sys.modules for name in missing)  # no fakes left for others
    assert compare(loss, images(1, seed=1), images(1, seed=2)).item() > 0


def test_stlpips_missing(forgotten_stlpips):
    sys.modules['stlpips_pytorch'] = None
    with pytest.raises(ImportError, match=r'pip install mmgen_bdinvert\[stlpips\]'):
        STLPIPSLoss()
