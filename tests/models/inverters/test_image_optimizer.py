# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from mmgen.registry import OPTIMIZERS as OPTIMIZERS_OF_MMGEN

from mmgen_bdinvert.models.inverters.image_optimizer import (
    ImageOptimizer,
    image_steps,
    restart_correction,
)

OPTIMIZERS = [
    dict(type='Adam', lr=0.1),
    dict(type='AdamW', lr=0.1, betas=(0.8, 0.95), weight_decay=0),
    dict(type='Adam', lr=0.1, amsgrad=True),
    dict(type='SGD', lr=0.1, momentum=0.9),
]
ALL, SECOND = torch.tensor([True] * 3), torch.tensor([False, True, False])


def start():
    return torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))


def loss(value):
    """Return a bent bowl for each image."""
    scale = torch.linspace(0.2, 2, value[0].numel()).view_as(value[0])
    return (scale * value.square() + 0.1 * value.pow(4)).flatten(1).sum(1)


def by_torch(config, value, steps, factor=1.0):
    """Return what torch's own optimiser makes of a batch."""
    settings = {**config, 'lr': factor * config['lr']}
    value = value.clone().requires_grad_()
    optimizer = getattr(torch.optim, settings.pop('type'))([value], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(value).sum().backward()
        optimizer.step()
    return value.detach()


def steps_of(optimizer, value, count, which=ALL):
    for _ in range(count):
        optimizer.zero_grad()
        total = loss(value)
        total.sum().backward()
        optimizer.step(which, total.detach())


@pytest.mark.parametrize('config', OPTIMIZERS, ids=lambda c: c['type'])
def test_an_image_that_is_set_back_begins_anew_at_half_the_rate(config):
    value = start().requires_grad_()
    optimizer = ImageOptimizer(config, [value], lambda step: 1.0)
    steps_of(optimizer, value, 7)
    assert torch.equal(value.detach(), by_torch(config, start(), 7))
    for times in (1, 2):
        optimizer.set_back(SECOND)
        with torch.no_grad():
            value[1] = start()[1]
        steps_of(optimizer, value, 5)
        expected = by_torch(config, start(), 5, 0.5**times)[1]
        torch.testing.assert_close(value.detach()[1], expected, rtol=1e-4, atol=1e-5)
    for i in (0, 2):  # the others never noticed
        assert torch.equal(value.detach()[i], by_torch(config, start(), 17)[i])


def test_images_that_are_not_meant_stay(config=OPTIMIZERS[0]):
    value = start().requires_grad_()
    optimizer = ImageOptimizer(config, [value], lambda step: 1.0)
    value.register_hook(lambda grad: torch.where(SECOND.view(3, 1, 1, 1), torch.nan, grad))
    steps_of(optimizer, value, 3, ~SECOND)
    assert torch.equal(value.detach()[1], start()[1])
    for i in (0, 2):
        assert torch.equal(value.detach()[i], by_torch(config, start(), 3)[i])


def test_the_schedule_counts_steps():
    value = start().requires_grad_()
    optimizer = ImageOptimizer(dict(type='SGD', lr=1.0), [value], lambda step: 1.0 / (1 + step))
    for step in range(4):
        before = value.detach().clone()
        optimizer.zero_grad()
        value.sum().backward()
        optimizer.step(ALL, torch.ones(3))
        torch.testing.assert_close(before - value.detach(), torch.full_like(before, 1 / (1 + step)))


def test_the_correction_is_adams():
    ages = torch.tensor([1, 3, 20])
    factors = restart_correction((0.9, 0.99), torch.tensor(20), ages)
    for age, factor in zip(ages.tolist(), factors.tolist()):
        own = (1 - 0.99**age) ** 0.5 / (1 - 0.9**age)
        optimisers = (1 - 0.99**20) ** 0.5 / (1 - 0.9**20)
        assert factor == pytest.approx(own / optimisers, rel=1e-5)


def test_an_optimiser_of_a_kind_of_its_own(monkeypatch):
    """Whatever has the protocol is used as it is; nothing asks for its class."""

    class Halving(torch.optim.SGD):
        capturable, forgotten = True, None

        def step(self, losses, rates):
            for value in self.param_groups[0]['params']:
                value *= 1 - 0.5 * rates.view(-1, 1)

        def forget(self, which):
            self.forgotten = which

    monkeypatch.setitem(OPTIMIZERS_OF_MMGEN.module_dict, 'Halving', Halving)
    image_steps.register(Halving, lambda optimizer: optimizer)
    value = torch.ones(3, 2, requires_grad=True)
    optimizer = ImageOptimizer(dict(type='Halving', lr=1.0), [value], lambda step: 1.0)
    value.sum().backward()
    optimizer.step(ALL, torch.zeros(3))
    optimizer.set_back(SECOND)
    optimizer.step(ALL, torch.zeros(3))
    assert value.detach()[:, 0].tolist() == [0.25, 0.375, 0.25] and optimizer.capturable
    assert not image_steps(torch.optim.RMSprop([value])).capturable
