# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import hashlib

import pytest
import torch
from torch import nn

from mmgen_bdinvert.models.parts import build_part
from mmgen_bdinvert.models.state_dicts import fit_state, update_digest

WANTED = nn.BatchNorm1d(3).state_dict()


def fit(**changes):
    given = {k: v for k, v in {**WANTED, **changes}.items() if v is not None}
    return fit_state(given, WANTED, 'x.pth', 'this network')


def test_weights_of_another_precision_come_in_the_networks_own_types():
    half = {k: v.half() if v.is_floating_point() else v.int() for k, v in WANTED.items()}
    fitted = fit(**half)
    assert {k: v.dtype for k, v in fitted.items()} == {k: v.dtype for k, v in WANTED.items()}
    assert all(torch.equal(fitted[k], v) for k, v in WANTED.items())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(weight=None, bias=torch.ones(4)),
            r'3 of 5 .*\(4,\) instead of \(3,\); missing \(1\)',
        ),
        (dict(extra=torch.ones(1)), r'5 of 5 tensors match; unexpected \(1\): extra'),
        (dict(weight=torch.ones(3).int()), 'weight must hold floating-point .* holds int32'),
        (dict(weight=torch.ones(3).bool()), 'weight must hold floating-point .* holds bool'),
        (dict(weight=torch.ones(3).cfloat()), 'weight must hold floating-point .* complex64'),
        (dict(weight=torch.ones(3).to(torch.float8_e5m2)), 'holds float8_e5m2'),
        (dict(weight=torch.ones(3).double() * 1e60), 'weight holds values'),
        (dict(weight=torch.ones(3, device='meta')), 'weight must be a dense tensor, but is on the'),
        (dict(weight=torch.ones(3).to_sparse()), 'weight must be a dense tensor, but is sparse'),
        (dict(num_batches_tracked=torch.tensor(1.0)), 'tracked must hold int64, but holds float32'),
        (dict(num_batches_tracked=torch.tensor(True)), 'tracked must hold int64, but holds bool'),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=f'^x.pth does not fit this network: .*{message}') as info:
        fit(**changes)
    assert '\n' not in str(info.value)


def test_whole_numbers_that_do_not_fit_are_refused():
    wanted = {'small': torch.zeros(1, dtype=torch.uint8)}
    assert fit_state({'small': torch.tensor([7])}, wanted, 'x', 'y')['small'].dtype == torch.uint8
    with pytest.raises(ValueError, match='small holds values that uint8 cannot hold'):
        fit_state({'small': torch.tensor([300])}, wanted, 'x', 'y')


def test_a_digest_tells_names_shapes_and_values_apart():
    def digest(tensors):
        found = hashlib.sha256()
        update_digest(found, tensors)
        return found.hexdigest()

    one = torch.arange(6.0)
    same = digest({'a': one, 'b': one})
    assert digest({'b': one.double(), 'a': one, 'c': 'no tensor'}) == same
    others = [{'a': one, 'c': one}, {'a': one, 'b': one.view(2, 3)}, {'a': one, 'b': one + 1}]
    assert len({same, *map(digest, others)}) == 4


@pytest.mark.parametrize('part', [None, 5, 'text', nn.ReLU(), dict(type='PixelMSELoss'), []])
def test_what_is_no_such_part_is_refused(part):
    with pytest.raises(
        ValueError, match=r'encoder is a part of the model, given as dict\(type=…\)'
    ):
        build_part('encoder', part, has='check_generator')


def test_a_part_or_its_config():
    built = build_part('losses.pixel', dict(type='PixelMSELoss'), has='compares')
    assert build_part('losses.pixel', built, has='compares') is built
