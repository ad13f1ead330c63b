# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import align, animate, edit, render, transform
from mmgen_bdinvert.apis.animation import between
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.structures import LatentCode

MOVE = GeometricTransform((0.25, 0.0), 40, 0.5)
SMILE = Direction(torch.linspace(-1, 1, 16), name='smile')


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


@pytest.fixture(scope='module')
def codes(generator, sample_w_plus):
    return generator.split(sample_w_plus(generator, 3))


def shown(generator, code):
    """Return the picture of a code as frames have it: 32 pixels enlarged six times."""
    return np.kron(render(generator, code)[0], np.ones((6, 6, 1), np.uint8))


def test_between_passes_every_point():
    points = torch.tensor([[0.0], [10.0], [40.0]])
    shares = (0, 0.25, 0.5, 0.75, 1)
    assert [between(points, s).item() for s in shares] == [0, 5, 10, 25, 40]
    assert between(points[:1], 0.7).item() == 0


def test_a_motion_and_an_edit_together(generator, codes):
    code = codes[0]
    frames = list(animate(generator, code, directions=[SMILE], strengths=[3], move=MOVE, frames=3))
    half = transform(generator, code, GeometricTransform((0.125, 0.0), 20, 0.5**0.5))
    whole = transform(generator, code, MOVE)
    expected = [code, edit(generator, half, SMILE, 1.5), edit(generator, whole, SMILE, 3)]
    assert [frame.shape for frame in frames] == [(192, 192, 3)] * 3
    for frame, wanted in zip(frames, expected):
        np.testing.assert_array_equal(frame, shown(generator, wanted))


def test_several_strengths_are_passed(generator, codes):
    frames = list(animate(generator, codes[0], directions=[SMILE], strengths=[-2, 0, 1], frames=5))
    for frame, strength in zip(frames, (-2, -1, 0, 0.5, 1)):
        expected = shown(generator, edit(generator, codes[0], SMILE, strength))
        # In a batch convolutions add up in another order: a value near one half may round up.
        np.testing.assert_allclose(frame.astype(int), expected.astype(int), rtol=0, atol=1)


def test_from_code_to_code(generator, codes):
    frames = list(animate(generator, codes, frames=5, batch_size=2))
    mean = LatentCode(
        *((getattr(codes[0], part) + getattr(codes[1], part)) / 2 for part in ('base', 'detail')),
        codes.fingerprint,
    )
    for frame, wanted in zip(frames, (codes[0], mean, codes[1])):
        difference = frame.astype(int) - shown(generator, wanted)
        assert np.abs(difference).max() <= 1  # batches may round otherwise
    assert np.abs(frames[4].astype(int) - shown(generator, codes[2])).max() <= 1


def test_a_motion_is_undone(generator, codes):
    frames = list(animate(generator, codes[0], move=MOVE, align=True, frames=2))
    expected = shown(generator, align(generator, codes[0], MOVE))
    assert np.abs(frames[1].astype(int) - expected).max() <= 1


def test_a_loop_returns_to_its_start(generator, codes):
    there = list(animate(generator, codes[0], move=MOVE, frames=4))
    loop = list(animate(generator, codes[0], move=MOVE, frames=6, loop=True))
    for frame, expected in zip(loop, [*there, there[2], there[1]]):
        np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(), 'nothing to show'),
        (dict(move=MOVE, frames=1), 'frames .* but got 1'),
        (dict(move=GeometricTransform(flip=True)), 'a flip, which has nothing in between'),
        (dict(directions=[SMILE], strengths=[]), 'At least one strength'),
        (dict(directions=[SMILE], strengths=[float('nan')]), 'finite'),
        (dict(directions=[Direction(torch.ones(3))]), 'shape'),
    ],
)
def test_a_wrong_call_is_refused_before_the_first_frame(generator, codes, settings, message):
    with pytest.raises(ValueError, match=message):
        next(animate(generator, codes[0], **settings))
