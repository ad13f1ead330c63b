# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The studio as its server: several people at once, and what it lets in and out."""

import contextlib
import io
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

reason = "needs the extra studio: pip install 'mmgen_bdinvert[studio]'"
pytest.importorskip('gradio', reason=reason)
import httpx  # noqa: E402
from gradio import processing_utils  # noqa: E402
from gradio_client import Client, handle_file  # noqa: E402
from gradio_client.exceptions import AppError  # noqa: E402
from PIL import Image  # noqa: E402

from mmgen_bdinvert.studio import storage  # noqa: E402
from mmgen_bdinvert.studio.handlers import Handlers  # noqa: E402
from mmgen_bdinvert.studio.page import build_page  # noqa: E402
from mmgen_bdinvert.studio.server import launch  # noqa: E402
from mmgen_bdinvert.studio.storage import studio_folder  # noqa: E402

TOO_LARGE = 'The most that the studio takes at once is 64 MB.'
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
    shown = [ids[i] for i in found['outputs'] if ids[i]['type'] not in ('state', 'tabs')]
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


def test_a_whole_photo_comes_back_to_its_page_alone(address, wide):
    client = Client(address, verbose=False)
    answer = client.predict(handle_file(wide), api_name='/open_photo')
    assert answer[names(client, 'open_photo').index('choice')]['value'] == '1'
    answer = client.predict('2', api_name='/choose')
    assert answer[names(client, 'choose').index('choice')]['value'] == '2'
    client.submit(api_name='/invert').result(timeout=300)
    client.predict(*STEPS, 2.0, 0.0, api_name='/change')
    file, _ = client.predict(api_name='/save_photo')
    url = f'{address}/gradio_api/file={file["at"]}'
    image = Image.open(io.BytesIO(httpx.get(url, timeout=60).content))
    assert file['name'] == 'group_edited.png' and image.size == (300, 200)
    assert Path(file['at']).is_relative_to(studio_folder() / 'results')
    for headers in ({'Host': 'evil.example'}, {'Origin': 'http://evil.example'}):
        assert httpx.get(url, headers=headers, timeout=60).status_code == 403


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


def call(address, endpoint, *data):
    """Call an endpoint as the page does; return all that the studio answers."""
    path = f'{address}/gradio_api/call/{endpoint}'
    event = httpx.post(path, json={'data': data}, timeout=60).json()['event_id']
    return httpx.get(f'{path}/{event}', timeout=60).text


@pytest.mark.parametrize('form', ['http://127.0.0.1:1/x.png', 'https://example.org/x.png'])
def test_an_address_is_no_upload(address, form, monkeypatch):
    """Gradio would fetch it and store it, past every limit."""
    fetched = []
    monkeypatch.setattr(processing_utils, 'async_ssrf_protected_download', fetched.append)
    file = {'path': form, 'meta': {'_type': 'gradio.FileData'}}
    assert 'The studio takes files, no addresses.' in call(address, 'open_photo', file)
    assert fetched == []


def test_a_request_that_fails_is_one_printable_line(address, capfd):
    call(address, 'show', '\x1b[31m\x9b\u202e')
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith('error: a request failed: ') and line.isprintable()
    assert all(part in line for part in (r'\x1b[31m', r'\x9b', r'\u202e'))


def test_a_function_that_is_not_there_is_one_sentence(address, capfd):
    with httpx.Client(base_url=address) as client:
        for _ in range(2):  # the connection stays
            answer = client.post('/gradio_api/call/none', json={'data': [1]})
            assert (answer.status_code, answer.text) == (404, 'The studio has no such function.')
    assert 'Traceback' not in capfd.readouterr().err


def test_a_browser_is_kept_to_this_server(address):
    policy = httpx.get(address, timeout=60).headers['content-security-policy']
    assert "default-src 'self'" in policy and 'http' not in policy


def upload(address, size=100, **settings):
    files = {'files': ('x.png', b'x' * size)}
    return httpx.post(f'{address}/gradio_api/upload', files=files, timeout=60, **settings)


def stored(folder):
    return {path for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize(
    ('headers', 'named'),
    [
        ({'Host': 'evil.example:7860'}, 'evil.example'),
        ({'Origin': 'http://evil.example'}, 'evil.example'),
        ({'Origin': 'null'}, 'null'),
        ({'X-Forwarded-Host': 'evil.example'}, 'evil.example'),
    ],
)
def test_requests_of_other_pages_are_refused(address, headers, named):
    folder = studio_folder()
    before = stored(folder)
    join = {'data': [], 'fn_index': 0, 'session_hash': 'x'}
    preflight = {'Access-Control-Request-Method': 'POST', 'Origin': 'http://evil.example'}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        answers = [
            client.get('/'),
            client.get('/config'),
            client.get('/gradio_api/queue/data', params={'session_hash': 'x'}),
            client.get('/gradio_api/heartbeat/x'),
            client.post('/gradio_api/queue/join', json=join),
            client.post('/gradio_api/upload', files={'files': ('x.png', b'x')}),
            client.options('/gradio_api/upload', headers={**preflight, **headers}),
        ]
    for answer in answers:
        assert answer.status_code == 403 and named in answer.text, answer.url
        assert 'access-control-allow-origin' not in answer.headers
    assert stored(folder) == before


def test_its_own_page_is_answered(address):
    for headers in ({'Origin': address}, {}):
        assert upload(address, headers=headers).status_code == 200
    port = urlsplit(address).port
    local = {'Host': f'localhost:{port}', 'Origin': f'http://localhost:{port}'}
    assert upload(address, headers=local).status_code == 200
    assert httpx.get(address, headers=local, timeout=60).status_code == 200


def test_uploads_are_limited(address):
    assert upload(address, 65 << 20).status_code == 413
    many = [('files', (f'{i}.png', b'x' * (13 << 20))) for i in range(5)]  # 65 MB in one request
    answer = httpx.post(f'{address}/gradio_api/upload', files=many, timeout=60)
    assert (answer.status_code, answer.text) == (413, TOO_LARGE)
    parts = {'content-type': 'multipart/form-data; boundary=x'}
    answer = httpx.post(
        f'{address}/gradio_api/upload', content=iter([b'x' * 100]), headers=parts, timeout=60
    )
    assert answer.status_code == 411  # nobody knows how much would come
    answer = httpx.post(f'{address}/gradio_api/queue/join', content=b'x' * (2 << 20), timeout=60)
    assert answer.status_code == 413


def test_a_visitor_uploads_so_much_within_an_hour(address, monkeypatch):
    monkeypatch.setattr(storage, '_UPLOADED_BYTES', 0)
    answer = upload(address)
    assert answer.status_code == 429
    assert answer.text == '0 MB of uploads within an hour are the most: come back later.'


@pytest.mark.parametrize(
    ('method', 'path'),
    [
        ('GET', 'deep_link?session_hash=x'),
        ('POST', 'process_recording'),
        ('POST', 'vibe-edit'),
        ('PUT', 'upload'),
    ],
)
def test_nothing_else_writes(address, method, path):
    answer = httpx.request(method, f'{address}/gradio_api/{path}', timeout=60)
    assert answer.status_code == 403


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
        'keys.js',
        'page.css',
        'stage.js',
        'whole.js',
        'window.js',
    }
