# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Batches that fit, and what happens when they do not."""

import pytest
import torch

from mmgen_bdinvert.apis import inference, invert, invert_files
from mmgen_bdinvert.jobs import batch_size as memory
from mmgen_bdinvert.jobs.batch_size import (
    fitting_batch,
    image_memory,
    is_out_of_memory,
)
from mmgen_bdinvert.models import RegularizedInverter


@pytest.fixture()
def cramped(make_inverter, monkeypatch):
    """Return an inverter that finds room for two images at a time, and the sizes it was given."""
    inverter, sizes = make_inverter(num_steps=2), []
    whole = RegularizedInverter.invert

    def limited(self, images, callback=None):
        sizes.append(len(images))
        if len(images) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 byte")
        return whole(self, images, callback)

    monkeypatch.setattr(RegularizedInverter, 'invert', limited)
    return inverter, sizes


def test_too_large_batches_are_inverted_in_parts(cramped, make_inverter):
    inverter, sizes = cramped
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    result = invert(inverter, images)
    assert sizes == [5, 2, 2, 1]
    alone = [invert(make_inverter(num_steps=2), images[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(
        result.code.base, torch.cat([r.code.base for r in alone]), rtol=1e-4, atol=1e-5
    )


def test_too_large_batches_of_files(cramped, photo_folder, tmp_path):
    inverter, sizes = cramped
    inverter.cfg = None
    outcomes = invert_files(inverter, [photo_folder(3)], tmp_path / 'out')
    assert [outcome.status for outcome in outcomes] == ['done'] * 3
    assert sizes == [3, 1, 2]


def test_other_errors_and_single_images_are_not_tried_again(make_inverter, monkeypatch):
    inverter, calls = make_inverter(num_steps=1), []

    def fail(self, images, callback=None):
        calls.append(len(images))
        raise RuntimeError('not enough memory' if len(images) == 1 else 'sizes differ')

    monkeypatch.setattr(RegularizedInverter, 'invert', fail)
    for count, message in ((1, 'not enough memory'), (2, 'sizes differ')):
        with pytest.raises(RuntimeError, match=message):
            invert(inverter, torch.zeros(count, 3, 32, 32))
    assert calls == [1, 2]


def test_the_batch_is_what_fits(make_inverter, monkeypatch):
    inverter = make_inverter()
    each = image_memory(inverter.generator)
    for free, size in ((10 * each, 8), (5 * each, 4), (each // 2, 1), (None, 8)):
        monkeypatch.setattr(memory, 'free_memory', lambda device, free=free: free)
        assert fitting_batch(inverter, 8) == size
    monkeypatch.setattr(memory, 'free_memory', lambda device: 5 * each)
    inverter.amp = True
    assert fitting_batch(inverter, 8) == 8  # half the size each
    inverter.amp = 'gradients'
    assert fitting_batch(inverter, 8) == 4  # maps are float32
    monkeypatch.setattr(inference, 'fitting_batch', lambda inverter, wanted: 1)
    sizes = []
    invert(inverter, torch.zeros(2, 3, 32, 32), callback=lambda *args: sizes.append(len(args[3])))
    assert set(sizes) == {1}


def test_the_estimate_grows_with_what_is_kept(make_generator):
    small, large = make_generator(8, 32), make_generator(8, 64)
    assert image_memory(small) < image_memory(large)
    assert image_memory(make_generator(8, 64, checkpointing=True)) < image_memory(large)
    assert image_memory(large, 2) == image_memory(large) // 2


def test_what_out_of_memory_is():
    assert is_out_of_memory(torch.cuda.OutOfMemoryError('CUDA out of memory'))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError('shapes differ'))
    with pytest.raises(RuntimeError) as info:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(info.value)
