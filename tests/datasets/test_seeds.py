# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
from mmgen.registry import DATASETS

from mmgen_bdinvert.datasets import LatentSeeds


def test_items_are_the_whole_numbers_from_the_first_on():
    data = DATASETS.build(dict(type='LatentSeeds', length=4, first=10**9))
    assert isinstance(data, LatentSeeds) and len(data) == 4
    assert [item['inputs'] for item in data] == [10**9 + i for i in range(4)]
    assert len(LatentSeeds()) == 1_000_000 and LatentSeeds()[0] == {'inputs': 0}


@pytest.mark.parametrize('index', [4, -1])
def test_an_index_outside_is_refused(index):
    with pytest.raises(IndexError):
        LatentSeeds(4)[index]


@pytest.mark.parametrize('settings', [dict(length=0), dict(length=-3), dict(first=-1)])
def test_bad_settings_are_refused(settings):
    with pytest.raises(
        ValueError, match='(length|first) is a whole number of at least .*, but got'
    ):
        LatentSeeds(**settings)
