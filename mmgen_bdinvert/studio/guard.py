# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the studio's server lets in and out, before Gradio sees it.

Another website that is open in the visitor's browser can send requests to this machine as well,
and its name can be made to resolve to this machine. So a request must be for a name of the studio
(``Host``), and if a page sent it, that page must be the studio's (``Origin``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bdinvert_cli.text import printable

from .storage import MAX_FILE_BYTES, Storage

_MAX_BODY = 1 << 20  # of a request other than an upload
_AROUND = 1 << 12  # bytes that an upload may have besides its file
_UPLOAD = '/gradio_api/upload'
_POSTS = re.compile(r'/gradio_api/(upload|queue/join|cancel|reset/?|(run|api|call)/.+)')
_WRITES = '/gradio_api/deep_link'  # a GET that writes
_PLACES = {  # content security policy: everything comes from this server
    'default-src': "'self'",
    'script-src': "'self' 'unsafe-inline' 'unsafe-eval'",
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data: blob:",
    'font-src': "'self' data:",
}
_POLICY = '; '.join(f'{kind} {places}' for kind, places in _PLACES.items()).encode()
_MARK = 'studio.guarded'


class Names:
    """The names of the studio.

    Args:
        host (str): Where it listens. This is a name of the studio, as are those of the loopback
            device and the address that a request reached.
        others (Iterable[str]): More names, such as that of a proxy before it. Defaults to none.
    """

    def __init__(self, host: str, others: Iterable[str] = ()) -> None:
        self._others = {_bare(name) for name in others} - {''}
        self._known = {'localhost', _bare(host), *self._others} - {''}

    def refusal(self, scope: Scope) -> str:
        """Return why a request is refused, '' if it is not."""
        headers = Headers(scope=scope)
        # Gradio builds URLs from X-Forwarded-Host, so both must be names of the studio.
        forwarded = ','.join(headers.getlist('x-forwarded-host'))
        hosts = [*headers.getlist('host'), *filter(None, map(str.strip, forwarded.split(',')))]
        if len(headers.getlist('host')) != 1:
            return 'A request names one host.'
        for host in hosts:
            if not self._is_own(host, scope):
                shown = printable(host)[:200]
                return f'The studio is not called {shown!r}: --allow-host gives it other names.'
        origins = headers.getlist('origin')
        if any(not self._is_page(origin, hosts) for origin in origins):
            shown = printable(', '.join(origins))[:200]
            return f'Only the page of the studio may use it, but {shown!r} is another one.'
        return ''

    def _is_own(self, host: str, scope: Scope) -> bool:
        name = _name(f'http://{host}')
        if name in self._known:
            return True
        address, reached = _address(name), _address((scope.get('server') or ('',))[0])
        return address is not None and (address.is_loopback or address == reached)

    def _is_page(self, origin: str, hosts: Sequence[str]) -> bool:
        name = _name(origin)
        if name in self._others:  # a proxy may rewrite the host
            return True
        own = {f'{scheme}://{host.lower()}' for host in hosts for scheme in ('http', 'https')}
        return name != '' and origin.lower() in own


class Guard:
    """Middleware that refuses foreign and large requests, and what Gradio would fetch or store."""

    def __init__(self, app: ASGIApp, names: Names, storage: Storage) -> None:
        self.app, self.names, self.storage = app, names, storage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] not in ('http', 'websocket') or scope.get(_MARK):
            await self.app(scope, receive, send)
            return
        scope[_MARK] = True
        if scope['type'] == 'websocket':
            if self.names.refusal(scope):
                await send({'type': 'websocket.close', 'code': 1008})
            else:
                await self.app(scope, receive, send)
            return

        async def send_guarded(message) -> None:
            if message['type'] == 'http.response.start':
                policy = (b'content-security-policy', _POLICY)
                message = {**message, 'headers': [*message['headers'], policy]}
            await send(message)

        status, text = 403, self.names.refusal(scope)
        if not text:
            status, text = await self._refusal(scope)
        if text:
            response = PlainTextResponse(text, status, {'connection': 'close'})
            await response(scope, receive, send_guarded)
            return
        await self.app(scope, receive, send_guarded)

    async def _refusal(self, scope: Scope) -> tuple[int, str]:
        """Return the status and the sentence of a refusal; the sentence is '' if there is none."""
        path = unquote(scope['path'])
        # Gradio fetches file=http… and proxy=http…
        if '=http' in path.lower() or path.rstrip('/') == _WRITES:
            return 403, 'The studio does not do this.'
        if scope['method'] in ('GET', 'HEAD'):
            return 0, ''
        if scope['method'] != 'POST' or not _POSTS.fullmatch(path):
            return 403, 'The studio does not do this.'
        length = Headers(scope=scope).get('content-length', '')
        if not length.isdecimal():
            return 411, 'A request says how long it is.'
        most = MAX_FILE_BYTES if path == _UPLOAD else _MAX_BODY
        if int(length) > most + _AROUND:
            return 413, f'The most that the studio takes at once is {most >> 20} MB.'
        if path == _UPLOAD:
            visitor = (scope.get('client') or ('',))[0]
            return 429, await run_in_threadpool(self.storage.refusal, visitor, int(length))
        return 0, ''


def _bare(name: str) -> str:
    return name.lower().strip('[]').rstrip('.')


def _name(origin: str) -> str:
    """Return the host of ``scheme://host:port``; '' for anything else."""
    try:
        parts = urlsplit(origin)
        plain = origin == f'{parts.scheme}://{parts.netloc}' and '@' not in parts.netloc
        parts.port  # noqa: B018  (raises where it is no number)
    except ValueError:
        return ''
    return _bare(parts.hostname or '') if plain and parts.scheme in ('http', 'https') else ''


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(_bare(name))
    except ValueError:
        return None
    return getattr(address, 'ipv4_mapped', None) or address
