# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The loop of all inverters: batches, images that become non-finite, callbacks, mmengine's form."""

import pytest
import torch
from mmgen.registry import MODULES
from mmgen.structures import GenDataSample
from torch import nn

BAD_IMAGE = 1


class Recorder(nn.Module):
    """Pixel error that keeps what it sees, and is NaN for one image in some of its calls."""

    compares = 'image'

    def __init__(self, loss_weight=1.0, nan_at=(), gradient_only=False):
        super().__init__()
        self.loss_weight, self.nan_at, self.gradient_only = loss_weight, nan_at, gradient_only
        self.prepared, self.seen = [], []

    def prepare(self, reference):
        self.prepared.append(reference.clone())
        return reference

    def forward(self, value, state):
        self.seen.append(value.detach().clone())
        error = (value - state).square().mean((1, 2, 3))
        if len(self.seen) - 1 not in self.nan_at:
            return error
        rows = list(error)
        # The root's slope at zero is infinite, its value is not.
        factor = 1 + (0 * rows[BAD_IMAGE]).sqrt() if self.gradient_only else torch.nan
        rows[BAD_IMAGE] = rows[BAD_IMAGE] * factor
        return torch.stack(rows)


@pytest.fixture(autouse=True)
def recorder_is_registered():
    MODULES.register_module(name='TestRecorder', module=Recorder)
    yield
    MODULES.module_dict.pop('TestRecorder')


@pytest.fixture(scope='module')
def images(make_generator, sample_w_plus):
    """Return three targets that the generator can make, in its own channel order."""
    generator = make_generator()
    return generator.synthesis(sample_w_plus(generator, count=3, seed=5)).clamp(-1, 1).detach()


def assert_same(one, two, **tolerance):
    for a, b in (
        (one.code.base, two.code.base),
        (one.code.detail, two.code.detail),
        (one.reconstruction, two.reconstruction),
        *((one.history[name], two.history[name]) for name in one.history),
    ):
        torch.testing.assert_close(a, b, **(tolerance or dict(rtol=0, atol=0)))


def part(result, index):
    """Return one image of a result, for `assert_same`."""
    history = {name: values[:, index] for name, values in result.history.items()}
    return type(result)(
        result.code[index],
        result.reconstruction[index : index + 1],
        history,
        result.stopped_at[index],
        result.setbacks[index],
    )


def test_two_runs_are_equal_to_the_last_bit(make_inverter, images):
    first = make_inverter().invert(images)
    torch.manual_seed(3)  # of no influence
    inverter = make_inverter().train()
    with torch.no_grad():
        second = inverter.invert(images)
    assert_same(first, second)
    assert_same(first, inverter.invert(images))  # nothing is left of the first inversion
    assert not inverter.training


def test_a_batch_gives_what_its_images_give_alone(make_inverter, images):
    batch = make_inverter().invert(images)
    for i in range(3):
        alone = make_inverter().invert(images[i : i + 1])
        assert_same(part(batch, i), part(alone, 0), rtol=0, atol=1e-5)


def sound_and_broken(make_inverter, images, nan_at, gradient_only=False):
    """Invert images, and make an inverter that meets NaN in one of them at some steps."""
    sound = make_inverter(dict(pixel=dict(type='TestRecorder')), num_steps=12).invert(images)
    config = dict(type='TestRecorder', nan_at=nan_at, gradient_only=gradient_only)
    return sound, make_inverter(dict(pixel=config), num_steps=12)


@pytest.mark.parametrize('gradient_only', [False, True])
@pytest.mark.parametrize('nan_at', [0, 5, 12])
def test_nan_stops_one_image_alone_at_its_best_state(make_inverter, images, nan_at, gradient_only):
    sound, inverter = sound_and_broken(make_inverter, images, [nan_at], gradient_only)
    inverter.max_setbacks = 0
    seen = []
    result = inverter.invert(images, lambda step, total, losses, image: seen.append(image))
    stopped = nan_at < 12 or not gradient_only  # the last state has no gradient to be wrong
    assert result.stopped_at.tolist() == [-1, nan_at if stopped else -1, -1]
    for i in (0, 2):
        assert_same(part(result, i), part(sound, i))
    losses = sound.history['total'][:nan_at, BAD_IMAGE]
    best = int(losses.argmin()) if nan_at else 0
    if stopped:
        assert torch.equal(result.reconstruction[BAD_IMAGE], seen[best][BAD_IMAGE])
    code = result.code
    assert torch.equal(inverter.generator(code.base, code.detail), result.reconstruction)
    assert torch.isfinite(code.base).all() and torch.isfinite(code.detail).all()


