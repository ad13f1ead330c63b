# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Pictures and sentences as a browser shows them."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from ..io.images import png_of_srgb
from .live_inversion import InversionStep


def as_png(picture: np.ndarray) -> bytes:
    """Encode a picture, RGB uint8 (H, W, 3), without loss."""
    return _encode(picture, format='PNG', pnginfo=png_of_srgb())


def as_jpeg(picture: np.ndarray) -> bytes:
    """Encode a picture, RGB uint8 (H, W, 3), quickly and nearly without loss."""
    return _encode(picture, format='JPEG', quality=95, subsampling=0)


def look(picture: np.ndarray | None) -> str:
    """Return a picture as an address, '' for none."""
    return '' if picture is None else data_url(as_jpeg(picture), 'image/jpeg')


def data_url(content: bytes, kind: str) -> str:
    """Return a file of a media type, such as 'image/png', as an address that contains it."""
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def message(text: str, verdict: str = '') -> str:
    """Return a sentence as HTML, after one of ``mmgen_bdinvert.models.verdict.VERDICTS`` or ''."""
    kind = verdict.replace(' ', '-')
    badge = f'<b class="verdict {kind}">{html.escape(verdict)}</b> ' if verdict else ''
    return f'<p role="status">{badge}{html.escape(text)}</p>'


def warned(text: str) -> str:
    """Return a warning as HTML."""
    return f'<p role="alert" class="warning">{html.escape(text)}</p>'


def progress(step: InversionStep, totals: list[float], before: str = '') -> str:
    """Return HTML: a sentence, the progress of an inversion, and a curve of its total losses."""
    left = '' if step.seconds_left is None else f', {max(round(step.seconds_left), 1)} s left'
    losses = ', '.join(
        f'{name} {value:.3g}' for name, value in step.losses.items() if name != 'total'
    )
    text = f'Step {step.step} of {step.num_steps}{left}. Loss {step.losses["total"]:.3g}: {losses}.'
    bar = f'<progress max="{step.num_steps}" value="{step.step}"></progress>'
    return message(f'{before} {text}'.strip()) + bar + _curve(totals)


def _curve(values: list[float]) -> str:
    """Draw positive values on a logarithmic scale; those that are not finite are left out."""
    heights = np.log([max(value, 1e-9) for value in values if np.isfinite(value)] or [1.0])
    span = max(np.ptp(heights), 1e-9)
    points = ' '.join(
        f'{100 * i / max(len(heights) - 1, 1):.1f},{29 - 28 * (height - heights.min()) / span:.1f}'
        for i, height in enumerate(heights)
    )
    return (
        f'<svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img" '
        f'aria-label="total loss"><polyline points="{points}"/></svg>'
    )


def _encode(picture: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, **options)
    return buffer.getvalue()
