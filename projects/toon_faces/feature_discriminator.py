# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A discriminator of pixels and of features of a fixed network.

Features learnt on photos distinguish drawings from generated images after far fewer images than a
discriminator trained from scratch, as in *Projected GANs Converge Faster* (Sauer et al.,
NeurIPS 2021). Pixels are judged too, since the network's first layer already halves the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmgen.models.architectures.stylegan.modules.styleganv2_modules import ModMBStddevLayer
from mmgen.registry import MODULES
from torch import Tensor, nn

from mmgen_bdinvert.models.frozen import HoldsFrozen
from mmgen_bdinvert.models.losses import STLPIPSLoss

__all__ = ['FeatureDiscriminator']

# Channels of the pixels in blocks of 2×2 and of AlexNet's layers 1, 2, 3 and 5, and how often a
# head halves them.
_MAPS = ((12, 3), (64, 3), (192, 2), (384, 1), (256, 1))


@MODULES.register_module()
class FeatureDiscriminator(HoldsFrozen, nn.Module):
    """Five small networks on pixels and on features of the shift-tolerant AlexNet.

    Args:
        width (int): Channels of a head's first layer; the others have half as many more. Defaults
            to 64.
    """

    scales: Tensor

    def __init__(self, width: int = 64):
        super().__init__()
        self.hold_frozen(STLPIPSLoss(net='alex', resize=None).network)
        self.heads = nn.ModuleList(_head(channels, width, halved) for channels, halved in _MAPS)
        self.register_buffer('scales', torch.zeros(len(_MAPS)))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Compute the inputs of the heads.

        Args:
            images (Tensor): RGB images (n, 3, H, W) in [-1, 1], H and W even. Under autocast to
                bfloat16, the network computes in it.

        Returns:
            list[Tensor]: Maps (n, C, h, w), each with a mean square of 1 over the first images.
        """
        one, two, three, _, five = self.frozen.net(self.frozen.scaling_layer(images))
        maps = [F.pixel_unshuffle(images, 2), one, two, three, five]
        if not self.scales.any():
            sizes = torch.stack([m.detach().float().square().mean().rsqrt() for m in maps])
            self.scales.copy_(sizes)
        return [m * scale.to(m.dtype) for m, scale in zip(maps, self.scales)]

    def judge(self, maps: list[Tensor]) -> list[Tensor]:
        """Judge :meth:`maps`: for each of them logits (n, 1, h', w'), above 0 for real ones."""
        return [head(m) for head, m in zip(self.heads, maps)]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Judge RGB images (n, 3, H, W) in [-1, 1]: logits of each head."""
        return self.judge(self.maps(images))

    def gradient_penalty(self, maps: list[Tensor]) -> Tensor:
        """Compute R1 (Mescheder et al., 2018) of the heads, on :meth:`maps` of real images.

        It is the squared gradient of a logit, averaged over the logits of a head, images and heads.
        """
        maps = [m.detach().float().requires_grad_() for m in maps]
        logits = self.judge(maps)
        total = sum(logit.sum() / (logit[0].numel() ** 0.5) for logit in logits)
        gradients = torch.autograd.grad(total, maps, create_graph=True)
        return sum(g.square().sum() for g in gradients) / (len(maps) * len(maps[0]))


def _head(channels: int, width: int, halved: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
    deep = 3 * width // 2
    for i in range(halved):
        layers += [nn.Conv2d(deep if i else width, deep, 4, 2, 1), nn.LeakyReLU(0.2)]
    layers += [ModMBStddevLayer(group_size=4, channel_groups=1)]
    layers += [nn.Conv2d(deep + 1, deep, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(deep, 1, 3, padding=1))
