# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy
import importlib.util
import sys
import urllib.error
import warnings

import lpips
import numpy as np
import pytest
import torch
import torchvision
from mmgen.registry import MODULES
from safetensors.torch import save_file
from torch import nn

import mmgen_bdinvert  # noqa: F401
from mmgen_bdinvert.models.latent_stats import LatentStatistics
from mmgen_bdinvert.models.losses import (
    BaseCodeDistance,
    LPIPSLoss,
    PixelMSELoss,
    PNormLoss,
    STLPIPSLoss,
)
from mmgen_bdinvert.models.losses.perceptual import normalize_channels, reduce_images

SQUEEZE_FILE = 'squeezenet1_1-b8a52dc0.pth'


def images(n=2, size=64, seed=0, dtype=torch.float32):
    noise = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))
    return (2 * noise - 1).to(dtype)


def codes(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def compare(loss, value, reference):
    return loss(value, loss.prepare(reference))


@pytest.fixture(scope='module')
def squeezenet():
    """Torchvision's network with random weights, 5 MB."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return torchvision.models.squeezenet1_1(weights=None).eval()


@pytest.fixture(scope='module')
def stlpips_alex():
    return STLPIPSLoss()


def package_lpips(net, **kwargs):
    """The package's own module, as its users build it but for the download."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return lpips.LPIPS(net=net, pnet_rand=True, verbose=False, **kwargs)


def package_squeeze(squeezenet):
    reference = package_lpips('squeeze')
    for index in range(1, 8):
        for position, module in getattr(reference.net, f'slice{index}').named_children():
            module.load_state_dict(squeezenet.features[int(position)].state_dict())
    return reference


# --- the contract ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    'config, compares, loss_weight',
    [
        (dict(type='PixelMSELoss'), 'image', 1),
        (dict(type='LPIPSLoss', net='squeeze', backbone='random'), 'image', 10),
        (dict(type='STLPIPSLoss'), 'image', 10),
        (dict(type='BaseCodeDistance'), 'base', 10),
        (dict(type='PNormLoss'), 'detail', 0.01),
    ],
)
def test_registered_with_the_weights_of_the_paper(config, compares, loss_weight):
    loss = MODULES.build(config)
    assert (loss.compares, loss.loss_weight) == (compares, loss_weight)
    assert MODULES.build(dict(config, loss_weight=3)).loss_weight == 3.0


# --- pixels and codes -----------------------------------------------------------------------


@pytest.mark.parametrize('loss', [PixelMSELoss(5.0), BaseCodeDistance()])
def test_squared_distances_are_the_formula(loss):
    value, reference = codes(3, 4, 5, 5, seed=1).requires_grad_(), codes(3, 4, 5, 5, seed=2)
    result = compare(loss, value, reference)
    difference = value.detach().numpy() - reference.numpy()
    np.testing.assert_allclose(
        result.detach(), [(d**2).sum() / 100 for d in difference], rtol=1e-14
    )
    result[1].backward()
    expected = np.zeros_like(difference)
    expected[1] = 2 * difference[1] / 100
    np.testing.assert_allclose(value.grad, expected, rtol=1e-12)


@pytest.mark.parametrize('loss', [PixelMSELoss(), BaseCodeDistance()])
def test_squared_distances_do_not_broadcast(loss):
    with pytest.raises(ValueError, match=r'\(1, 3, 8, 8\), but got \(2, 3, 8, 8\)'):
        compare(loss, images(2, 8), images(1, 8))


