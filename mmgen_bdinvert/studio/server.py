# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The server of the studio."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
from gradio import queueing, routes
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from bdinvert_cli.running import DEBUG_VARIABLE, say
from bdinvert_cli.sentences import one_sentence

from .address import check_address
from .guard import Guard, Names
from .storage import MAX_FILE_BYTES, Storage, studio_folder

_SESSIONS = 200  # the latest sessions that are kept
# `position: sticky` needs this, and `css` does not apply to this element.
_HEAD = '<style>.gradio-container { overflow: clip !important; }</style>'


def launch(
    page: gr.Blocks,
    *,
    host: str = '127.0.0.1',
    port: int | None = None,
    allow_hosts: Iterable[str] = (),
) -> str:
    """Serve the page in its own thread, until its ``close()``, and return its address.

    Nothing is shared, reported or fetched elsewhere, and no file of this machine is served except
    those that the page itself has shown. Requests for other names than the studio's, and those of
    other pages, are refused. Uploads are limited to 64 MB each, and to 100 and 500 MB per visitor
    and hour; files are deleted after an hour, the oldest as soon as there are more than 2,000 or
    1 GB.

    Args:
        page (gr.Blocks): From :func:`mmgen_bdinvert.studio.page.build_page`.
        host (str): Address to listen on. Defaults to '127.0.0.1', this machine alone.
        port (int | None): Its port. Defaults to the first free one from 7860 on.
        allow_hosts (Iterable[str]): More names of the studio, see
            :class:`~mmgen_bdinvert.studio.guard.Names`. Defaults to none.

    Raises:
        ValueError, OSError: As :func:`~mmgen_bdinvert.studio.address.check_address`.
    """
    check_address(host, port)
    os.environ.pop('GRADIO_ALLOWED_PATHS', None)  # it would override an empty list
    # Gradio's table of all events takes longer than a picture: make it as rarely as possible.
    os.environ['GRADIO_ANALYTICS_CACHE_FREQUENCY'] = str(10**9)
    _take_files_only(page)
    _print_sentences()
    storage = Storage(studio_folder())
    guard = {'names': Names(host, allow_hosts), 'storage': storage}
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
            max_file_size=MAX_FILE_BYTES,
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
            app_kwargs={
                'middleware': [Middleware(Guard, **guard)],
                'exception_handlers': {FnIndexInferError: _no_such_function},
            },
        )
    except OSError as error:
        place = f'{host}, port {port or "7860 and up"}'
        raise OSError(f'The studio cannot listen at {place}: choose another one.') from error
    # Gradio puts its own middleware in front, which answers some requests itself.
    page.app.middleware_stack = Guard(page.app.middleware_stack, **guard)
    storage.watch()
    return address


async def _no_such_function(request: Request, error: Exception) -> PlainTextResponse:
    return PlainTextResponse('The studio has no such function.', 404)


def _take_files_only(page: gr.Blocks) -> None:
    """Refuse URLs instead of uploads: Gradio would fetch them, however large they are."""

    def guarded(move: Callable) -> Callable:
        async def move_file(path: object) -> str | None:
            if str(path).lower().startswith(('http:', 'https:')):
                raise gr.Error('The studio takes files, no addresses.', print_exception=False)
            return await move(path)

        return move_file

    for part in page.blocks.values():
        move = guarded(part.async_move_resource_to_block_cache)
        part.async_move_resource_to_block_cache = move  # type: ignore[method-assign]


def _print_sentences() -> None:
    """Make Gradio print one line about a failed request, as a visitor may have sent anything."""
    for module in (queueing, routes):
        module.traceback = SimpleNamespace(print_exc=_print_error)  # type: ignore[attr-defined]


def _print_error() -> None:
    if os.environ.get(DEBUG_VARIABLE, '0') not in ('', '0'):
        traceback.print_exc()
        return
    error = sys.exc_info()[1]
    say(
        f'error: a request failed: {type(error).__name__}: {one_sentence(error)[:1000]}', sys.stderr
    )