@pytest.mark.parametrize('gradient_only', [False, True])
@pytest.mark.parametrize('nan_at', [0, 5, 12])
def test_nan_sets_one_image_alone_back(make_inverter, images, nan_at, gradient_only):
    sound, inverter = sound_and_broken(make_inverter, images, [nan_at], gradient_only)
    result = inverter.invert(images)
    noticed = nan_at < 12 or not gradient_only  # the last state has no gradient to be wrong
    assert result.stopped_at.tolist() == [-1, -1, -1]
    assert result.setbacks.tolist() == [0, int(noticed), 0]
    for i in (0, 2):
        assert_same(part(result, i), part(sound, i))
    totals = result.history['total'][:, BAD_IMAGE]
    assert torch.isfinite(totals[-1])
    best = totals[:nan_at].min() if nan_at else sound.history['total'][0, BAD_IMAGE]
    if nan_at < 12:
        torch.testing.assert_close(totals[nan_at + 1], best)  # its best state again
        assert totals[-1] < best
    elif noticed:
        assert totals[-1] == best
    error = (result.reconstruction - images).square().mean((1, 2, 3))[BAD_IMAGE]
    torch.testing.assert_close(error, totals[-1])


def test_an_image_that_stays_broken_is_stopped_in_the_end(make_inverter, images):
    sound, inverter = sound_and_broken(make_inverter, images, list(range(4, 13)))
    result = inverter.invert(images)
    assert result.setbacks.tolist() == [0, inverter.max_setbacks + 1, 0]
    assert result.stopped_at.tolist() == [-1, 4 + inverter.max_setbacks, -1]
    assert result.history['total'][-1, BAD_IMAGE] == sound.history['total'][:4, BAD_IMAGE].min()
    for i in (0, 2):
        assert_same(part(result, i), part(sound, i))


def test_best_state_is_not_the_last_one(make_inverter, images):
    # A step this long overshoots: the loss rises before it turns NaN.
    losses = dict(pixel=dict(type='TestRecorder', nan_at=[6]))
    inverter = make_inverter(losses, num_steps=8, optimizer=dict(type='Adam', lr=3.0))
    inverter.max_setbacks = 0
    result = inverter.invert(images)
    totals = result.history['total'][:6, BAD_IMAGE]
    assert totals[-1] > totals.min()
    error = (result.reconstruction - images).square().mean((1, 2, 3))[BAD_IMAGE]
    torch.testing.assert_close(error, totals.min())


@pytest.mark.parametrize('order', ['bgr', 'rgb'])
def test_losses_see_rgb(make_inverter, images, order):
    inverter = make_inverter(dict(pixel=dict(type='TestRecorder')), num_steps=1, order=order)
    result = inverter.invert(images)
    loss = inverter.losses['pixel']
    flip = (lambda x: x.flip(1)) if order == 'bgr' else (lambda x: x)
    assert len(loss.prepared) == 1  # once per inversion
    assert torch.equal(loss.prepared[0], flip(images))
    assert torch.equal(loss.seen[-1], flip(result.reconstruction))
    photo = torch.tensor([255, 0, 0], dtype=torch.uint8).view(3, 1, 1).expand(3, 32, 32)
    red = inverter.data_preprocessor({'inputs': [photo]})['inputs']
    assert red[0, :, 0, 0].tolist() == ([-1, -1, 1] if order == 'bgr' else [1, -1, -1])


def test_the_callback_follows_the_losses(make_inverter, images):
    calls = []
    inverter = make_inverter(num_steps=3)
    result = inverter.invert(images, lambda *arguments: calls.append(arguments))
    assert [(step, total) for step, total, *_ in calls] == [(i, 3) for i in range(4)]
    for step, _, losses, image in calls:
        assert all(torch.equal(losses[k], result.history[k][step]) for k in result.history)
        assert image.shape == images.shape and not image.requires_grad


def test_mmengines_form(make_inverter, images):
    inverter = make_inverter(num_steps=3)
    photos = ((images.flip(1) + 1) * 127.5).round().byte()  # RGB files
    samples = [GenDataSample(metainfo={'output_name': name}) for name in 'abc']
    with torch.no_grad():
        done = inverter.test_step({'inputs': list(photos), 'data_samples': samples})
    expected = inverter.invert((photos.flip(1).float() - 127.5) / 127.5)
    assert [sample.output_name for sample in done] == ['a', 'b', 'c']
    for i, sample in enumerate(done):
        torch.testing.assert_close(sample.target, photos[i] / 127.5 - 1, rtol=0, atol=1e-6)
        assert torch.equal(sample.reconstruction, expected.reconstruction[i].flip(0))
        assert torch.equal(sample.code.detail, expected.code.detail[i : i + 1])
        assert sample.history['total'] == expected.history['total'][:, i].tolist()
        assert (sample.stopped_at, sample.setbacks) == (-1, 0)
    assert_same(inverter(images, mode='tensor'), inverter.invert(images))
    with pytest.raises(ValueError, match="is not trained: mode is 'predict' or 'tensor', but got "):
        inverter(images, mode='loss')
