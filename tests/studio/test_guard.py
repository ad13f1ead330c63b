# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Whose requests the studio answers."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

reason = "needs the extra studio: pip install 'mmgen_bdinvert[studio]'"
pytest.importorskip('gradio', reason=reason)
from mmgen_bdinvert.studio.guard import Guard, Names  # noqa: E402
from mmgen_bdinvert.studio.storage import Storage  # noqa: E402


def request(host, origin=None, *, server='10.0.0.5', kind='http', **settings):
    headers = [(b'host', one.encode()) for one in ([host] if isinstance(host, str) else host)]
    headers += [(b'origin', origin.encode())] if origin is not None else []
    headers += [(k.replace('_', '-').encode(), v.encode()) for k, v in settings.items()]
    scope = {'type': kind, 'headers': headers, 'server': (server, 7860), 'method': 'GET'}
    return {**scope, 'path': '/', 'query_string': b'', 'client': ('10.0.0.9', 1)}


LOCAL, OPEN, PROXY = (
    Names('127.0.0.1'),
    Names('0.0.0.0', ['Box.example']),
    Names('::1', ['studio.example']),
)


@pytest.mark.parametrize(
    ('names', 'host', 'origin'),
    [
        (LOCAL, 'localhost:7860', None),
        (LOCAL, 'LOCALHOST.', None),
        (LOCAL, '127.0.0.1:7860', 'http://127.0.0.1:7860'),
        (LOCAL, '[::1]:7860', 'http://[::1]:7860'),
        (LOCAL, '127.3.2.1', 'https://127.3.2.1'),
        (LOCAL, '10.0.0.5:7860', None),  # the address that was reached
        (OPEN, '0.0.0.0:7860', None),
        (OPEN, 'box.example', 'http://box.example'),
        (PROXY, '127.0.0.1:7860', 'https://studio.example'),
    ],
)
def test_its_own_names_and_pages_are_answered(names, host, origin):
    assert names.refusal(request(host, origin)) == ''


@pytest.mark.parametrize(
    ('host', 'origin'),
    [
        ('evil.example', None),
        ('evil.example:7860', 'http://evil.example:7860'),  # its name resolves to this machine
        ('localhost.evil.example', None),
        ('127.0.0.1.evil.example', None),
        ('evil.example@localhost', None),
        ('localhost@evil.example', None),
        ('localhost/x', None),
        ('localhost#x', None),
        ('localhost:port', None),
        ('2130706433', None),
        ('10.0.0.6', None),
        ('[::1', None),
        ('', None),
        ([], None),
        (['localhost', 'localhost'], None),
        ('localhost:7860', 'http://evil.example'),
        ('localhost:7860', 'http://localhost:3000'),  # another server of this machine
        ('localhost:7860', 'http://127.0.0.1:7860'),
        ('localhost:7860', 'null'),
        ('localhost:7860', ''),
        ('localhost:7860', 'file://'),
        ('localhost:7860', 'http://localhost:7860/'),
        ('localhost:7860', 'http://localhost:7860@evil.example'),
        ('localhost:7860', 'http://localhost:7860, http://evil.example'),
    ],
)
def test_other_names_and_pages_are_refused(host, origin):
    for names in (LOCAL, OPEN, PROXY):
        text = names.refusal(request(host, origin))
        assert text and len(text.splitlines()) == 1


def test_the_host_that_a_proxy_forwards_is_one_too():
    forwarded = request('127.0.0.1', 'https://studio.example', x_forwarded_host='studio.example')
    assert PROXY.refusal(forwarded) == ''
    for value in ('evil.example', 'studio.example, evil.example'):
        assert 'evil.example' in PROXY.refusal(request('127.0.0.1', x_forwarded_host=value))


def test_what_it_says_steers_no_terminal():
    assert r'\x1b[31m' in LOCAL.refusal(request('\x1b[31m'))


def answer(scope, tmp_path):
    """Send a request through the guard; return the messages it answers with."""
    sent = []

    async def app(scope, receive, send):
        await send({'type': 'reached'})

    async def send(message):
        sent.append(message)

    guard = Guard(Guard(app, LOCAL, Storage(tmp_path)), LOCAL, Storage(tmp_path))
    with ThreadPoolExecutor(1) as thread:  # this one may have the loop of a browser
        thread.submit(asyncio.run, guard(scope, None, send)).result()
    return sent


def test_a_websocket_is_guarded_too(tmp_path):
    scope = request('localhost', 'http://evil.example', kind='websocket')
    assert answer(scope, tmp_path) == [{'type': 'websocket.close', 'code': 1008}]
    assert answer(request('localhost', kind='websocket'), tmp_path) == [{'type': 'reached'}]
    assert answer(request('localhost'), tmp_path) == [{'type': 'reached'}]
