# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The page of the studio: which handler each of its parts calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from .answers import Shown
from .handlers import Handlers
from .layout import SAVES, lay_out
from .photo import Photo
from .session import SQUARES, WHOLE, Session
from .storage import studio_folder

_FOLDER = Path(__file__).parent
_SAVE = """(file) => {
  if (!file) return;
  const href = 'gradio_api/file=' + encodeURI(file.at);
  const link = Object.assign(document.createElement('a'), {href, download: file.name});
  document.body.append(link);
  link.click();
  link.remove();
}"""
_GUIDE = "(shown) => { document.body.classList.toggle('studio-no-guide', !shown); }"
_AGAIN = "() => { document.querySelector('#photo_view').classList.add('choosing'); }"
_CONTROLS = ('shift_x', 'shift_y', 'rotate', 'scale', 'flip')


def build_page(handlers: Handlers, title: str) -> gr.Blocks:
    """Build the page, with a title such as the name of the config."""
    studio_folder()  # Gradio uses it when parts are built
    with gr.Blocks(title='BDInvert studio', analytics_enabled=False, fill_width=True) as page:
        parts, buttons = lay_out(handlers, title)
        _wire(page, parts, handlers, buttons)
        buttons['guide'].input(None, buttons['guide'], None, js=_GUIDE)
        buttons['again'].click(None, None, None, js=_AGAIN)
        page.load(None, None, None, js=(_FOLDER / 'keys.js').read_text('utf-8'))
    return page


def _wire(page: gr.Blocks, parts: dict, handlers: Handlers, buttons: dict) -> None:
    """Connect the parts with their handlers."""
    session = parts['session']
    strengths = [part for name, part in parts.items() if name.startswith('strength_')]
    controls = [*(parts[name] for name in _CONTROLS), *strengths]
    shown = list(parts.values())
    picture = [session, parts['stage'], parts['whole'], parts['wipe'], parts['status']]
    viewed = [*picture, parts['view']]
    quiet: dict[str, Any] = {'show_progress': 'hidden'}
    # Each reads the session and writes it: none may overwrite what another one has just done.
    in_turn = {**quiet, 'concurrency_limit': 1, 'concurrency_id': 'session'}
    one_at_a_time = {'concurrency_limit': 1, 'concurrency_id': 'long'}

    def named(values: Shown) -> dict:
        found = {parts[name]: value for name, value in values.items()}
        if 'choice' in values:
            choices, value = values['choice']
            found[parts['choice']] = gr.Radio(choices=choices, value=value)
        if 'tabs' in values:
            found[parts['tabs']] = gr.Tabs(selected=values['tabs'])
        return found or gr.skip()

    def open_photo(state: Session, path: str, request: gr.Request) -> dict:
        return named(handlers.open_photo(state, path, request.session_hash))

    def open_example(state: Session, event: gr.SelectData, request: gr.Request) -> dict:
        return named(handlers.open_example(state, event.index, request.session_hash))

    def open_code(state: Session, path: str, request: gr.Request) -> dict:
        return named(handlers.open_code(state, path, request.session_hash))

    def place(state: Session, event: gr.EventData, request: gr.Request) -> dict:
        return named(handlers.place(state, event._data, request.session_hash))

    def choose(state: Session, name: str, request: gr.Request) -> dict:
        return named(handlers.choose(state, name, request.session_hash))

    def invert(state: Session, asked: Photo | None, request: gr.Request) -> Iterator[dict]:
        yield from map(named, handlers.invert(state, request.session_hash, asked=asked))

    def invert_new(state: Session, request: gr.Request) -> Iterator[dict]:
        yield from map(named, handlers.invert(state, request.session_hash, again=False))

    def cancel(request: gr.Request) -> dict:
        return named(handlers.cancel(request.session_hash))

    def leave(request: gr.Request) -> None:
        handlers.cancel(request.session_hash)

    def drag(state: Session, event: gr.EventData) -> dict:
        moved = event._data
        return named(handlers.drag(state, moved['shift_x'], moved['shift_y'], moved['scale']))

    def whole_photo(state: Session) -> dict:
        return named(handlers.show(state, WHOLE))

    def side_by_side(state: Session) -> dict:
        return named(handlers.show(state, SQUARES))

    def call(handler: Callable[..., Shown]) -> Callable[..., dict]:
        def called(*values) -> dict:
            return named(handler(*values))

        called.__name__ = handler.__name__  # of the endpoint
        return called

    opened = [parts['upload'].upload(open_photo, [session, parts['upload']], shown, **quiet)]
    if 'examples' in buttons:
        opened.append(buttons['examples'].select(open_example, session, shown, **quiet))
    asked = buttons['invert'].click(call(handlers.ask), session, shown, **in_turn)
    inverted = [
        *(event.then(invert_new, session, shown, **quiet, **one_at_a_time) for event in opened),
        asked.then(invert, [session, parts['asked']], shown, **quiet, **one_at_a_time),
    ]
    refined, straight = parts['refined'], parts['straight']
    again = []  # another code is another straightened face
    for event in inverted:  # the edit and the tab may have changed meanwhile
        found = [session, refined, parts['view']]
        again.append(event.then(call(handlers.take_over), found, [*picture, refined], **in_turn))
    buttons['cancel'].click(cancel, None, parts['status'], queue=False, **quiet)
    page.unload(leave)
    buttons['code'].upload(open_code, [session, buttons['code']], shown, **quiet)
    parts['photo'].drag(place, session, shown, trigger_mode='multiple', **in_turn)
    parts['choice'].input(choose, [session, parts['choice']], shown, **in_turn)

    gr.on(
        [control.input for control in controls],
        call(handlers.change),
        [session, *controls],
        picture,
        trigger_mode='always_last',
        **in_turn,
    )
    parts['stage'].drag(drag, session, shown, trigger_mode='multiple', **in_turn)
    switch = parts['straightened']
    again.append(switch.input(call(handlers.straighten), [session, switch], shown, **in_turn))
    pressed = {
        name: buttons[name].click(call(getattr(handlers, name)), session, shown, **in_turn)
        for name in ('undo', 'redo', 'reset')
    }
    for event in (*again, pressed['redo']):
        made, found = [straight, parts['status']], [session, straight, parts['view']]
        event = event.then(call(handlers.complete), session, made, **quiet, **one_at_a_time)
        event.then(call(handlers.take_straight), found, [*picture, straight], **in_turn)

    buttons['whole'].select(whole_photo, session, viewed, **in_turn)
    buttons['side'].select(side_by_side, session, viewed, **in_turn)
    for event in (buttons['wiping'].select, buttons['pair'].input):
        event(call(handlers.show), [session, buttons['pair']], viewed, **in_turn)

    file = [parts['file'], parts['status']]
    for name in SAVES:
        save = call(getattr(handlers, f'save_{name}'))
        limit = one_at_a_time if name in ('photo', 'video') else {}
        saved = buttons[f'save_{name}'].click(save, session, file, **quiet, **limit)
        saved.then(None, parts['file'], None, js=_SAVE)
