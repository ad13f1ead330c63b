# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""No device but the CPU needs float64, which Apple's GPUs have not."""

import pytest
import torch

from mmgen_bdinvert.apis import invert_files
from mmgen_bdinvert.editing.samples import in_deviations
from mmgen_bdinvert.editing.sefa import factorise
from mmgen_bdinvert.evaluation import frechet_distance, masked_rmse, precision_recall, psnr
from mmgen_bdinvert.models import LatentStatistics


class OnDevice(torch.Tensor):
    """A tensor on a device without float64, as far as Python sees: it leaves it by ``cpu()``."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        if func is torch.Tensor.cpu:
            return result.as_subclass(torch.Tensor)
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, cls) and value.dtype == torch.float64:
                raise TypeError(f'this device has no float64, but {func} gave it')
        return result


def on_device(*shape, seed=0):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return values.as_subclass(OnDevice)


def test_the_device_has_none():
    values = on_device(2, 3)
    for wrong in (
        values.double,
        lambda: values.to(torch.float64),
        lambda: values.sum(dtype=torch.float64),
    ):
        with pytest.raises(TypeError, match='has no float64'):
            wrong()
    with pytest.raises(TypeError, match='has no float64'):
        values.to('cpu', torch.float64)  # Apple's converts before it copies
    assert values.cpu().to(torch.float64).dtype == torch.float64


@pytest.mark.parametrize(
    'measure',
    [
        lambda one, two: psnr(one, two),
        lambda one, two: masked_rmse(one, two, one[:, :1] > 0.5),
        lambda one, two: torch.tensor(
            frechet_distance(one.flatten(1)[:, :3], two.flatten(1)[:, :3])
        ),
        lambda one, two: torch.tensor(precision_recall(one.flatten(1), two.flatten(1), 2)),
        lambda one, two: in_deviations(one[0, 0, 0], two[:, 0, 0]),
        lambda one, two: factorise([one[:, 0, 0], two[:, 0, 0]])[1],
        lambda one, two: (
            LatentStatistics.fit(
                lambda z: z.as_subclass(type(one)),
                4,
                num_samples=8,
                generator=torch.Generator().manual_seed(0),
            ).eigenvalues
        ),
    ],
    ids=['psnr', 'rmse', 'frechet', 'recall', 'deviations', 'sefa', 'moments'],
)
def test_a_measure_is_the_same_on_a_device_without(measure):
    one, two = on_device(4, 3, 8, 8), on_device(4, 3, 8, 8, seed=1)
    plain = measure(one.as_subclass(torch.Tensor), two.as_subclass(torch.Tensor))
    found = measure(one, two)
    torch.testing.assert_close(found.as_subclass(torch.Tensor), plain)


def test_means_of_a_generator(make_generator, monkeypatch):
    expected = make_generator()
    generator = make_generator()
    mapping, base_code = generator._split.mapping, generator._split.base_code
    monkeypatch.setattr(generator._split, 'mapping', lambda z: mapping(z).as_subclass(OnDevice))
    monkeypatch.setattr(
        generator._split,
        'base_code',
        lambda w: base_code(w.as_subclass(torch.Tensor)).as_subclass(OnDevice),
    )
    assert torch.equal(generator.mean_latent, expected.mean_latent)
    assert torch.equal(generator.mean_base, expected.mean_base)


def test_an_inversion_of_files_calls_no_double(make_inverter, photo_folder, monkeypatch, tmp_path):
    def forbidden(*args, **kwargs):
        raise TypeError('this device has no float64')

    inverter = make_inverter(num_steps=2)
    inverter.cfg = None
    monkeypatch.setattr(torch.Tensor, 'double', forbidden)
    outcomes = invert_files(inverter, [photo_folder(2)], tmp_path / 'out')
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == 2 * [('done', '')]
