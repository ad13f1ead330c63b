# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Work that is done ahead in threads, with its results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

__all__ = ['in_order']

T = TypeVar('T')
R = TypeVar('R')


def in_order(work: Callable[[T], R], items: Iterable[T], pool: Executor, ahead: int) -> Iterator[R]:
    """Yield ``work(item)`` of each item in their order.

    Up to ``ahead`` further items are taken and begun, in the pool, before a result is asked for.
    What ``work`` raises is raised in the place of its result.
    """
    begun: deque[Future[R]] = deque()
    for item in items:
        begun.append(pool.submit(work, item))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
