# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Perceptual distances between images: LPIPS and its shift-tolerant successor."""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from importlib import resources
from pathlib import Path
from typing import Callable

import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn

from ...utils.numbers import checked_number
from .. import acceleration
from ..acceleration.blurred_convolution import accelerate_blurs
from ..acceleration.image_convolution import accelerate_convolutions
from ..acceleration.normalized_distance import normalized_distance
from ..checkpoint import download, read_state_dict
from ..frozen import HoldsFrozen
from ..state_dicts import fit_state

_TORCHVISION_NAMES = dict(vgg='vgg16', alex='alexnet', squeeze='squeezenet1_1')


class BackboneError(FileNotFoundError):
    """The network of an LPIPSLoss without a ``backbone`` is not there."""


def reduce_images(images: Tensor, size: int | None) -> Tensor:
    """Reduce images (n, c, H, W) to a longer side of ``size`` at most, bilinear with antialiasing.

    The aspect ratio stays; with None, all sizes do.
    """
    longest = max(images.shape[-2:])
    if size is None or longest <= size:
        return images
    shape = [max(1, round(side * size / longest)) for side in images.shape[-2:]]
    return F.interpolate(images, shape, mode='bilinear', align_corners=False, antialias=True)


def normalize_channels(features: Tensor, eps: float = 1e-10) -> Tensor:
    """Scale the feature vector (n, c, h, w) at each position to unit length, float32 or better.

    Unlike the square root of a sum, ``vector_norm`` has a finite gradient at zero.
    """
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + eps)


