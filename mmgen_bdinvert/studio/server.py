# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The server of the studio: what it lets in and out."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import gradio as gr
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .address import check_address

__all__ = ['MAX_FILE_SIZE', 'launch']

MAX_FILE_SIZE = '20mb'
_CACHE_SECONDS = 3600  # how long uploads and wipes stay on the disk
_SESSIONS = 200  # that are remembered, of the people who came last
# Inside `overflow: hidden` nothing is sticky; `css` does not reach this element.
_HEAD = '<style>.gradio-container { overflow: clip !important; }</style>'
_PLACES = {  # where a browser may get anything from: this server alone
    'default-src': "'self'",
    'script-src': "'self' 'unsafe-inline' 'unsafe-eval'",
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data: blob:",
    'font-src': "'self' data:",
}
_POLICY = '; '.join(f'{kind} {places}' for kind, places in _PLACES.items()).encode()


class _Guard:
    """Keeps browsers from other servers, and this server from fetching addresses for others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return

        async def send_guarded(message) -> None:
            if message['type'] == 'http.response.start':
                policy = (b'content-security-policy', _POLICY)
                message = {**message, 'headers': [*message['headers'], policy]}
            await send(message)

        if '=http' in unquote(scope['path']).lower():  # Gradio's file=http… and proxy=http…
            await send_guarded({'type': 'http.response.start', 'status': 403, 'headers': []})
            await send_guarded({'type': 'http.response.body', 'body': b'forbidden'})
            return
        await self.app(scope, receive, send_guarded)


def launch(page: gr.Blocks, *, host: str = '127.0.0.1', port: int | None = None):
    """Serve the page in a thread of its own, until its ``close()``.

    Nothing is shared, reported or fetched elsewhere; uploads are limited to 20 MB, and no file of
    this machine can be asked for but those that the page itself has shown.

    Args:
        page (gr.Blocks): From :func:`mmgen_bdinvert.studio.page.build_page`.
        host (str): Address to listen on. Defaults to '127.0.0.1', this machine alone.
        port (int | None): Its port. Defaults to the first free one from 7860 on.

    Returns:
        str: The address of the page.

    Raises:
        ValueError: The port is no port.
        OSError: The address is not one of this machine, or the port is taken.
    """
    check_address(host, port)
    os.environ.pop('GRADIO_ALLOWED_PATHS', None)  # it would go before an empty list
    # Gradio's table of all events takes longer than a picture; this makes it once in a billion.
    os.environ['GRADIO_ANALYTICS_CACHE_FREQUENCY'] = str(10**9)
    page.delete_cache = (_CACHE_SECONDS, _CACHE_SECONDS)
    page.queue(max_size=32)
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            inbrowser=False,
            prevent_thread_lock=True,
            state_session_capacity=_SESSIONS,
            max_file_size=MAX_FILE_SIZE,
            allowed_paths=[],
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            theme=gr.themes.Soft(font=['system-ui', 'sans-serif'], font_mono=['monospace']),
            css=Path(__file__).with_name('page.css').read_text('utf-8'),
            head=_HEAD,
            app_kwargs={'middleware': [Middleware(_Guard)]},
        )
    except OSError as error:
        place = f'{host}, port {port or "7860 and up"}'
        raise OSError(f'The studio cannot listen at {place}: choose another one.') from error
    return address
