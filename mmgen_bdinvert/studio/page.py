# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The page of the studio: its parts, and which handler each of them calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from bdinvert_cli.text import markdown_text

from ..io import IMAGE_SUFFIXES
from .display import as_png, data_url, message
from .handlers import LIMITS, Handlers, Shown
from .session import WIPES, Session
from .storage import studio_folder

_FOLDER = Path(__file__).parent
_PICTURE = """<figure><div class="frame"><img class="picture" alt="${caption}"></div>
<figcaption>${caption}</figcaption></figure>"""
_SHOW = """const image = element.querySelector('img');
const show = () => props.value ? image.src = props.value : image.removeAttribute('src');
watch('value', show);
show();"""
_STAGE = """<figure><div class="frame empty" tabindex="0" role="application"
aria-label="Edit: drag to shift, wheel to scale"><img class="picture" alt="edit" draggable="false">
<img class="guide" alt="" draggable="false" src="${guide}"></div>
<figcaption>edit: drag to shift, wheel to scale</figcaption></figure>"""
_SAVE = """(file) => {
  if (!file) return;
  const link = Object.assign(document.createElement('a'), {href: file.href, download: file.name});
  document.body.append(link);
  link.click();
  link.remove();
}"""
_GUIDE = "(shown) => { document.body.classList.toggle('studio-no-guide', !shown); }"
_CODES = ['.safetensors', '.npy', '.npz', '.pt', '.pth']
_CONTROLS = ('shift_x', 'shift_y', 'rotate', 'scale', 'flip')


def build_page(handlers: Handlers, title: str) -> gr.Blocks:
    """Build the page, with a title such as the name of the config."""
    studio = handlers.studio
    studio_folder()  # Gradio uses it when parts are built
    with gr.Blocks(title='BDInvert studio', analytics_enabled=False, fill_width=True) as page:
        parts: dict[str, gr.components.Component] = {}
        parts['session'] = gr.State(studio.new_session())
        parts['names'] = gr.State('')  # of the pictures in the wipe
        parts['file'] = gr.JSON(visible=False)
        gr.Markdown(f'## BDInvert studio: {markdown_text(title)}')
        with gr.Row():
            with gr.Column(scale=2, min_width=260):
                buttons = _opening(parts, handlers)
            with gr.Column(scale=6, min_width=330, elem_classes='studio-middle'):
                tabs = _pictures(parts, handlers)
            with gr.Column(scale=3, min_width=260, elem_classes='studio-controls'):
                guide = _controls(parts, studio.names)
        _wire(page, parts, handlers, buttons | tabs)
        guide.input(None, guide, None, js=_GUIDE)
    return page


def _opening(parts: dict, handlers: Handlers) -> dict:
    """Lay out the parts that open photos and codes."""
    kinds = ['image', *sorted(IMAGE_SUFFIXES)]  # not every system knows that .heic is an image
    parts['upload'] = gr.File(label='Photo', file_types=kinds, height=130, elem_id='photo')
    buttons: dict[str, Any] = {}
    if handlers.examples:
        buttons['examples'] = gr.Gallery(
            [str(path) for path in handlers.examples],
            show_label=False,
            columns=5,
            height='auto',
            object_fit='cover',
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id='examples',
        )
    with gr.Row():
        buttons['invert'] = gr.Button('Invert', variant='primary', min_width=80, elem_id='invert')
        buttons['cancel'] = gr.Button('Cancel', min_width=80, elem_id='cancel')
    buttons['code'] = gr.UploadButton('Load a code', file_types=_CODES, size='sm', elem_id='code')
    return buttons


def _pictures(parts: dict, handlers: Handlers) -> dict:
    """Lay out the pictures, side by side and as a wipe, and the buttons that save them."""
    buttons = {}
    with gr.Tabs():
        with gr.Tab('Side by side') as buttons['side']:
            with gr.Row(elem_classes='studio-pictures'):
                for name in ('original', 'reconstruction'):
                    parts[name] = gr.HTML(
                        '',
                        html_template=_PICTURE,
                        js_on_load=_SHOW,
                        caption=name,
                        elem_classes='studio-picture',
                        elem_id=name,
                    )
                parts['stage'] = gr.HTML(
                    {},
                    html_template=_STAGE,
                    js_on_load=(_FOLDER / 'stage.js').read_text('utf-8'),
                    guide=data_url(as_png(handlers.studio.guide()), 'image/png'),
                    limits=LIMITS,
                    elem_classes=['studio-picture', 'studio-stage'],
                    elem_id='stage',
                )
        with gr.Tab('Wipe') as buttons['wiping']:
            buttons['pair'] = gr.Radio(WIPES, value=WIPES[0], show_label=False, elem_id='pair')
            parts['wipe'] = gr.ImageSlider(
                show_label=False,
                interactive=False,
                format='png',
                buttons=['fullscreen'],
                elem_id='wipe',
            )
    parts['status'] = gr.HTML(
        message('Drop a photo. It may be shifted, rotated or scaled.'),
        elem_classes='studio-status',
        elem_id='status',
    )
    with gr.Row():
        for name in ('picture', 'code', 'video'):
            buttons[f'save_{name}'] = gr.Button(
                f'Save {name}', size='sm', min_width=90, elem_id=f'save_{name}'
            )
    return buttons