class PerceptualLoss(HoldsFrozen, nn.Module):
    """Weighted distance of the normalised features of two images; base of the losses below.

    The network is frozen and outside the module tree, see :class:`HoldsFrozen`.

    Args:
        network (nn.Module): ``scaling_layer`` and ``net`` compute feature maps of an image, the 1×1
            convolutions ``lins`` hold the weights of their channels.
        smallest (int): Shortest image side that ``network`` accepts.
        resize (int, optional): Images with a longer side are reduced to it; None never reduces.
            Defaults to 256.
        loss_weight (float): Factor that the parent applies. Defaults to 10.
    """

    compares = 'image'

    def __init__(
        self, network: nn.Module, *, smallest: int, resize: int | None, loss_weight: float
    ) -> None:
        super().__init__()
        self.smallest, self.resize = smallest, resize
        if resize is not None:
            self.resize = checked_number('resize', resize, least=1, whole=True)
        self.loss_weight = checked_number('loss_weight', loss_weight, least=0)
        accelerate_convolutions(network)
        accelerate_blurs(network)
        self.hold_frozen(network.to(memory_format=torch.channels_last))  # faster convolutions

    @property
    def network(self) -> nn.Module:
        """The frozen network."""
        return self.frozen

    def prepare(self, reference: Tensor) -> tuple[Tensor, ...]:
        """Compute the normalised features of the target, RGB (n, 3, H, W) in [-1, 1], once."""
        with torch.no_grad():
            return tuple(map(normalize_channels, self.features(reference)))

    def forward(self, value: Tensor, state: tuple[Tensor, ...]) -> Tensor:
        """Compare the image ``value``, RGB (n, 3, H, W) in [-1, 1], with the target: (n,)."""
        distance = 0.0
        for lin, ours, theirs in zip(self.network.lins, self.features(value), state):
            if ours.shape != theirs.shape:
                raise ValueError(
                    'an image must have the shape of its target, but their features have '
                    f'{tuple(ours.shape)} and {tuple(theirs.shape)}.'
                )
            weight = lin.model[-1].weight.flatten()
            if acceleration.enabled():
                distance = distance + normalized_distance(ours, theirs, weight)
            else:
                squares = (normalize_channels(ours) - theirs).square()
                distance = distance + (weight[:, None, None] * squares).sum(1).mean((1, 2))
        return distance

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps of RGB images (n, 3, H, W) in [-1, 1]."""
        rgb = images.ndim == 4 and images.shape[1] == 3
        images = images.to(self.network.lin0.model[-1].weight.dtype)
        reduced = reduce_images(images, self.resize) if rgb else images
        if not rgb or min(reduced.shape[-2:]) < self.smallest:
            raise ValueError(
                f'{type(self).__name__} takes RGB images (n, 3, H, W) of at least {self.smallest} '
                f'pixels a side, but got {tuple(images.shape)} with resize={self.resize}.'
            )
        reduced = reduced.contiguous(memory_format=torch.channels_last)
        return tuple(self.network.net(self.network.scaling_layer(reduced)))


@MODULES.register_module()
class LPIPSLoss(PerceptualLoss):
    """LPIPS (Zhang et al., CVPR 2018) of the ``lpips`` package.

    The package carries LPIPS's own weights; those of the backbone are torchvision's.

    Args:
        net (str): ``'vgg'`` (the paper's choice), ``'alex'`` or ``'squeeze'``, for images of at
            least 16, 31 or 17 pixels.
        backbone (str | Path, optional): A ``.pth`` or ``.safetensors`` file of torchvision's
            ``vgg16``, ``alexnet`` or ``squeezenet1_1``; ``'random'`` for seeded random weights
            (tests). Defaults to torchvision's own file, downloaded once into PyTorch's hub folder.

    Raises:
        FileNotFoundError: ``backbone`` is no file, or its default cannot be downloaded.
        ValueError: An unknown ``net``, or a file that is not its backbone.
    """

    def __init__(
        self,
        net: str = 'vgg',
        backbone: str | Path | None = None,
        resize: int | None = 256,
        loss_weight: float = 10.0,
    ) -> None:
        smallest = _choose(net, dict(vgg=16, alex=31, squeeze=17), 'LPIPSLoss')
        import lpips  # not above: it takes a second

        network = _empty(lpips.LPIPS, net=net, pnet_rand=True)
        if backbone == 'random':
            weights = _random_weights(network.net)
        else:
            file = backbone_file(net) if backbone is None else Path(backbone)
            weights = _read_backbone(file, network.net, net)
        with resources.as_file(resources.files('lpips') / f'weights/v0.1/{net}.pth') as path:
            weights.update(read_state_dict(path))
        weights.update(lpips.ScalingLayer().state_dict(prefix='scaling_layer.'))
        _fill(network, weights, 'the lpips package')
        super().__init__(network, smallest=smallest, resize=resize, loss_weight=loss_weight)


@MODULES.register_module()
class STLPIPSLoss(PerceptualLoss):
    """Shift-tolerant LPIPS (Ghildyal and Liu, ECCV 2022) of the ``stlpips-pytorch`` package.

    The package carries all of its weights.

    Args:
        net (str): ``'alex'`` (cheaper) or ``'vgg'``, for images of at least 21 or 18 pixels.

    Raises:
        ImportError: The package is missing.
    """

    def __init__(
        self, net: str = 'alex', resize: int | None = 256, loss_weight: float = 10.0
    ) -> None:
        smallest = _choose(net, dict(alex=21, vgg=18), 'STLPIPSLoss')
        network = _empty(_import_stlpips().LPIPS, net=net, variant='shift_tolerant')
        weights = resources.files('stlpips_pytorch') / f'weights/vST0.0/{net}_shift_tolerant.pth'
        with resources.as_file(weights) as path:
            _fill(network, read_state_dict(path), str(path))
        super().__init__(network, smallest=smallest, resize=resize, loss_weight=loss_weight)


def _choose(net: str, known: dict[str, int], owner: str) -> int:
    if net in known:
        return known[net]
    raise ValueError(f'{owner} knows the nets {", ".join(known)}, but got net={net!r}.')


def _import_stlpips() -> types.ModuleType:
    """Import the package with empty modules in place of two that it neither declares nor uses.

    To be deleted when stlpips-pytorch (0.0.2 here) declares or drops them.
    """
    stand_ins = {}
    for name, attribute in (('IPython', 'embed'), ('torchsummary', 'summary')):
        if name not in sys.modules:
            stand_ins[name] = types.ModuleType(name)
            setattr(stand_ins[name], attribute, None)
    try:
        sys.modules.update(stand_ins)
        return importlib.import_module('stlpips_pytorch.stlpips')
    except ImportError as error:
        raise ImportError(
            'STLPIPSLoss needs the package stlpips-pytorch: pip install mmgen_bdinvert[stlpips].'
        ) from error
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _empty(network_class: Callable[..., nn.Module], **kwargs) -> nn.Module:
    """Build a network without initialising its weights: no random draws, no VGG classifier."""
    with warnings.catch_warnings(), torch.device('meta'):
        warnings.filterwarnings('ignore', message='.*pretrained.*|.*weight enum.*')
        network = network_class(pretrained=False, verbose=False, **kwargs)
    # `to_empty` does the same, but spends a second on importing symbolic shapes.
    return network._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype))


def _fill(network: nn.Module, weights: dict[str, Tensor], source: str) -> None:
    own = network.state_dict()  # `lins.0.*` is another name of `lin0.*`
    wanted = {name: own[name] for name in own if name[:5] != 'lins.'}
    network.load_state_dict(fit_state(weights, wanted, source, 'this network'), strict=False)


def _random_weights(net: nn.Module) -> dict[str, Tensor]:
    """Draw He-normal kernels and zero biases without touching the global random state."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, tensor in net.state_dict().items():
        scale = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.0
        weights[f'net.{name}'] = torch.randn(tensor.shape, generator=generator) * scale
    return weights


def _read_backbone(path: Path, network: nn.Module, net: str) -> dict[str, Tensor]:
    """Read a network of torchvision; return its weights under the package's names."""
    given = {k: v for k, v in read_state_dict(path).items() if not k.startswith('classifier.')}
    own = network.state_dict()
    # `slice2.5.weight` of the package is `features.5.weight` of torchvision.
    theirs = {key: f'features.{key.partition(".")[2]}' for key in own}
    wanted = {theirs[key]: own[key] for key in own}
    given = fit_state(given, wanted, path, f"torchvision's {_TORCHVISION_NAMES[net]}")
    return {f'net.{key}': given[theirs[key]] for key in own}


def backbone_file(net: str) -> Path:
    """Return torchvision's weights of a network, downloaded once; else a BackboneError."""
    import torchvision  # not above: it takes a second

    weights = torchvision.models.get_model_weights(_TORCHVISION_NAMES[net])
    try:
        return download(weights.IMAGENET1K_V1.url, 'set backbone=PATH of the LPIPSLoss')
    except FileNotFoundError as error:
        raise BackboneError(str(error)) from error