def test_normalized_base_codes_are_compared_without_mean_and_scale_of_their_channels():
    loss = BaseCodeDistance(normalized=True)
    value, reference = codes(3, 4, 5, 5, seed=1), 3 * codes(3, 4, 5, 5, seed=2) - 1
    white = []
    for code in (value.numpy(), reference.numpy()):
        variance = code.var((2, 3), keepdims=True)
        white.append((code - code.mean((2, 3), keepdims=True)) / np.sqrt(variance + 1e-5))
    expected = ((white[0] - white[1]) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(compare(loss, value, reference), expected, rtol=1e-12)
    shift, scale = codes(3, 4, 1, 1, seed=3), 1 + codes(3, 4, 1, 1, seed=4).abs()
    moved = compare(loss, value * scale + shift, reference)
    # The 1e-5 that keeps a constant channel finite is not scaled along.
    np.testing.assert_allclose(moved, expected, rtol=1e-4)
    assert not np.allclose(compare(BaseCodeDistance(), value * scale, reference), expected, 0.1)
    np.testing.assert_allclose(compare(loss, -value, value), 4, rtol=1e-4)  # the largest there is
    constant = torch.ones(1, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    compare(loss, constant, reference[:1]).sum().backward()
    assert constant.grad.isfinite().all()


def test_p_norm_is_the_formula():
    components = torch.linalg.qr(codes(8, 8))[0]
    mean, eigenvalues = codes(8, seed=1), codes(8, seed=2).square() + 0.1
    statistics = LatentStatistics(mean=mean, components=components, eigenvalues=eigenvalues)
    detail = codes(2, 3, 8, seed=3)
    x = np.where(detail > 0, detail, 5 * detail) - mean.numpy()
    v = x @ components.numpy() / np.sqrt(eigenvalues.numpy())
    result = compare(PNormLoss(), detail, statistics)
    np.testing.assert_allclose(result, (v**2).mean((1, 2)), rtol=1e-5)  # buffers are float32


def test_p_norm_of_mapped_latents_is_one_and_of_the_mean_zero():
    def mapping(z):
        return (1.5 * z + 1).sinh()

    generator = torch.Generator().manual_seed(0)
    statistics = LatentStatistics.fit(mapping, 4, num_samples=20_000, generator=generator)
    detail = mapping(torch.randn(1, 5000, 4, generator=generator))
    # Heavy tails: the standard error of this mean of v² is about 0.1.
    assert compare(PNormLoss(), detail, statistics).item() == pytest.approx(1, abs=0.3)
    mean = statistics.unwhiten(torch.zeros(1, 5, 4))
    assert compare(PNormLoss(), mean, statistics).item() == pytest.approx(0, abs=1e-9)


def test_p_norm_wants_statistics():
    with pytest.raises(TypeError, match='LatentStatistics of the generator, but got Tensor'):
        PNormLoss().prepare(torch.zeros(2, 3, 8))


# --- perceptual: values ---------------------------------------------------------------------


@pytest.mark.parametrize('net', ['alex', 'vgg', 'squeeze'])
def test_lpips_equals_the_package(net):
    loss = LPIPSLoss(net, backbone='random')
    reference = package_lpips(net)
    own_lins = {k: v.clone() for k, v in reference.state_dict().items() if k.startswith('lin')}
    reference.load_state_dict(loss.network.state_dict())
    for name, tensor in own_lins.items():  # the trained weights, not ours loaded back
        assert torch.equal(tensor, loss.network.state_dict()[name])
    value, target = images(2, seed=1), images(2, seed=2)
    expected = reference(value, target).flatten()
    torch.testing.assert_close(compare(loss, value, target), expected, rtol=0, atol=1e-6)
    assert expected.min() > 1e-3
    loss.double(), reference.double()
    value, target = value.double(), target.double()
    expected = reference(value, target).flatten()
    torch.testing.assert_close(compare(loss, value, target), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_stlpips_equals_the_package_with_its_weights(net):
    from stlpips_pytorch import stlpips

    reference = stlpips.LPIPS(net=net, variant='shift_tolerant', verbose=False)
    value, target = images(2, seed=1), images(2, seed=2)
    expected = reference(value, target).flatten().detach()
    result = compare(STLPIPSLoss(net), value, target)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
    assert expected.min() > 1e-2


def test_gradient_equals_that_of_the_package(stlpips_alex):
    value, target = images(1, seed=1).requires_grad_(), images(1, seed=2)
    (expected,) = torch.autograd.grad(stlpips_alex.network(value, target).sum(), value)
    (gradient,) = torch.autograd.grad(compare(stlpips_alex, value, target).sum(), value)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-3 * expected.abs().max())


def test_gradient_is_finite_where_all_features_are_zero():
    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    (theirs,) = torch.autograd.grad(lpips.normalize_tensor(features).sum(), features)
    (ours,) = torch.autograd.grad(normalize_channels(features).sum(), features)
    assert theirs.isnan().all() and ours.isfinite().all()


def test_half_precision_features_are_normalised_in_float32():
    features = torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1).repeat(1, 1, 1, 2)
    features[..., 1] = 0  # 0 / (0 + 1e-10) is NaN in float16, which has no 1e-10
    result = normalize_channels(features.half())
    expected = torch.tensor([[0, 0.6, 0.8], [0, 0, 0]]).T.view(1, 3, 1, 2)
    torch.testing.assert_close(result, expected)


def test_a_batch_is_worth_its_images_alone(stlpips_alex):
    value, target = images(3, seed=1), images(3, seed=2)
    alone = [compare(stlpips_alex, value[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(compare(stlpips_alex, value, target), torch.cat(alone))


def test_autocast_costs_little_precision(stlpips_alex):
    value, target = images(2, seed=1), images(2, seed=2)
    expected = compare(stlpips_alex, value, target)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        result = compare(stlpips_alex, value, target)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0.02, atol=0)  # bfloat16 has 8 bits


# --- perceptual: sizes ----------------------------------------------------------------------


def test_reducing_by_two_is_the_antialiased_triangle():
    pixels = codes(1, 1, 16, 16)
    taps = np.array([1, 3, 3, 1]) / 8
    expected = taps @ pixels[0, 0, 5:9, 7:11].numpy() @ taps  # centred on 2i + 0.5
    assert reduce_images(pixels, 8)[0, 0, 3, 4].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize('shape, size, reduced', [((60, 30), 20, (20, 10)), ((20, 9), 20, (20, 9))])
def test_reducing_keeps_the_aspect_ratio_and_never_enlarges(shape, size, reduced):
    pixels = codes(1, 3, *shape)
    assert reduce_images(pixels, size).shape[-2:] == reduced
    assert reduce_images(pixels, None) is pixels


def test_large_images_are_reduced_before_the_network(stlpips_alex):
    value, target = images(1, 128, seed=1), images(1, 128, seed=2)
    small = STLPIPSLoss(resize=64)
    expected = compare(stlpips_alex, reduce_images(value, 64), reduce_images(target, 64))
    torch.testing.assert_close(compare(small, value, target), expected)
    assert not torch.isclose(compare(stlpips_alex, value, target), expected)


@pytest.mark.parametrize(
    'loss_class, net, smallest',
    [
        (LPIPSLoss, 'vgg', 16),
        (LPIPSLoss, 'alex', 31),
        (LPIPSLoss, 'squeeze', 17),
        (STLPIPSLoss, 'alex', 21),
        (STLPIPSLoss, 'vgg', 18),
    ],
)
def test_smallest_images(loss_class, net, smallest):
    kwargs = dict(backbone='random') if loss_class is LPIPSLoss else {}
    loss = loss_class(net, **kwargs)
    assert compare(loss, images(1, smallest, 1), images(1, smallest, 2)).item() > 0
    with pytest.raises(RuntimeError):  # the network itself cannot do less
        loss.network(images(1, smallest - 1), images(1, smallest - 1))
    with pytest.raises(ValueError, match=f'at least {smallest} pixels a side, but got'):
        loss.prepare(images(1, smallest - 1))


@pytest.mark.parametrize('shape', [(3, 512, 512), (2, 1, 64, 64), (64,)])
def test_only_rgb_batches(stlpips_alex, shape):
    with pytest.raises(ValueError, match=r'takes RGB images \(n, 3, H, W\)'):
        stlpips_alex.prepare(torch.zeros(shape))


def test_value_and_target_must_have_one_shape(stlpips_alex):
    with pytest.raises(ValueError, match='must have the shape of its target'):
        compare(stlpips_alex, images(2), images(1))


def test_unknown_nets():
    with pytest.raises(ValueError, match="knows the nets vgg, alex, squeeze, but got net='resnet'"):
        LPIPSLoss('resnet')
    with pytest.raises(ValueError, match="STLPIPSLoss knows the nets alex, vgg, but got net='sq"):
        STLPIPSLoss('squeeze')


# --- perceptual: a frozen guest in its parent -----------------------------------------------


def test_target_features_are_computed_once(stlpips_alex):
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


def test_the_network_stays_frozen_and_out_of_checkpoints():
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


def test_the_network_follows_its_parent_between_dtypes():
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


# --- perceptual: weights from files ---------------------------------------------------------


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_backbone_from_a_local_file(tmp_path, squeezenet, suffix):
    path = tmp_path / f'backbone{suffix}'
    save = torch.save if suffix == '.pth' else save_file
    save(squeezenet.state_dict(), path)
    value, target = images(1, seed=1), images(1, seed=2)
    expected = package_squeeze(squeezenet)(value, target).flatten().detach()
    for backbone in (path, str(path)):
        result = compare(LPIPSLoss('squeeze', backbone=backbone), value, target)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


def test_backbone_from_the_hub_folder(tmp_path, monkeypatch, squeezenet):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    calls = []

    def download(url, destination, hash_prefix, *args, **kwargs):
        calls.append((url, hash_prefix))
        torch.save(squeezenet.state_dict(), destination)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        loss = LPIPSLoss('squeeze')
    assert calls == [(f'https://download.pytorch.org/models/{SQUEEZE_FILE}', 'b8a52dc0')]
    weight = squeezenet.features[0].weight
    assert torch.equal(loss.network.net.slice1[0].weight, weight)


def test_offline_without_a_backbone(tmp_path, monkeypatch):
    def download(*args, **kwargs):
        raise urllib.error.URLError('no route to host')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
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
    with pytest.raises(ValueError, match='is refused: it holds io.open'):
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


def test_stlpips_without_its_undeclared_packages(forgotten_stlpips, monkeypatch):
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
