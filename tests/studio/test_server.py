# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The studio as its server: several people at once, and what it lets in and out."""

import contextlib
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

reason = "needs the extra studio: pip install 'mmgen_bdinvert[studio]'"
pytest.importorskip('gradio', reason=reason)
import httpx  # noqa: E402
from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.exceptions import AppError  # noqa: E402

from mmgen_bdinvert.studio.handlers import Handlers  # noqa: E402
from mmgen_bdinvert.studio.page import build_page  # noqa: E402
from mmgen_bdinvert.studio.server import launch  # noqa: E402

STEPS = (0.25, -0.1, 20.0, 1.2, True)


@pytest.fixture(scope='module')
def outside():
    """Addresses that something in this process connected to, but for this machine's own."""
    found, connect = [], socket.socket.connect

    def watched(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            if address[0] not in ('127.0.0.1', '::1', 'localhost', '127.0.0.2'):
                found.append(address)
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, 'connect', watched)
        yield found


@pytest.fixture(scope='module')
def address(studio, photos, outside):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_ALLOWED_PATHS', '/etc')  # must not open the machine
        page = build_page(Handlers(studio, photos), 'test')
        yield launch(page).rstrip('/')
        page.close()


def names(client, endpoint):
    """The parts of the page in the order of an answer."""
    (found,) = (d for d in client.config['dependencies'] if d['api_name'] == endpoint)
    ids = {c['id']: c for c in client.config['components']}
    shown = [ids[i] for i in found['outputs'] if ids[i]['type'] != 'state']
    return [c['props'].get('elem_id') for c in shown]


def stage(client, answer, endpoint):
    return answer[names(client, endpoint).index('stage')]['picture']


def test_two_people_do_not_see_each_other(address, studio, photos):
    one, two = (Client(address, verbose=False) for _ in range(2))
    handlers, expected = Handlers(studio, photos), {}
    for client, photo in ((one, photos[0]), (two, photos[1])):
        state = handlers.open_photo(studio.new_session(), photo, 'x')['session']
        *_, last = handlers.invert(state, 'x')
        expected[client] = last['session']
        client.predict(handle_file(photo), api_name='/open_photo')
    jobs = [client.submit(api_name='/invert') for client in (one, two)]  # one of them waits
    for job in jobs:
        job.result(timeout=300)
    for strengths in ((1.0, 0.0), (0.5, -2.0)):
        for client, values in ((one, strengths), (two, strengths[::-1])):
            answer = client.predict(*STEPS, *values, api_name='/change')
            shown = handlers.change(expected[client], *STEPS, *values)
            expected[client] = shown['session']
            assert stage(client, answer, 'change') == shown['stage']['picture']
    for client in (one, two):
        answer = client.predict(api_name='/undo')
        assert stage(client, answer, 'undo') == handlers.undo(expected[client])['stage']['picture']


@pytest.mark.parametrize('prefix', ['/gradio_api/file=', '/file='])
def test_no_file_of_the_machine_is_served(address, prefix, photos):
    for path in ('/etc/passwd', __file__, os.path.abspath('README.md'), str(photos[0])):
        for form in (path, f'//{path}', f'/tmp/gradio/%2e%2e/%2e%2e{path}'):
            answer = httpx.get(address + prefix + form, timeout=60)
            assert answer.status_code in (403, 404), (form, answer.status_code)
            assert b'root:' not in answer.content
    inside = {'path': '/etc/passwd', 'meta': {'_type': 'gradio.FileData'}}
    with pytest.raises(AppError):
        Client(address, verbose=False).predict(inside, api_name='/open_photo')


def test_no_address_is_fetched_for_others(address):
    for form in ('file=http://127.0.0.1:1/x', 'file=https%3A//example.org', 'proxy=http://a.b/'):
        assert httpx.get(f'{address}/gradio_api/{form}', timeout=60).status_code == 403


def test_a_browser_is_kept_to_this_server(address):
    policy = httpx.get(address, timeout=60).headers['content-security-policy']
    assert "default-src 'self'" in policy and 'http' not in policy


def test_uploads_are_limited(address):
    big = {'files': ('big.png', b'x' * (21 << 20))}
    answer = httpx.post(f'{address}/gradio_api/upload', files=big, timeout=60)
    assert answer.status_code == 413


def test_it_listens_to_this_machine_alone(address):
    host, port = urlsplit(address).netloc.split(':')
    assert host == '127.0.0.1'
    with socket.create_connection((host, int(port)), timeout=10):
        pass
    with contextlib.closing(socket.socket()) as probe:
        assert probe.connect_ex(('127.0.0.2', int(port))) != 0


def test_nothing_is_reported_or_shared(address, outside):
    config = httpx.get(f'{address}/config', timeout=60).json()
    assert config['analytics_enabled'] is False
    assert 'gradio.live' not in str(config) and outside == []


def test_the_files_of_the_page_lie_in_the_package():
    folder = Path(__file__).parents[2] / 'mmgen_bdinvert/studio'
    assert {path.name for path in folder.iterdir() if path.suffix in ('.js', '.css')} == {
        'stage.js',
        'page.css',
    }
