import socket
import threading

import pytest

from mmgen_bdinvert.studio import address
from mmgen_bdinvert.studio.address import check_address


@pytest.mark.parametrize('port', [0, -1, 65536, 99999, 1.5, '80', True])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ValueError, match='port is a whole number from 1 to 65535, but got'):
        check_address('127.0.0.1', port)


def test_any_free_port_and_one_that_is_free():
    check_address('127.0.0.1', None)
    with socket.create_server(('127.0.0.1', 0)) as server:
        free = server.getsockname()[1]
    check_address('localhost', free)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f"'127.0.0.1', port {port} .*in use.*: choose another"):
            check_address('127.0.0.1', port)


@pytest.mark.parametrize('host', ['', 'x' * 300, 'no such host', '203.0.113.7', '999.1.1.1'])
def test_a_host_that_is_not_this_machine_is_named(host):
    with pytest.raises(OSError, match='The studio cannot listen at .*: choose another one'):
        check_address(host, None)


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch):
    ended = threading.Event()

    def ask(*args, **kwargs):
        ended.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', 0))]

    monkeypatch.setattr(address.socket, 'getaddrinfo', ask)
    monkeypatch.setattr(address, '_PATIENCE', 0.05)
    try:
        with pytest.raises(OSError, match='there is no such host'):
            check_address('slow.example', None)
    finally:
        ended.set()
