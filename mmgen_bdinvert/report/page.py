# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Collects the content of the page; its layout is in ``assets/report``."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from PIL import Image

from bdinvert_cli.text import printable

from ..io import atomic_write, check_outputs, claim_outputs, ensure_writable_folder, local_path
from ..jobs.folder import flat_settings, recorded_settings
from ..jobs.manifest import read_events
from ..jobs.results import CONFIG_FILE
from ..models.verdict import VERDICTS
from ..utils.numbers import checked_number
from ..version import __version__
from .figures import figures_of
from .results import METRICS, Metric, Result, ResultFolder

__all__ = ['write_page']

_MAKER = 'report'
# Longest sides in pixels of a thumbnail, of a comparison (several pictures in a row), of curves.
_SIDE, _SHEET, _CURVES = 256, 1200, 720
_QUALITY = 82  # of WebP
_LINES = 200  # failures, and processes, that are listed


def write_page(
    folder: str | os.PathLike,
    path: str | os.PathLike | None = None,
    *,
    max_images: int = 200,
    on_note: Callable[[str], object] | None = None,
) -> Path:
    """Write one self-contained HTML page about an output folder.

    The page shows the images, the worst first, each with a wipe between original and
    reconstruction, loss curves and metrics; medians and histograms of all images; failures and
    their reasons; settings and versions. For edits it shows the comparisons.

    Args:
        folder (str | os.PathLike): Output folder of :func:`mmgen_bdinvert.apis.invert_files`,
            packed or not, or of :func:`mmgen_bdinvert.apis.edit_files`. Originals are read from
            their places; if one is gone, the comparison of the run is shown instead.
        path (str | os.PathLike | None): The page. Defaults to ``report.html`` in ``folder``.
        max_images (int): Maximum number of images with pictures, the worst ones; 25 to 60 kB each.
            Defaults to 200.
        on_note (Callable | None): Called with sentences on what in the folder is damaged: the page
            shows the rest. Defaults to None.

    Returns:
        Path: The page.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It has no results, or ``max_images`` is below 0.
        ForeignFileError: ``path`` exists, and is no earlier report.
        OutputError: The page cannot be written.
    """
    checked_number('max_images', max_images, least=0, whole=True)
    found = ResultFolder(folder, on_note)
    path = found.folder / 'report.html' if path is None else Path(path)
    check_outputs([path], _MAKER)
    inverted = [result for result in found.results if result.status != 'failed']
    values = {m: [r.numbers[m.key] for r in inverted if m.key in r.numbers] for m in METRICS}
    metrics = [metric for metric in METRICS if values[metric]]
    shown = _worst_first(inverted, metrics)[:max_images]
    assets = local_path('asset://report/page.html').parent
    script = (assets / 'page.js').read_text('utf-8').strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    starts = sorted(read_events(folder, 'start'), key=lambda event: event['time'])
    refused = [result for result in found.results if result.reason]
    stream = _template(assets / 'page.html').stream(
        title=f'{"Inversion" if found.inverted else "Edits"}: {found.folder.resolve().name}',
        inverted=found.inverted,
        counts=_counts(found.results),
        metrics=metrics,
        figures=[figures_of(metric, values[metric]) for metric in metrics],
        cards=(_card(found, result, metrics) for result in shown),
        shown=len(shown),
        left_out=len(inverted) - len(shown),
        refused=refused[:_LINES],
        more_refused=len(refused) - len(refused[:_LINES]),
        settings=list(flat_settings(recorded_settings(folder) or {})),
        config=_block(found.text(CONFIG_FILE)),
        starts=[_start(event) for event in starts[-_LINES:]],
        version=__version__,
        style=Markup((assets / 'page.css').read_text('utf-8')),
        script=Markup(script),
        digest=Markup(digest),
    )
    ensure_writable_folder(path.parent)
    claim_outputs([path], _MAKER)
    atomic_write(path, lambda temporary: stream.dump(str(temporary), encoding='utf-8'))
    return path


@cache
def _template(path: Path) -> Template:
    """Compile the page's template, once in a process."""
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(path.name)


def _worst_first(results: Sequence[Result], metrics: Sequence[Metric]) -> list[Result]:
    """Sort by the first metric; results without it come first, in their order."""

    def badness(result: Result) -> float:
        value = result.numbers.get(metrics[0].key) if metrics else None
        return math.inf if value is None else metrics[0].badness(value)

    return sorted(results, key=badness, reverse=True)


def _counts(results: Sequence[Result]) -> dict[str, int]:
    counts = Counter(result.status for result in results)
    verdicts = Counter(result.verdict for result in results)
    return {
        'all': len(results),
        **{status: counts[status] for status in sorted(counts)},
        **{verdict: verdicts[verdict] for verdict in VERDICTS if verdicts[verdict]},
    }


def _card(found: ResultFolder, result: Result, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Collect what the page shows of one image."""
    files = found.files(result)
    output = _open_png(files.get('reconstruction.png'))
    original = found.original(result, output.width) if output is not None else None
    pictures = {}
    if original is not None:
        pictures = {'original': Image.fromarray(original), 'reconstruction': output}
    sheet = None if pictures else _open_png(files.get('comparison.png'))
    curves = _open_png(files.get('losses.png'))
    return {
        'result': result,
        'pictures': {name: _embed(picture, _SIDE) for name, picture in pictures.items()},
        'sheet': sheet and _embed(sheet, _SHEET),
        'curves': curves and _embed(curves, _CURVES),
        'keys': {m.key: repr(result.numbers[m.key]) for m in metrics if m.key in result.numbers},
        'main': [
            (m.label, f'{result.numbers[m.key]:{m.digits}}')
            for m in metrics[:2]
            if m.key in result.numbers
        ],
        'numbers': {key.replace('_', ' '): f'{value:.5g}' for key, value in result.numbers.items()},
    }


def _start(event: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the start of a process, from its line in the manifest."""
    moment = datetime.fromtimestamp(float(event['time']), timezone.utc)
    versions = event.get('versions')
    known = versions.items() if isinstance(versions, Mapping) else ()
    return {
        'time': f'{moment:%Y-%m-%d %H:%M} UTC',
        'host': event.get('host', ''),
        'process': f'{event.get("rank", 0)} (of {event.get("world_size", 1)})',
        'left': event.get('left', ''),
        'versions': ', '.join(f'{name} {value}' for name, value in known) or 'not recorded',
    }


def _open_png(data: bytes | None) -> Image.Image | None:
    if data is None:
        return None
    try:
        return Image.open(io.BytesIO(data), formats=['PNG']).convert('RGB')
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _embed(picture: Image.Image, longest: int) -> str:
    """Return a picture as a ``data:`` URL in WebP, reduced to a longest side in pixels."""
    picture = picture.copy()
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, 'WEBP', quality=_QUALITY)
    return f'data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}'


def _shown(value: Any) -> Any:
    """Escape characters that reverse, hide or break text, such as those of a hostile name."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _block(text: str) -> Markup:
    """Escape a text line by line."""
    return Markup('\n').join(printable(line) for line in text.split('\n'))
