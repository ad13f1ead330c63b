# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What visitors send to the studio: each case starts one, and it must still answer at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

from hostile import Case
from ingredients import PNG

API = '/gradio_api'


def studio(visit: Callable) -> None:
    """Start a studio, let a visitor in, and ask for its page at the end."""
    import httpx

    from mmgen_bdinvert.apis import init_inverter
    from mmgen_bdinvert.studio import Studio
    from mmgen_bdinvert.studio.handlers import Handlers
    from mmgen_bdinvert.studio.page import build_page
    from mmgen_bdinvert.studio.server import launch
    from mmgen_bdinvert.studio.storage import studio_folder

    inverter = init_inverter('bdinvert_inv_toon64', device='cpu')
    page = build_page(Handlers(Studio(inverter)), '<b>*title*')
    address = launch(page).rstrip('/')
    with httpx.Client(base_url=address, timeout=30) as client:
        visit(client, studio_folder())
        answer = client.get('/')
    assert answer.status_code == 200
    page.close()


def refused(client, folder, headers=None, method='POST', path=f'{API}/upload', status=403, **sent):
    before = files(folder)
    answer = client.request(method, path, headers=headers, **sent)
    assert answer.status_code == status, (answer.status_code, answer.text[:200])
    assert len(answer.text.splitlines()) == 1 and files(folder) == before


def files(folder) -> set:
    return {path for path in folder.rglob('*') if path.is_file()}


def upload(client, name: str, content: bytes) -> str:
    answer = client.post(f'{API}/upload', files={'files': (name, content)})
    assert answer.status_code == 200, answer.text
    (path,) = answer.json()
    return path


def upload_names(client, folder) -> None:
    for name in ('../../../x.png', '/etc/x.png', '..', 'a\x1b[31m.png', '<b>.png', 'x' * 300):
        answer = client.post(f'{API}/upload', files={'files': (name, PNG)})
        assert answer.status_code in (200, 400), answer.text
        path = answer.json()[0] if answer.status_code == 200 else folder / 'x'
        assert folder.resolve() in type(folder)(path).resolve().parents, path
    assert {path.suffix for path in files(folder)} <= {'.png', ''}


def call(client, endpoint: str, *data: object) -> str:
    """Call an endpoint as the page does; return all that the studio answers."""
    answer = client.post(f'{API}/call/{endpoint}', json={'data': data})
    if answer.status_code != 200:
        return answer.text
    event = answer.json()['event_id']
    return client.get(f'{API}/call/{endpoint}/{event}').text


def bad_files(endpoint: str, client, folder) -> None:
    for name, content in {
        'x\x1b[31m<img src=y>.png': b'no photo',
        'truncated.png': PNG[:100],
        'empty.safetensors': b'',
        'long.safetensors': b'\xff' * 100,
    }.items():
        path = upload(client, name, content)
        said = call(client, endpoint, {'path': path, 'meta': {'_type': 'gradio.FileData'}})
        assert 'role=\\"alert\\"' in said or 'Invalid file type' in said, said
        assert str(folder) not in said and '<img' not in said and '\\u001b' not in said, said
        assert 'Traceback' not in said


def foreign_files(client, folder) -> None:
    for path in ('/etc/passwd', '/dev/zero', __file__, f'{folder}/../x', 'HTTP://127.0.0.1:1/x'):
        said = call(client, 'open_photo', {'path': path, 'meta': {'_type': 'gradio.FileData'}})
        assert 'event: error' in said or 'role=\\"alert\\"' in said, said
        assert 'root:' not in said


def wrong_values(client, folder) -> None:
    for value in ('x', '\x1b[31m\x9b\u202e', None, [], {}, 1e999, -1e999, 10**400, True, '<b>'):
        calls = ('change', 6), ('straighten', 2), ('side_by_side', 1), ('whole_photo', 1)
        for endpoint, count in (*calls, ('choose', 2), ('drag', 1), ('no_such_function', 1)):
            text = json.dumps({'data': [value] * count})
            headers = {'content-type': 'application/json'}
            answer = client.post(f'{API}/call/{endpoint}', content=text, headers=headers)
            if answer.status_code == 200:
                said = client.get(f'{API}/call/{endpoint}/{answer.json()["event_id"]}').text
                assert 'Traceback' not in said
            else:
                assert (answer.status_code, endpoint) == (404, 'no_such_function'), answer.text


def garbage(client, folder) -> None:
    headers = {'content-type': 'application/json'}
    for content in (b'', b'{', b'[' * 100_000, b'\xff\xfe', b'null', b'{"data": 3}', b'[]'):
        for path in ('queue/join', 'call/change', 'cancel', 'reset', 'run/predict', 'upload'):
            answer = client.post(f'{API}/{path}', content=content, headers=headers)
            assert 400 <= answer.status_code < 600 or answer.status_code == 200
            assert 'Traceback' not in answer.text and not re.search(r'File "', answer.text)


def session_names(client, folder) -> None:
    for name in ('../../x', '\x00', 'x' * 5000, '<b>', '%2e%2e/'):
        body = {'data': [], 'fn_index': 0, 'session_hash': name}
        client.post(f'{API}/queue/join', json=body)
        with client.stream('GET', f'{API}/heartbeat/{name.encode().hex()}') as answer:
            assert answer.status_code == 200


def title(client, folder) -> None:
    assert '## BDInvert studio: &#60;b&#62;\\\\*title\\\\*' in client.get('/config').text


VISITS: dict[str, Callable] = {
    'a foreign host': partial(refused, headers={'Host': 'evil.example'}, files={'files': PNG}),
    'a foreign page': partial(
        refused, headers={'Origin': 'http://evil.example'}, files={'files': PNG}
    ),
    'a page of no origin': partial(refused, headers={'Origin': 'null'}, files={'files': PNG}),
    'a foreign page reads': partial(
        refused, headers={'Host': 'evil.example'}, method='GET', path='/config'
    ),
    'a large upload': partial(refused, status=413, files={'files': ('x.png', b'x' * 70_000_000)}),
    'many files at once': partial(
        refused,
        status=413,
        files=[('files', (f'{i}.png', b'x' * 10_000_000)) for i in range(7)],
    ),
    'a large call': partial(refused, status=413, path=f'{API}/queue/join', content=b'x' * 2**21),
    'names of uploads': upload_names,
    'no photos': partial(bad_files, 'open_photo'),
    'no codes': partial(bad_files, 'open_code'),
    'files of the machine': foreign_files,
    'wrong values': wrong_values,
    'garbage': garbage,
    'names of sessions': session_names,
    'a title': title,
}

CASES = [
    Case(name, partial(studio, visit), code=0, sample=name == 'a foreign page')
    for name, visit in VISITS.items()
]