def _controls(parts: dict, names: list[str]) -> gr.Checkbox:
    """Lay out the controls of motions and directions; return the switch of the guide."""
    slider = partial(gr.Slider, buttons=[])
    with gr.Row():
        parts['undo'] = gr.Button('Undo', size='sm', min_width=80, elem_id='undo')
        parts['reset'] = gr.Button('Reset', size='sm', min_width=80, elem_id='reset')
    with gr.Group():
        with gr.Row():
            parts['straightened'] = gr.Checkbox(
                label='Straighten', info='to edit it in alignment', elem_id='straighten'
            )
            guide = gr.Checkbox(
                True, label='Guide', info='outlines of the mean face', elem_id='guide'
            )
        low, high = LIMITS['shift']
        parts['shift_x'] = slider(low, high, 0, step=0.005, label='shift x', elem_id='shift_x')
        parts['shift_y'] = slider(low, high, 0, step=0.005, label='shift y', elem_id='shift_y')
        low, high = LIMITS['rotate']
        parts['rotate'] = slider(low, high, 0, step=1, label='rotation', elem_id='rotate')
        low, high = LIMITS['scale']
        parts['scale'] = slider(low, high, 1, step=0.01, label='scale', elem_id='scale')
        parts['flip'] = gr.Checkbox(label='Flip', elem_id='flip')
    low, high = LIMITS['strength']
    with gr.Group():
        for i, name in enumerate(names):
            parts[f'strength_{i}'] = slider(
                low, high, 0, step=0.05, label=name, elem_id=f'strength_{i}'
            )
    return guide


def _wire(page: gr.Blocks, parts: dict, handlers: Handlers, buttons: dict) -> None:
    """Connect the parts with their handlers."""
    session = parts['session']
    strengths = [part for name, part in parts.items() if name.startswith('strength_')]
    controls = [*(parts[name] for name in _CONTROLS), *strengths]
    shown = [part for part in parts.values() if not isinstance(part, gr.Button)]
    picture = [session, parts['stage'], parts['wipe'], parts['status']]
    wiped = [session, parts['names'], parts['wipe']]
    quiet = {'show_progress': 'hidden'}
    one_at_a_time = {'concurrency_limit': 1, 'concurrency_id': 'long'}

    def named(values: Shown) -> dict:
        return {parts[name]: value for name, value in values.items()} or gr.skip()

    def open_photo(state: Session, path: str, request: gr.Request) -> dict:
        return named(handlers.open_photo(state, path, request.session_hash))

    def open_example(state: Session, event: gr.SelectData, request: gr.Request) -> dict:
        return named(handlers.open_example(state, event.index, request.session_hash))

    def open_code(state: Session, path: str, request: gr.Request) -> dict:
        return named(handlers.open_code(state, path, request.session_hash))

    def invert(state: Session, request: gr.Request) -> Iterator[dict]:
        yield from map(named, handlers.invert(state, request.session_hash))

    def invert_new(state: Session, request: gr.Request) -> Iterator[dict]:
        yield from map(named, handlers.invert(state, request.session_hash, again=False))

    def cancel(request: gr.Request) -> dict:
        return named(handlers.cancel(request.session_hash))

    def leave(request: gr.Request) -> None:
        handlers.cancel(request.session_hash)

    def drag(state: Session, event: gr.EventData) -> dict:
        moved = event._data
        return named(handlers.drag(state, moved['shift_x'], moved['shift_y'], moved['scale']))

    def side_by_side(state: Session) -> dict:
        return named(handlers.wipe(state, ''))

    def call(handler: Callable[..., Shown]) -> Callable[..., dict]:
        def called(*values) -> dict:
            return named(handler(*values))

        called.__name__ = handler.__name__  # of the endpoint
        return called

    opened = [parts['upload'].upload(open_photo, [session, parts['upload']], shown, **quiet)]
    if 'examples' in buttons:
        opened.append(buttons['examples'].select(open_example, session, shown, **quiet))
    inverted = [
        *(event.then(invert_new, session, shown, **quiet, **one_at_a_time) for event in opened),
        buttons['invert'].click(invert, session, shown, **quiet, **one_at_a_time),
    ]
    for event in inverted:  # the tab may have changed meanwhile
        event.then(call(handlers.wipe), [session, parts['names']], wiped, **quiet)
    buttons['cancel'].click(cancel, None, parts['status'], queue=False, **quiet)
    page.unload(leave)
    buttons['code'].upload(open_code, [session, buttons['code']], shown, **quiet)

    gr.on(
        [control.input for control in controls],
        call(handlers.change),
        [session, *controls],
        picture,
        trigger_mode='always_last',
        **quiet,
    )
    parts['stage'].drag(drag, session, shown, trigger_mode='multiple', **quiet)
    switch = parts['straightened']
    switch.input(call(handlers.straighten), [session, switch], shown, **quiet)
    parts['undo'].click(call(handlers.undo), session, shown, **quiet)
    parts['reset'].click(call(handlers.reset), session, shown, **quiet)

    buttons['side'].select(side_by_side, session, wiped, **quiet)
    for event in (buttons['wiping'].select, buttons['pair'].input):
        event(call(handlers.wipe), [session, buttons['pair']], wiped, **quiet)

    file = [parts['file'], parts['status']]
    for name in ('picture', 'code', 'video'):
        save = call(getattr(handlers, f'save_{name}'))
        limit = one_at_a_time if name == 'video' else {}
        saved = buttons[f'save_{name}'].click(save, session, file, **quiet, **limit)
        saved.then(None, parts['file'], None, js=_SAVE)
