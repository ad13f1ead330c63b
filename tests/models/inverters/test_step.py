# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Which inversions a CUDA graph may repeat, and that it repeats them."""

import pytest
import torch

from mmgen_bdinvert.models import NoiseProjector, RegularizedInverter
from mmgen_bdinvert.models.acceleration.cuda_graph import CudaGraphStep
from mmgen_bdinvert.models.inverters.image_optimizer import ImageOptimizer

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
OPTIMIZERS = [
    dict(type='Adam', lr=0.01),
    dict(type='ImageLBFGS', history=3),
    dict(type='SGD', lr=0.1, momentum=0.5),
]


class Fading(RegularizedInverter):
    def learning_rate(self, step):
        return 1 / (1 + step)


def test_steps_that_depend_on_their_number_are_not_repeated(make_inverter, make_generator):
    inverter = make_inverter(num_steps=1)
    assert inverter._steady
    inverter.__class__ = Fading
    assert not inverter._steady
    losses = dict(pixel=dict(type='PixelMSELoss'))
    assert not NoiseProjector(make_generator(), losses=losses, num_steps=1)._steady


def test_the_moments_of_a_step_stay_where_they_are():
    # What a CUDA graph reads and writes must be the same memory in every step.
    for config in OPTIMIZERS:
        value = torch.ones(2, 3, requires_grad=True)
        optimizer = ImageOptimizer(config, [value], lambda step: 1.0)

        def places(optimizer=optimizer):
            own = [optimizer.__dict__, optimizer._steps.__dict__]
            owners = [*own, *optimizer._optimizer.state.values()]
            memory = getattr(optimizer._optimizer, '_memory', None)
            owners += [memory.__dict__] if memory is not None else []
            return [v.data_ptr() for o in owners for v in o.values() if torch.is_tensor(v)]

        seen = []
        for _ in range(3):
            optimizer.zero_grad()
            value.square().sum().backward()
            optimizer.step(torch.tensor([True, True]), value.detach().square().sum(1))
            optimizer.set_back(torch.tensor([False, True]))
            seen.append(places())
        assert seen[1] == seen[2] and len(seen[1]) > 2


@needs_gpu
@pytest.mark.parametrize('space', ['w+', 'pnorm'])
@pytest.mark.parametrize('amp', [False, True])
@pytest.mark.parametrize('config', OPTIMIZERS, ids=lambda c: c['type'])
def test_a_graph_gives_what_single_steps_give(make_inverter, monkeypatch, config, amp, space):
    settings = dict(optimizer=config, amp=amp, detail_space=space)
    inverter = make_inverter(num_steps=12, **settings).cuda()
    images = torch.rand(2, 3, 32, 32, device='cuda') * 2 - 1
    replayed = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, 'replay', lambda g: (replayed.append(1), replay(g)))
    graphed = inverter.invert(images)
    assert len(replayed) == 12 - 3
    monkeypatch.setattr(type(inverter), '_steady', False)
    torch.testing.assert_close(graphed.history['total'], inverter.invert(images).history['total'])
    assert len(replayed) == 12 - 3


@needs_gpu
def test_a_step_that_waits_for_the_gpu_is_done_as_it_is(capfd):
    done = []

    def step(number):
        done.append(float(torch.ones((), device='cuda')))  # what no capture allows
        return {}, torch.zeros(1, device='cuda')

    graph = CudaGraphStep(step)
    for number in range(6):
        graph(number)
    assert len(done) >= 6
    assert 'cannot be captured in a CUDA graph' in ''.join(capfd.readouterr())
