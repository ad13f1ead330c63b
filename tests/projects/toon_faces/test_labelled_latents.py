# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Labels written into latents, and read by a mapping network."""

import pytest
import torch
from scipy.stats import kstest

from mmgen_bdinvert.models import NarrowStyleGANv2Generator
from projects.toon_faces.labelled_latents import latents_with_labels, write_steps

CHOICES = [3, 2, 5]
CUTS = sum(CHOICES) - len(CHOICES)


def mapping_network(dim=32, layers=4):
    generator = NarrowStyleGANv2Generator(8, dim, {4: 4, 8: 4}, num_mlps=layers)
    return generator.style_mapping


def uniform_labels(count, rng):
    return torch.stack([torch.randint(0, k, (count,), generator=rng) for k in CHOICES], 1)


def test_a_label_is_a_part_of_equal_probability_of_its_coordinate():
    rng = torch.Generator().manual_seed(0)
    labels = uniform_labels(500, rng)
    z = latents_with_labels(labels, CHOICES, 32, rng)
    place = torch.distributions.Normal(0, 1).cdf(z[:, :3])
    assert torch.equal((place * torch.tensor(CHOICES)).long(), labels)
    torch.testing.assert_close(z.square().mean(1), torch.ones(500))


def test_latents_of_uniform_labels_are_normal():
    rng = torch.Generator().manual_seed(0)
    z = latents_with_labels(uniform_labels(2000, rng), CHOICES, 32, rng)
    for column in z[:, :5].T:
        assert kstest(column.numpy(), 'norm').pvalue > 1e-3


def test_an_unknown_label_is_left_to_chance():
    labels = torch.full((2000, 3), -1)
    z = latents_with_labels(labels, CHOICES, 32, torch.Generator().manual_seed(0))
    assert kstest(z[:, 0].numpy(), 'norm').pvalue > 1e-3


def test_labels_need_a_latent_with_room():
    with pytest.raises(ValueError, match=r'3 labels .* but got \(4, 3\) and 3'):
        latents_with_labels(torch.zeros(4, 3), CHOICES, 3)


@pytest.mark.parametrize('layers', [4, 6])
def test_the_mapping_network_gives_steps_at_the_quantiles(layers):
    torch.manual_seed(0)
    mapping = mapping_network(layers=layers)
    write_steps(mapping, CHOICES)
    labels = uniform_labels(1000, None)
    with torch.no_grad():
        w = mapping(latents_with_labels(labels, CHOICES, 32))
    steps = (w[:, :CUTS] > 0.5).long().split([k - 1 for k in CHOICES], 1)
    read = torch.stack([part.sum(1) for part in steps], 1)
    assert (read == labels).float().mean() > 0.97  # the ramps are narrow
    low, high = -0.2 * 2**0.5, 2**0.5  # -1 and 1 behind the leaky ReLU
    settled = ((w[:, :CUTS] - low).abs() < 1e-3) | ((w[:, :CUTS] - high).abs() < 1e-3)
    assert settled.float().mean() > 0.95
    spread = torch.linalg.eigvalsh(torch.cov(w.T))
    assert spread[0] > 1e-3  # no direction of w is empty


def test_the_mapping_network_must_be_large_enough():
    for wrong in (mapping_network(dim=12), mapping_network(layers=3)):
        with pytest.raises(ValueError, match='7 quantiles need 4 layers or more'):
            write_steps(wrong, CHOICES)
