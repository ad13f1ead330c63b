# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import threading

import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import invert, render
from mmgen_bdinvert.models import PivotalTuningInverter
from mmgen_bdinvert.studio import InversionCancelled, watch_inversion


@pytest.fixture()
def photo(studio, photos):
    return studio.read_photo(photos[0]).square


def others():
    return [thread for thread in threading.enumerate() if thread.name == 'inversion']


def test_it_is_the_inversion_itself(inverter, photo):
    steps = list(watch_inversion(inverter, photo, threading.Event()))
    expected = invert(inverter, photo)
    result = steps[-1].result
    assert torch.equal(result.code.base, expected.code.base)
    assert torch.equal(result.code.detail, expected.code.detail)
    assert [step.step for step in steps] == [*range(7), 6]
    assert {step.num_steps for step in steps} == {6}
    for step in steps:
        losses = {name: values[step.step, 0] for name, values in expected.history.items()}
        assert step.losses == pytest.approx({k: float(v) for k, v in losses.items()})
    assert np.array_equal(steps[-1].picture, render(inverter, expected.code)[0])
    assert steps[0].seconds_left is None and steps[3].seconds_left > 0
    assert not others()


def test_about_25_pictures_are_shown(make_inverter, photo):
    steps = list(watch_inversion(make_inverter(num_steps=60), photo, threading.Event()))
    assert [step.step for step in steps] == [*range(0, 61, 2), 60]


def test_the_steps_of_a_pivot_count(make_inverter, photo):
    tuner = PivotalTuningInverter(make_inverter(num_steps=60), num_steps=40)
    steps = list(watch_inversion(tuner, photo, threading.Event()))
    assert [step.step for step in steps] == [*range(0, 101, 4), 100]
    assert {step.num_steps for step in steps} == {100} and steps[-1].result is not None


def test_it_can_be_cancelled(inverter, photo):
    cancelled, seen = threading.Event(), []
    with pytest.raises(InversionCancelled, match=r'cancelled at step \d of 6'):
        for step in watch_inversion(inverter, photo, cancelled):
            seen.append(step.step)
            cancelled.set()
    assert 0 in seen and not others()


def test_leaving_it_ends_it(inverter, photo):
    steps = watch_inversion(inverter, photo, threading.Event())
    assert next(steps).step == 0
    steps.close()
    assert not others()


def test_its_errors_arrive(inverter, photo):
    with pytest.raises(ValueError, match='An array must be uint8'):
        list(watch_inversion(inverter, photo[..., 0], threading.Event()))
    assert not others()


def test_a_photo_that_diverges_keeps_its_best_state(make_inverter, photo):
    inverter = make_inverter(num_steps=10, optimizer=dict(type='Adam', lr=1e30))
    steps = list(watch_inversion(inverter, photo, threading.Event()))
    assert not np.isfinite([step.losses['total'] for step in steps]).all() and len(steps) == 12
    result = steps[-1].result
    assert result.stopped_at[0] > 0 and torch.isfinite(result.code.base).all()
