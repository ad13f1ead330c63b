# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Latents that carry labels and motions."""

import pytest
import torch

from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from projects.toon_faces.labelled_noise import LabelledNoise, start_from_coordinates

CHOICES = [2, 5, 10]  # digits of 2, 5, and 2 and 5


def drawn(labels, margin=0.0, dim=64):
    torch.manual_seed(0)
    labels = torch.as_tensor(labels).expand(4000, -1)
    return LabelledNoise(CHOICES, 1, margin)(labels, torch.full((4000, 1), torch.nan), dim)


def test_latents_without_given_labels_are_normal():
    z, _ = drawn([[-1, -1, -1]])
    torch.testing.assert_close(z.square().mean(1), torch.ones(4000))
    torch.testing.assert_close(z.mean(0), torch.zeros(64), atol=0.07, rtol=0)
    torch.testing.assert_close(torch.cov(z.T), torch.eye(64), atol=0.11, rtol=0)
    inside = (z.abs() < 1).float().mean(0)
    torch.testing.assert_close(inside, torch.full((64,), 0.6827), atol=0.04, rtol=0)


def test_each_digit_stands_in_its_quantiles():
    z, carried = drawn([[1, 3, 7]])  # 7 is 1 and 2 of 2 and 5
    for column, (digit, size) in enumerate([(1, 2), (3, 5), (1, 2), (2, 5)]):
        place = torch.special.ndtr(z[:, column]) * size
        assert place.floor().clamp(0, size - 1).eq(digit).all()
    above = [1.0, 1, 1, 1, -1, 1, 1, 1, -1, -1]
    torch.testing.assert_close(carried[:, :10], torch.tensor(above).expand(4000, -1))
    torch.testing.assert_close(carried[:, 10], z[:, 4])  # the motion


def test_a_margin_keeps_off_the_quantiles():
    z, _ = drawn([[-1, -1, -1]], margin=0.1)
    place = torch.special.ndtr(z[:, 1]) * 5
    assert (place.remainder(1) - 0.5).abs().max() < 0.4001


def test_a_given_motion_is_kept():
    motions = torch.tensor([[0.3], [-2.0]])
    z, carried = LabelledNoise(CHOICES, 1)(torch.zeros(2, 3, dtype=torch.long), motions, 16)
    torch.testing.assert_close(z[:, 4:5], motions)
    torch.testing.assert_close(carried[:, -1:], motions)


def test_labels_need_room():
    with pytest.raises(ValueError, match=r'more than 5 coordinates, but got \(1, 3\) and 5'):
        LabelledNoise(CHOICES, 1)(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 1), 5)


def readout_error(start, steps=60):
    torch.manual_seed(0)
    noise = LabelledNoise(CHOICES, 1)
    mapping = NarrowStyleGANv2Generator(8, 64, {4: 8, 8: 8}, num_mlps=3).style_mapping
    start(mapping, noise.num_named)
    readout = torch.nn.Linear(64, noise.num_cuts + 1)
    groups = [dict(params=mapping.parameters(), lr=0.2), dict(params=readout.parameters(), lr=0.01)]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    for _ in range(steps):
        z, carried = noise(torch.full((256, 3), -1), torch.full((256, 1), torch.nan), 64)
        error = (readout(mapping(z)) - carried).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return error.item()


def test_a_mapping_network_learns_labels_sooner_from_single_coordinates():
    assert readout_error(start_from_coordinates) < 0.7 * readout_error(lambda *_: None)
