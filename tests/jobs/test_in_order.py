# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmgen_bdinvert.jobs.in_order import in_order


def test_results_keep_the_order_of_their_items():
    later = threading.Event()

    def work(item):
        if item == 0:
            assert later.wait(10)  # ends after the next one
        else:
            later.set()
        return 10 * item

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(work, range(5), pool, ahead=2)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize('ahead', [0, 2])
def test_no_more_is_taken_than_said(ahead):
    taken = []

    def items():
        for item in range(6):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(str, items(), pool, ahead)
        assert next(results) == '0' and taken == list(range(ahead + 1))
        assert next(results) == '1' and taken == list(range(ahead + 2))


def test_an_error_comes_in_its_place():
    with ThreadPoolExecutor(2) as pool:
        results = in_order(lambda item: 1 // item, [1, 0, 1], pool, ahead=2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
