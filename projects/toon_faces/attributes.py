# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A small classifier of the attributes of toon faces, trained on drawn faces only.

One copy labels the samples from which directions are learnt; another, trained on other faces,
judges edits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from mmgen.registry import MODULES
from torch import Tensor, nn

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.models.checkpoint import load_weights

from .drawing import MOVES, random_move
from .labelled_faces import TOON_LABELS

__all__ = ['ToonAttributes', 'attribute_accuracy', 'train_toon_attributes']

_NOWHERE = GeometricTransform()
_PARTS = 4  # parts of a batch that are moved in different ways
_WIDTHS = {64: (3, 24, 48, 64, 64), 128: (3, 24, 48, 64, 64, 64)}  # channels, by size of the image


@MODULES.register_module()
class ToonAttributes(nn.Module):
    """Classifier of the attributes of an aligned toon face.

    Args:
        checkpoint (str | None): Weights, such as ``'asset://toon_attributes/judge.safetensors'``.
            None leaves random ones, for training. Defaults to None.
        size (int): Side in pixels at which images are read: 64 or 128. Mouths that are thin lines
            can hardly be told apart in 64 pixels. Defaults to 64.

    Attributes:
        classes (dict[str, list[str]]): For each attribute of
            :data:`~projects.toon_faces.TOON_LABELS`, the classes of its logits.

    Raises:
        FileNotFoundError: The checkpoint does not exist.
        ValueError: It does not fit, or the size is another one.
    """

    def __init__(self, checkpoint: str | None = None, size: int = 64):
        super().__init__()
        if size not in _WIDTHS:
            raise ValueError(f'size is one of {", ".join(map(str, _WIDTHS))}, but got {size!r}.')
        self.classes = {name: list(choices) for name, choices in TOON_LABELS.items()}
        self.size, widths, layers = size, _WIDTHS[size], []
        for last, width in zip(widths, widths[1:]):
            layers += [nn.Conv2d(last, width, 3, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2))
        self.heads = nn.Linear(widths[-1] * 16, sum(map(len, self.classes.values())))
        if checkpoint is not None:
            load_weights(self, checkpoint, prefixes=('',), what='attribute classifier')
            self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Classify images.

        Args:
            images (Tensor): RGB (n, 3, H, W) in [-1, 1] of any size; values outside are clamped.

        Returns:
            dict[str, Tensor]: Logits (n, classes) of each attribute.

        Raises:
            ValueError: The shape is another one.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(
                f'ToonAttributes takes images (n, 3, H, W), but got {tuple(images.shape)}.'
            )
        images = resize(images.clamp(-1, 1), self.size)
        logits = self.heads(self.features(images))
        sizes = [len(choices) for choices in self.classes.values()]
        return dict(zip(self.classes, logits.split(sizes, dim=1)))


def train_toon_attributes(
    model: ToonAttributes,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int = 12,
    batch_size: int = 64,
    lr: float = 3e-3,
    seed: int = 0,
    on_step: Callable[[int, int, float], object] | None = None,
) -> None:
    """Train the classifier; afterwards it is in evaluation mode.

    Faces are blurred, made noisy, and moved out of the picture and back: like an edited inversion
    of a moved face, they have lost what left the picture.

    Args:
        model (ToonAttributes): With random weights.
        images (Tensor): RGB uint8 (n, 3, S, S), S being the classifier's size.
        labels (Tensor): Choices (n, A) in the order of ``TOON_LABELS``; -1 is left out.
        epochs (int): Passes over the images. Defaults to 12.
        batch_size (int): Defaults to 64.
        lr (float): Largest learning rate of AdamW's one cycle. Defaults to 3e-3.
        seed (int): Order of the images, and what is done to them. Defaults to 0.
        on_step (Callable | None): Called as ``on_step(step, steps, loss)``. Defaults to None.
    """
    rng = torch.Generator().manual_seed(seed)
    per_epoch = len(images) // batch_size
    steps = epochs * per_epoch
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    model.train()
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(images), generator=rng)
        chosen = order[step % per_epoch * batch_size :][:batch_size]
        batch = augment_faces(images[chosen].float() / 127.5 - 1, rng)
        logits = model(batch)
        loss = sum(
            F.cross_entropy(rows, choice, ignore_index=-1, reduction='sum')
            / (choice >= 0).sum().clamp_min(1)
            for rows, choice in zip(logits.values(), labels[chosen].T)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if on_step is not None:
            on_step(step + 1, steps, loss.item())
    model.eval()


@torch.no_grad()
def attribute_accuracy(model: ToonAttributes, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the share of faces that are classified as they are labelled.

    Args:
        model (ToonAttributes): In evaluation mode.
        images (Tensor): RGB (n, 3, H, W) in [-1, 1].
        labels (Tensor): Choices (n, A) in the order of ``TOON_LABELS``; -1 is left out.

    Returns:
        dict[str, float]: Accuracy of each attribute.
    """
    found = [model(batch) for batch in images.split(256)]
    accuracy = {}
    for name, truth in zip(model.classes, labels.T):
        right = torch.cat([logits[name].argmax(1) for logits in found]) == truth
        accuracy[name] = right[truth >= 0].double().mean().item()
    return accuracy


def augment_faces(images: Tensor, rng: torch.Generator) -> Tensor:
    """Blur, move and add noise to faces (n, 3, H, W) in [-1, 1] at random."""
    parts = []
    for part in images.tensor_split(_PARTS):
        soften, jitter = torch.rand(2, generator=rng) < 0.5
        if soften:
            side = part.shape[-1]
            smaller = int(side * (0.6 + 0.4 * torch.rand((), generator=rng)))
            part = resize(resize(part, smaller), side)
        part = away_and_back(part, rng, _jitter(rng) if jitter else _NOWHERE, always=False)
        part = part + 0.03 * torch.randn(part.shape, generator=rng)
        parts.append(part + 0.02 * torch.randn(len(part), 3, 1, 1, generator=rng))
    return torch.cat(parts).clamp(-1, 1)


def away_and_back(
    images: Tensor,
    rng: torch.Generator,
    then: GeometricTransform = _NOWHERE,
    *,
    always: bool = True,
) -> Tensor:
    """Move images (n, 3, H, W) by a random out-of-range transform, then back, and by ``then``.

    Unless ``always``, half of the calls move them by ``then`` only.
    """
    number, kind = torch.randint(2**31, (2,), generator=rng).tolist()
    moves = MOVES[1:]
    if not always and number % 2 == 0:
        return transform_image(images, then)
    matrix = random_move(moves[kind % len(moves)], number).matrix()
    return transform_image(
        transform_image(images, matrix), then.matrix() @ torch.linalg.inv(matrix)
    )


def _jitter(rng: torch.Generator) -> GeometricTransform:
    """Draw the error that remains after an estimated motion is undone: ±3 %, ±5°, ±5 %."""
    x, y, angle, scale = (2 * torch.rand(4, generator=rng) - 1).tolist()
    return GeometricTransform((0.03 * x, 0.03 * y), 5 * angle, 1 + 0.05 * scale)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize images (n, 3, H, W) to size × size, anti-aliased."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode='bilinear', antialias=True)
