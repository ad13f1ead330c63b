# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from fractions import Fraction

import numpy as np
import pytest

from mmgen_bdinvert.utils.numbers import checked_number


@pytest.mark.parametrize('value', [1, 1.0, np.float32(1), np.int64(1), Fraction(1)])
def test_real_numbers_of_every_kind_become_floats(value):
    number = checked_number('x', value, above=0, most=1)
    assert type(number) is float and number == 1


def test_whole_numbers_become_ints():
    assert type(checked_number('x', np.int64(3), whole=True)) is int


@pytest.mark.parametrize(
    'value', [float('nan'), float('inf'), -float('inf'), 10**400, '1', None, True, [1], 1j, 0, -1]
)
def test_anything_else_is_refused(value):
    with pytest.raises(ValueError, match='weight is a finite number above 0, but got '):
        checked_number('weight', value, above=0)


@pytest.mark.parametrize(
    ('bounds', 'rule'),
    [
        ({}, 'a finite number'),
        (dict(least=2), 'a finite number of at least 2'),
        (dict(above=0, below=1), 'a finite number above 0 and below 1'),
        (dict(above=0, most=0.5), 'a finite number above 0 and at most 0.5'),
        (dict(least=1, most=65535, whole=True), 'a whole number from 1 to 65535'),
    ],
)
def test_the_rule_comes_before_the_value(bounds, rule):
    with pytest.raises(ValueError) as info:
        checked_number('x', 'text', **bounds)
    assert str(info.value) == f"x is {rule}, but got 'text'."


@pytest.mark.parametrize('value', [1.5, 2.0, '2', True])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match='x is a whole number, but got'):
        checked_number('x', value, whole=True)
