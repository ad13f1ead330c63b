# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The parts of the page, and where they lie."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from bdinvert_cli.text import markdown_text

from ..io import IMAGE_SUFFIXES
from .display import as_png, data_url, message
from .handlers import LIMITS, STEPS, Handlers
from .session import SQUARES, WHOLE, WIPES
from .storage import MAX_FILE_BYTES

__all__ = ['SAVES', 'lay_out']

SAVES = {
    'photo': 'Save photo',
    'picture': 'Save square',
    'code': 'Save code',
    'video': 'Save video',
}
_FOLDER = Path(__file__).parent
# What a template needs is written into it: Gradio drops properties of parts in tabs not yet open.
_PICTURE = """<figure><div class="frame"><img class="picture" alt="CAPTION"></div>
<figcaption>CAPTION</figcaption></figure>"""
_SHOW = """const image = element.querySelector('img');
const show = () => props.value ? image.src = props.value : image.removeAttribute('src');
watch('value', show);
show();"""
_STAGE = """<figure><div class="frame empty" tabindex="0" role="application"
aria-label="Edit: drag or arrow keys to shift, + and - to scale"><img class="picture" alt="edit"
draggable="false"><img class="guide" alt="" draggable="false" src="GUIDE"></div>
<figcaption>edit: <span class="for-mouse">drag to shift, wheel to scale</span><span
class="for-fingers">one finger shifts, two scale</span></figcaption></figure>"""
_START = """<div class="studio-start"><ol>
<li><b>Drop a photo</b> of any size, at most ${most} MB, or click an example.</li>
<li><b>Put the window on a face</b>, or choose one that was found, and press <i>Invert</i>.</li>
<li><b>Move the sliders</b>, and save the whole photo with the edit in it.</li></ol>
<figure><img src="${picture}" alt="A photo before and after an edit"><figcaption>What comes out:
the photo as it was, with the windows, and with the edits in it</figcaption></figure></div>"""
_WINDOW = """<div class="frame empty" tabindex="0" role="application" aria-label="Window: drag or
arrow keys to move, + and - to scale, Shift and arrow keys to turn"><img class="picture" alt="photo"
draggable="false"><svg><path class="shade" fill-rule="evenodd"/><g class="faces"></g>
<image class="inside" preserveAspectRatio="none"/><polygon class="window"/><line class="stem"/>
<circle class="turn"/><circle class="corner"/><circle class="corner"/><circle class="corner"/>
<circle class="corner"/></svg></div>"""
_WHOLE = """<figure><div class="frame"><img class="picture" alt="whole photo"></div><figcaption>the
whole photo: hold to see it as it was</figcaption></figure>"""
_CODES = ['.safetensors', '.npy', '.npz', '.pt', '.pth']


def lay_out(handlers: Handlers, title: str) -> tuple[dict, dict]:
    """Lay out the page, with a title such as the name of the config.

    Returns:
        tuple[dict, dict]: Parts that show something, by the names of
        :mod:`mmgen_bdinvert.studio.answers`, and buttons.
    """
    parts: dict[str, Any] = {}
    parts['session'] = gr.State(handlers.studio.new_session())
    parts['refined'] = gr.State(None)  # until it takes over
    parts['straight'] = gr.State(None)  # likewise
    parts['asked'] = gr.State(None)  # the photo and window that are to be inverted
    parts['view'] = gr.State(WHOLE)
    parts['file'] = gr.JSON(visible=False)
    gr.Markdown(f'## BDInvert studio: {markdown_text(title)}')
    with gr.Row(elem_classes='studio-columns'):
        with gr.Column(scale=2, min_width=230, elem_classes='studio-opening'):
            buttons = _opening(parts, handlers)
        with gr.Column(scale=6, min_width=330, elem_classes='studio-middle'):
            buttons.update(_pictures(parts, handlers))
        with gr.Column(scale=3, min_width=260, elem_classes='studio-controls'):
            buttons['guide'] = _controls(parts, buttons, handlers.studio.controls)
    return parts, buttons


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
    parts['choice'] = gr.Radio([], label='Window on face', elem_id='choice')
    with gr.Row():
        buttons['invert'] = gr.Button('Invert', variant='primary', min_width=80, elem_id='invert')
        buttons['cancel'] = gr.Button('Cancel', min_width=80, elem_id='cancel')
    buttons['code'] = gr.UploadButton('Load a code', file_types=_CODES, size='sm', elem_id='code')
    return buttons


