# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.models.inverters.image_lbfgs import ImageLBFGS, newton_direction
from mmgen_bdinvert.models.inverters.image_optimizer import ImageOptimizer

RNG = torch.Generator().manual_seed(0)
HALF = torch.randn(3, 6, 6, generator=RNG, dtype=torch.float64)
CURVATURE = HALF @ HALF.mT + 0.1 * torch.eye(6)  # of three bowls, [NDD]


def bowl(value):
    return 0.5 * torch.einsum('ni,nij,nj->n', value, CURVATURE[: len(value)], value)


def steep(value):
    """Return Rosenbrock's valley, whose minimum is at 1, for each image (n, 2)."""
    x, y = value.unbind(1)
    return (1 - x).square() + 100 * (y - x * x).square()


def descend(function, values, steps, **settings):
    optimizer = ImageOptimizer(dict(type='ImageLBFGS', **settings), values, lambda step: 1.0)
    history = []
    for _ in range(steps):
        optimizer.zero_grad()
        total = function(torch.cat([v.flatten(1) for v in values], 1))
        total.sum().backward()
        history.append(total.detach())
        optimizer.step(torch.ones(len(total), dtype=torch.bool), total.detach())
    return torch.stack(history)


def test_the_direction_is_that_of_the_matrix_formula():
    # BFGS's own update of the inverse Hessian (Nocedal and Wright, equation 6.17).
    steps = [torch.randn(3, 6, generator=RNG, dtype=torch.float64) for _ in range(4)]
    changes = [torch.einsum('nij,nj->ni', CURVATURE, s) for s in steps]
    steps[1][2] = changes[1][2] = 0  # the third image made no second step
    gradient = torch.randn(3, 6, generator=RNG, dtype=torch.float64)
    scale = torch.rand(3, 6, generator=RNG, dtype=torch.float64) + 0.5
    products = [(s * y).sum(1, keepdim=True) for s, y in zip(steps, changes)]
    inverse = [torch.where(sy > 0, 1 / sy, 0) for sy in products]
    found = newton_direction(gradient, steps, changes, inverse, scale)
    for i in range(3):
        matrix = torch.diag(scale[i])
        for s, y in ((s[i], y[i]) for s, y in zip(steps, changes)):
            if s.any():
                left = torch.eye(6) - torch.outer(s, y) / (s @ y)
                matrix = left @ matrix @ left.T + torch.outer(s, s) / (s @ y)
        torch.testing.assert_close(found[i], -matrix @ gradient[i])


def test_narrow_valleys_are_followed_to_their_end():
    value = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    history = descend(steep, [value.requires_grad_()], 120)
    assert history.min(0).values.max() < 1e-8


def test_a_step_that_does_not_help_is_tried_again_shorter():
    value = torch.tensor([[0.5]], dtype=torch.float64).requires_grad_()
    history = descend(lambda v: (50 * v).cosh().flatten().log(), [value], 40, lr=10.0)
    assert history[1] > history[0]  # far too long
    assert history.min() < 1e-6


def test_images_are_as_alone_and_parts_as_one():
    start = torch.randn(3, 6, generator=RNG, dtype=torch.float64)
    whole, parts = start.clone().requires_grad_(), [start[:, :2], start[:, 2:]]
    parts = [p.clone().view(3, -1, 2).requires_grad_() for p in parts]
    histories = [descend(bowl, values, 15) for values in ([whole], parts)]
    torch.testing.assert_close(*histories)
    alone = descend(bowl, [start[:1].clone().requires_grad_()], 15)
    torch.testing.assert_close(alone, histories[0][:, :1])


def test_an_image_that_is_set_back_begins_anew_alone():
    start = torch.randn(3, 6, generator=RNG, dtype=torch.float64)
    value, second = start.clone().requires_grad_(), torch.tensor([False, True, False])
    optimizer = ImageOptimizer(dict(type='ImageLBFGS'), [value], lambda step: 1.0)

    def step(broken=None):
        optimizer.zero_grad()
        total = bowl(value)
        total.sum().backward()
        total = total.detach()
        if broken is not None:
            total = torch.where(broken, torch.nan, total)
        optimizer.step(torch.isfinite(total), total)
        if broken is not None:
            optimizer.set_back(broken)
            with torch.no_grad():
                value[1] = start[1]

    for _ in range(5):
        step()
    step(second)
    for _ in range(6):
        step()
    undisturbed = start.clone().requires_grad_()
    descend(bowl, [undisturbed], 12)
    for i in (0, 2):
        assert torch.equal(value[i], undisturbed[i])
    anew = start.clone().requires_grad_()
    descend(bowl, [anew], 6, lr=0.005)  # half of what it began with
    torch.testing.assert_close(value[1], anew[1])


def test_bad_settings_are_refused():
    value = torch.zeros(1, 2, requires_grad=True)
    with pytest.raises(ValueError, match='lr is a finite number above 0, but got 0'):
        ImageLBFGS([value], lr=0)
    with pytest.raises(ValueError, match='takes one group, but got 2'):
        ImageLBFGS([{'params': [value]}, {'params': [torch.zeros(1, 2, requires_grad=True)]}])
