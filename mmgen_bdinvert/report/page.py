# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The page: what it shows is gathered here, how it looks is in ``assets/report``."""

from __future__ import annotations

import base64
import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bdinvert_cli.text import printable

from ..io import (
    atomic_write,
    check_outputs,
    claim_outputs,
    ensure_writable_folder,
    local_path,
)
from ..jobs.adoption import adopt_results
from ..jobs.folder import flat_settings, recorded_settings
from ..jobs.manifest import read_events
from ..jobs.results import CONFIG_FILE
from ..models.verdict import VERDICTS
from ..version import __version__
from .figures import figures_of
from .pictures import embed, open_png
from .results import METRICS, Metric, Result, ResultFolder

__all__ = ['PAGE', 'write_page']

PAGE = 'report.html'
_MAKER = 'report'
_SIDE = 256  # of a thumbnail, in pixels
_SHEET = 1200  # of a comparison, which has several pictures in a row
_CURVES = 720
_LINES = 200  # of failures and of processes that are listed


def write_page(
    folder: str | os.PathLike,
    path: str | os.PathLike | None = None,
    *,
    max_images: int = 200,
    on_note: Callable[[str], object] | None = None,
) -> Path:
    """Write one HTML page about an output folder, with everything that it shows inside.

    The page has the images as a contact sheet, the worst first, each with a wipe between original
    and reconstruction, its loss curves and its figures; medians and histograms of all images; what
    failed and why; settings and versions. Of an output folder of ``tools/edit.py`` it has the
    comparisons.

    Args:
        folder (str | os.PathLike): Output folder of :func:`mmgen_bdinvert.apis.invert_files`,
            packed or not, or of :func:`mmgen_bdinvert.apis.edit_files`. The originals are read
            from where they were; where one is gone, the comparison of the run takes its place.
        path (str | os.PathLike | None): The page. Defaults to ``report.html`` in ``folder``.
        max_images (int): The most images with pictures, the worst; 30 to 60 kB each. Defaults to
            200.
        on_note (Callable | None): Called with sentences on what in the folder is damaged: the page
            shows the rest. Defaults to None.

    Returns:
        Path: The page.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no results, or ``max_images`` is below 0.
        ForeignFileError: ``path`` is there, and no earlier report.
        OutputError: The page cannot be written.
    """
    if not isinstance(max_images, int) or max_images < 0:
        raise ValueError(f'max_images is a whole number of 0 or more, but got {max_images!r}.')
    found = ResultFolder(folder, on_note)
    path = found.folder / PAGE if path is None else Path(path)
    if path.parent.resolve() == found.folder.resolve():
        adopt_results(found.folder)
    check_outputs([path], _MAKER)
    seen = [result for result in found.results if result.status != 'failed']
    metrics = [m for m in METRICS if any(m.key in r.numbers for r in seen)]
    shown = _worst_first(seen, metrics)[:max_images]
    assets = local_path('asset://report/page.html').parent
    environment = Environment(
        loader=FileSystemLoader(assets),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (assets / 'page.js').read_text('utf-8').strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    starts = sorted(read_events(folder, 'start'), key=lambda event: event['time'])
    refused = [result for result in found.results if result.reason]
    stream = environment.get_template('page.html').stream(
        title=f'{"Inversion" if found.inverted else "Edits"}: {found.folder.resolve().name}',
        inverted=found.inverted,
        counts=_counts(found.results),
        metrics=metrics,
        figures=[
            figures_of(m, [r.numbers[m.key] for r in seen if m.key in r.numbers]) for m in metrics
        ],
        cards=(_card(found, result, metrics) for result in shown),
        shown=len(shown),
        left_out=len(seen) - len(shown),
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


def _worst_first(results: Sequence[Result], metrics: Sequence[Metric]) -> list[Result]:
    """Sort by the first metric there is; what has none goes first, and keeps its order."""
    if not metrics:
        return list(results)

    def badness(result: Result) -> float:
        value = result.numbers.get(metrics[0].key)
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
    """Gather what the page shows of one image."""
    files = found.files(result)
    output = open_png(files.get('reconstruction.png'))
    original = open_png(found.original(result, output.width)) if output is not None else None
    pictures = {'original': original, 'reconstruction': output} if original is not None else {}
    sheet = None if pictures else open_png(files.get('comparison.png'))
    curves = open_png(files.get('losses.png'))
    return {
        'result': result,
        'pictures': {name: embed(picture, _SIDE) for name, picture in pictures.items()},
        'sheet': sheet and embed(sheet, _SHEET),
        'curves': curves and embed(curves, _CURVES),
        'keys': {m.key: repr(result.numbers[m.key]) for m in metrics if m.key in result.numbers},
        'main': [
            (m.label, f'{result.numbers[m.key]:{m.digits}}')
            for m in metrics[:2]
            if m.key in result.numbers
        ],
        'numbers': {key.replace('_', ' '): f'{value:.5g}' for key, value in result.numbers.items()},
    }


def _start(event: Mapping[str, Any]) -> dict[str, Any]:
    """Say in words what the manifest has about the start of a process."""
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


def _shown(value: Any) -> Any:
    """Show characters that turn, hide or break text, such as those of a hostile name."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _block(text: str) -> Markup:
    """Return a text of several lines, each of them printable."""
    return Markup('\n').join(printable(line) for line in text.split('\n'))
