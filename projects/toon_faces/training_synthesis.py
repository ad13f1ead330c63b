# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Synthesis of a StyleGAN2 whose weights are trained, for less work than mmgen's modules.

Same weights and result, but for rounding, without injected noise. Three things make a step cheaper,
all of plain torch operations, so that it can be differentiated twice:

* activations are scaled by the style instead of the weights, and demodulation, bias and the
  activation's gain are one multiplication and addition;
* a transposed convolution and the blur after it are one 3×3 convolution at the lower resolution,
  with four times the output channels;
* feature maps are channels-last and of the given dtype; weights and styles stay as they are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['mix_styles', 'render_below', 'render_last', 'synthesize']


def mix_styles(before: Tensor, after: Tensor, crossovers: Tensor, layers: int) -> Tensor:
    """Join style vectors (n, D) to w+ (n, N, D): those ``after`` from the crossovers (n, 1) on."""
    is_after = torch.arange(layers) >= crossovers  # [nN]
    return torch.where(is_after[:, :, None].to(after.device), after[:, None], before[:, None])


def synthesize(generator: nn.Module, styles: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Render style vectors with a StyleGAN2 generator of mmgen.

    Args:
        generator (nn.Module): mmgen's ``StyleGANv2Generator`` or a subclass.
        styles (Tensor): w+ of shape (n, N, D).
        dtype (torch.dtype | None): What feature maps are computed in. Defaults to None: as styles.

    Returns:
        Tensor: Images (n, 3, H, W) in the generator's channel order, as exact as ``styles``.
    """
    return render_last(generator, *render_below(generator, styles, dtype), styles)


def render_below(
    generator: nn.Module, styles: Tensor, dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """Render all but the last resolution.

    Takes what :func:`synthesize` takes; returns feature maps (n, C, H / 2, W / 2) and the image
    (n, 3, H / 2, W / 2) there.
    """
    dtype = styles.dtype if dtype is None else dtype
    x = generator.constant_input.input.to(dtype).expand(len(styles), -1, -1, -1)
    x = x.contiguous(memory_format=torch.channels_last)
    x = _styled(generator.conv1, x, styles[:, 0])
    image = _colours(generator.to_rgb1, x, styles[:, 1])
    for i in range(len(generator.to_rgbs) - 1):
        x, image = _enlarge(generator, i, x, image, styles)
    return x, image


def render_last(generator: nn.Module, x: Tensor, image: Tensor, styles: Tensor) -> Tensor:
    """Render the last resolution from what :func:`render_below` returns: images (n, 3, H, W)."""
    return _enlarge(generator, len(generator.to_rgbs) - 1, x, image, styles)[1]


def _enlarge(
    generator: nn.Module, i: int, x: Tensor, image: Tensor, styles: Tensor
) -> tuple[Tensor, Tensor]:
    """Apply the layers of one resolution: maps and image to those of twice the size."""
    to_rgb = generator.to_rgbs[i]
    x = _styled(generator.convs[2 * i], x, styles[:, 2 * i + 1])
    x = _styled(generator.convs[2 * i + 1], x, styles[:, 2 * i + 2])
    return x, to_rgb.upsample(image) + _colours(to_rgb, x, styles[:, 2 * i + 3])


def _styled(layer: nn.Module, x: Tensor, style: Tensor) -> Tensor:
    """Apply one ``ModulatedStyleConv``: maps (n, I, h, w) to (n, O, h, w), or twice as large."""
    conv, activate = layer.conv, layer.activate
    scale = conv.style_modulation(style) + conv.style_bias  # [NI]
    weight = _weight(conv)  # [OIkk]
    gain = scale.square() @ weight.square().sum((2, 3)).T + conv.eps  # [NO]
    gain = gain.rsqrt() * activate.scale
    x = x * scale.to(x.dtype)[:, :, None, None]
    if conv.upsample:
        kernel = _blurred(weight, conv.blur.kernel).to(x.dtype)  # [4O I33]
        x = _interleave(F.conv2d(x, kernel, padding=1))
    else:
        x = F.conv2d(x, weight.to(x.dtype), padding=conv.padding)
    bias = (activate.bias * activate.scale).to(x.dtype)[None, :, None, None]
    x = torch.addcmul(bias, x, gain.to(x.dtype)[:, :, None, None])
    return F.leaky_relu(x, activate.negative_slope)


def _weight(conv: nn.Module) -> Tensor:
    """Return what a ``ModulatedConv2d`` convolves with: (O, I, k, k), with its equalised scale."""
    for equalise in conv._forward_pre_hooks.values():
        equalise(conv, None)
    return conv.weight[0]


def _blurred(weight: Tensor, blur: Tensor) -> Tensor:
    """Join an up-sampling 3×3 kernel (O, I, 3, 3) with the 4×4 blur behind it: (4O, I, 3, 3).

    Joined they are 6×6. Its weights of one parity serve one of the four pixels that a pixel
    becomes; the result has these four in front, then O.
    """
    out, into = weight.shape[:2]
    taps = torch.eye(9, dtype=weight.dtype, device=weight.device).view(9, 1, 3, 3)
    joined = F.conv2d(taps, blur.to(weight)[None, None], padding=3).flip(2, 3)  # [9166]
    joined = joined.reshape(9, 3, 2, 3, 2).flip(2, 4).permute(0, 2, 4, 1, 3)  # [92233]
    kernel = weight.reshape(out * into, 9) @ joined.reshape(9, 36)
    return kernel.view(out, into, 4, 3, 3).permute(2, 0, 1, 3, 4).flatten(0, 1)  # [4O I33]


def _interleave(x: Tensor) -> Tensor:
    """Put four groups of channels next to each other: (n, 4O, h, w) to (n, O, 2h, 2w)."""
    n, c, h, w = x.shape
    x = x.permute(0, 2, 3, 1).reshape(n, h, w, 2, 2, c // 4)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, c // 4)
    return x.permute(0, 3, 1, 2)


def _colours(layer: nn.Module, x: Tensor, style: Tensor) -> Tensor:
    """Apply one ``ModulatedToRGB`` without its skip: maps (n, I, h, w) to (n, 3, h, w)."""
    conv = layer.conv
    scale = conv.style_modulation(style) + conv.style_bias  # [NI]
    weight = (_weight(conv)[:, :, 0, 0] * scale[:, None]).to(x.dtype)  # [N3I]
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # [NPI]
    rgb = (pixels @ weight.transpose(1, 2)).to(style.dtype)  # [NP3]
    return rgb.transpose(1, 2).unflatten(2, x.shape[2:]) + layer.bias