def _pictures(parts: dict, handlers: Handlers) -> dict:
    """Lay out the views."""
    buttons = {}
    with gr.Tabs(selected=WHOLE) as parts['tabs']:
        with gr.Tab('Photo', id=WHOLE) as buttons['whole']:
            with gr.Column(elem_id='photo_view'):
                gr.HTML(
                    html_template=_START,
                    most=MAX_FILE_BYTES >> 20,
                    picture=data_url((_FOLDER / 'start.webp').read_bytes(), 'image/webp'),
                    elem_id='start',
                )
                parts['photo'] = gr.HTML(
                    {},
                    html_template=_WINDOW,
                    js_on_load=(_FOLDER / 'window.js').read_text('utf-8'),
                    elem_classes='studio-window',
                    elem_id='window',
                )
                parts['whole'] = gr.HTML(
                    '',
                    html_template=_WHOLE,
                    js_on_load=(_FOLDER / 'whole.js').read_text('utf-8'),
                    elem_classes='studio-whole',
                    elem_id='whole',
                )
                buttons['again'] = gr.Button('Another window', size='sm', elem_id='again')
        with gr.Tab('Squares', id=SQUARES) as buttons['side']:
            with gr.Row(elem_classes='studio-pictures'):
                for name in ('original', 'reconstruction'):
                    parts[name] = gr.HTML(
                        '',
                        html_template=_PICTURE.replace('CAPTION', name),
                        js_on_load=_SHOW,
                        elem_classes='studio-picture',
                        elem_id=name,
                    )
                guide = data_url(as_png(handlers.studio.guide()), 'image/png')
                script = (_FOLDER / 'stage.js').read_text('utf-8')
                parts['stage'] = gr.HTML(
                    {},
                    html_template=_STAGE.replace('GUIDE', guide),
                    js_on_load=f'const LIMITS = {json.dumps(LIMITS)};\n{script}',
                    elem_classes=['studio-picture', 'studio-stage'],
                    elem_id='stage',
                )
        with gr.Tab('Wipe', id='wipe') as buttons['wiping']:
            buttons['pair'] = gr.Radio(WIPES, value=WIPES[0], show_label=False, elem_id='pair')
            parts['wipe'] = gr.ImageSlider(
                show_label=False,
                interactive=False,
                format='png',
                buttons=['fullscreen'],
                elem_id='wipe',
            )
    parts['status'] = gr.HTML(
        message('A face may be anywhere in the photo, shifted, turned or scaled.'),
        elem_classes='studio-status',
        elem_id='status',
    )
    return buttons


def _controls(parts: dict, buttons: dict, strengths: list[tuple[str, str]]) -> gr.Checkbox:
    """Lay out the controls of an edit, and what saves it; return the switch of the guide."""

    def slider(name: str, label: str, kind: str, value: float = 0) -> None:
        low, high = LIMITS[kind]
        step = STEPS[kind]
        parts[name] = gr.Slider(low, high, value, step=step, label=label, elem_id=name, buttons=[])

    with gr.Row():
        button = partial(gr.Button, size='sm', min_width=60)
        for name in ('undo', 'redo', 'reset'):
            buttons[name] = button(name.capitalize(), elem_id=name)
    with gr.Group():
        for i, (name, kind) in enumerate(strengths):
            slider(f'strength_{i}', name, kind)
    with gr.Group():
        with gr.Row():
            parts['straightened'] = gr.Checkbox(label='Straighten', elem_id='straighten')
            guide = gr.Checkbox(True, label='Guide', elem_id='guide')
            parts['flip'] = gr.Checkbox(label='Flip', elem_id='flip')
        slider('shift_x', 'shift x', 'shift')
        slider('shift_y', 'shift y', 'shift')
        slider('rotate', 'rotation', 'rotate')
        slider('scale', 'scale', 'scale', 1)
    with gr.Row():
        for name, label in SAVES.items():
            buttons[f'save_{name}'] = gr.Button(
                label,
                size='sm',
                variant='primary' if name == 'photo' else 'secondary',
                min_width=120,
                elem_id=f'save_{name}',
            )
    return guide
