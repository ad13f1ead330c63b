# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
import signal

import pytest

from mmgen_bdinvert.jobs import Interrupted, deferred_signals


@pytest.fixture(autouse=True)
def default_handlers():
    kept = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for signum, handler in kept.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize(('signum', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_waits_for_the_check(signum, code):
    with deferred_signals() as check:
        check()
        os.kill(os.getpid(), signum)
        with pytest.raises(Interrupted) as info:
            check()
    assert info.value.exit_code == code
    assert isinstance(info.value, KeyboardInterrupt)


def test_a_second_one_of_the_same_kind_is_raised_at_once():
    with deferred_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)  # as torchrun sends both
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_come_back_and_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before = signal.getsignal(signal.SIGTERM)
    with deferred_signals() as check:
        os.kill(os.getpid(), signal.SIGINT)
        check()
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
