# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Inversion of many image files into a folder of results."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..io import (
    FIT_MODES,
    OutputError,
    check_outputs,
    claim_folder,
    claim_outputs,
    ensure_writable_folder,
    find_sources,
    output_names,
    refuse_inputs,
)
from ..io.listing import real_path
from ..io.outputs import remove_leftovers
from ..io.tables import save_table
from ..models.inverters.base_inverter import OptimizationInverter, StepCallback
from ..photos import Look
from ..photos.in_photo import target_from_json, target_to_json
from ..photos.recent import RecentPhotos
from ..utils.numbers import checked_number
from ..utils.versions import versions_here
from .batch_inversion import BatchInversion
from .batch_size import fitting_batch
from .folder import SETTINGS_FILE, lock_file, locked_folder, remember_settings, settings_of
from .manifest import MAKER, MANIFEST, Manifest, latest_records, next_run
from .packed import SHARDS, cut_shards
from .photo_jobs import jobs_in_photos, window_columns
from .record import ImageOutcome
from .remaining import Job, images_left
from .report import save_report
from .results import CONFIG_FILE, RESULT_FILES, SUMMARY_FILES, save_config
from .workers import Workers, WorkQueue

__all__ = ['invert_files', 'plan_files']

_RESERVED = (
    CONFIG_FILE,
    MANIFEST,
    'report.html',
    SETTINGS_FILE,
    SHARDS,
    *SUMMARY_FILES,
    'vis_data',
)
_COLUMNS = ('name', 'status', 'psnr', 'mse', 'perceptual')
_LAST_COLUMNS = ('verdict', 'steps', 'stopped_at', 'setbacks', 'seconds', 'fit', 'reason', 'source')
_RUN = 'run'  # key of the run's number in the store of the processes


def plan_files(
    inputs: str | os.PathLike | Iterable[str | os.PathLike], out_dir: str | os.PathLike
) -> list[Job]:
    """List the images to invert and check that results can be written, before heavy work.

    Args:
        inputs (str | os.PathLike | Iterable): Images, folders, patterns, lists and tar archives, as
            for :func:`mmgen_bdinvert.io.find_sources`; results of an earlier run in ``out_dir``
            are left out.
        out_dir (str | os.PathLike): Folder for the results; it is made and marked, see
            :func:`mmgen_bdinvert.io.claim_folder`, which can also take one with other files.

    Returns:
        list[tuple[Path | TarMember, str]]: Images and the unique names of their results.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: An input is a folder without images, or nothing is left.
        ForeignFileError: ``out_dir`` has files that the package did not make, or an input is where
            a result would go.
        OutputError: ``out_dir`` cannot be written to.
    """
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    named = {os.path.realpath(item) for item in inputs}
    results = Path(os.path.realpath(out_dir))
    inside: dict[str, bool] = {}  # by folder
    sources = []
    for source in find_sources(inputs):
        folder = os.path.dirname(source)
        if folder not in inside:
            inside[folder] = results in Path(real_path(folder), 'x').parents
        if not inside[folder] or real_path(source) in named:
            sources.append(source)
    if not sources:
        raise ValueError(
            f'There is no image but the results in {os.fspath(out_dir)!r}: check the inputs.'
        )
    target = claim_folder(out_dir, MAKER)
    names = output_names(sources, reserved=_RESERVED)
    there = set(os.listdir(target))
    old = [target / name / file for name in names if name in there for file in RESULT_FILES]
    refuse_inputs(old, [*inputs, *sources])
    run_files = [target / name for name in (SETTINGS_FILE, *SUMMARY_FILES)]
    check_outputs(run_files, MAKER, [*inputs, *sources])
    return list(zip(sources, names))


def invert_files(
    inverter: OptimizationInverter,
    inputs: str | os.PathLike | Iterable[str | os.PathLike],
    out_dir: str | os.PathLike,
    *,
    fit: str = 'crop',
    look: Look | None = None,
    batch_size: int = 8,
    packed: bool = False,
    retry_failed: bool = False,
    restart: bool = False,
    workers: Workers | None = None,
    on_step: StepCallback | None = None,
    on_image: Callable[[ImageOutcome], object] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    on_note: Callable[[str], object] | None = None,
    check: Callable[[], object] | None = None,
) -> list[ImageOutcome]:
    """Invert image files; finished images are on disk, whatever happens next.

    Each image gets ``code.safetensors``, ``reconstruction.png``, ``comparison.png``, ``losses.png``
    and ``metrics.json`` in ``<out_dir>/<name>/`` as soon as its batch is done, and a line in the
    manifest; without steps, neither comparison nor losses. The run gets ``config.py``,
    ``summary.csv``, ``report.md`` (worst images first) and ``contact_sheet.png`` (of the first
    process), after an interruption too. An image that cannot be read, inverted or saved is
    recorded, and the others go on; only a full or broken disk ends the run. Another call continues
    where this one ended, and repeats what is damaged or has changed.

    Args:
        inverter (OptimizationInverter): From :func:`mmgen_bdinvert.apis.init_inverter`.
        inputs (str | os.PathLike | Iterable): As for :func:`plan_files`.
        out_dir (str | os.PathLike): As for :func:`plan_files`.
        fit (str): As for :func:`mmgen_bdinvert.apis.invert`. Defaults to 'crop'.
        look (Look | None): Where to look in photos, of which each window has results of its own;
            ``fit`` is of no use then. Defaults to None: all of an image is taken.
        batch_size (int): Images at a time, at most: fewer if memory does not suffice. Defaults to
            8.
        packed (bool): Whether the results go into tar shards, see
            :func:`mmgen_bdinvert.jobs.packed.read_packed`, instead of folders. Defaults to False.
        retry_failed (bool): Whether to try again what earlier runs did not invert, or stopped.
            Defaults to False.
        restart (bool): Whether to invert all images anew, even with other settings. Defaults to
            False.
        workers (Workers | None): The processes that share the images. Defaults to this one alone.
        on_step (Callable | None): As ``callback`` of :func:`mmgen_bdinvert.apis.invert`.
        on_image (Callable | None): Called with every :class:`ImageOutcome` of this process.
        on_progress (Callable | None): Called with the numbers of finished and of all images that no
            earlier run had finished, over all processes.
        on_note (Callable | None): Called with sentences on what is repeated, and why.
        check (Callable | None): Called between steps and images: what it raises ends the run, with
            its files written.

    Returns:
        list[ImageOutcome]: One for each image, those of earlier runs too; nothing in processes
        other than the first.

    Raises:
        FileNotFoundError: As :func:`plan_files`.
        ValueError: As :func:`plan_files`, or an argument is wrong, or ``out_dir`` has results of
            other settings.
        OutputError: Another run writes to ``out_dir``, or it cannot be written to.

    Example:
        >>> outcomes = invert_files(inverter, ['photo.png'], 'results')
        >>> outcomes[0].name, outcomes[0].status
        ('photo', 'done')
    """
    checked_number('batch_size', batch_size, least=1, whole=True)
    if fit not in FIT_MODES:
        raise ValueError(f'fit must be one of {", ".join(FIT_MODES)}, but got {fit!r}.')
    workers, check = workers or Workers(), check or (lambda: None)
    queue, recent = WorkQueue(workers), RecentPhotos()
    with contextlib.ExitStack() as stack:
        jobs: Sequence[Job] = []
        if workers.rank == 0:
            try:
                jobs = plan_files(inputs, out_dir)
                _claim_run(out_dir, workers.size)
                stack.enter_context(locked_folder(out_dir))
                remove_leftovers(out_dir)
                seen = {} if look is None else look.settings()
                settings = settings_of(inverter, fit=fit, packed=packed, **seen)
                remember_settings(out_dir, settings, restart)
                if look is not None:
                    jobs = jobs_in_photos(jobs, look, out_dir, check, on_note, recent)
                left = images_left(
                    jobs, out_dir, packed=packed, retry_failed=retry_failed, on_note=on_note
                )
                cut_shards(out_dir)
                save_config(out_dir, inverter, MAKER)
                workers.store.set(_RUN, str(next_run(out_dir)))
            except BaseException as error:
                queue.refuse(str(error))
                raise
            queue.publish([[target_to_json(source), name] for source, name in left])
        count = queue.open(check)
        if workers.rank > 0:
            stack.enter_context(locked_folder(out_dir, workers.rank))
        run_number = int(workers.store.get(_RUN))
        manifest = stack.enter_context(Manifest(out_dir, workers.rank, run_number))
        here = {'host': socket.gethostname(), 'pid': os.getpid(), 'versions': versions_here()}
        manifest.add('start', rank=workers.rank, world_size=workers.size, left=count, **here)

        def report_progress(number: int = 0) -> None:
            finished = queue.count_finished(number)
            if on_progress is not None:
                on_progress(finished, count)

        def on_outcome(outcome: ImageOutcome) -> None:
            if on_image is not None:
                on_image(outcome)
            report_progress(1)

        def while_waiting() -> None:
            check()
            report_progress()

        run = BatchInversion(inverter, out_dir, fit, manifest, packed, on_step, on_outcome, check)
        report_progress()
        began, interrupted = time.monotonic(), True
        try:
            for batch in run.batches(_taken(queue), fitting_batch(inverter, batch_size), recent):
                run.invert_fitting(batch)
            workers.leave(while_waiting)
            interrupted = False
        finally:
            # After an error such as a full disk, the first error is raised, not one that follows.
            with contextlib.suppress(*(OutputError,) if interrupted else ()):
                run.close()
                seconds = round(time.monotonic() - began, 3)
                manifest.add('end', inverted=run.count, seconds=seconds, interrupted=interrupted)
                if workers.rank == 0:
                    outcomes = _outcomes(jobs, out_dir)
                    _save_summary(out_dir, inverter, outcomes)
                    run.sheet.save(Path(out_dir, 'contact_sheet.png'))
    if workers.rank > 0:
        return []
    if len(outcomes) < len(jobs):  # a process died, and its launcher did not notice
        raise OutputError(
            f'{len(jobs) - len(outcomes)} of {len(jobs)} images have no result in '
            f'{os.fspath(out_dir)!r}; run the same command again'
        )
    return outcomes


def _claim_run(out_dir: str | os.PathLike, processes: int) -> None:
    """Claim the files of all processes, before one of them opens a file."""
    folder = ensure_writable_folder(Path(out_dir, MANIFEST)).parent
    ranks = range(processes)
    locks = [folder / lock_file(rank) for rank in ranks]
    logs = [folder / MANIFEST / f'{rank}.jsonl' for rank in ranks]
    claim_outputs([folder / SETTINGS_FILE, *locks, *logs], MAKER)


def _taken(queue: WorkQueue) -> Iterator[Job]:
    while (job := queue.take()) is not None:
        yield target_from_json(job[0]), job[1]


def _outcomes(jobs: Sequence[Job], out_dir: str | os.PathLike) -> list[ImageOutcome]:
    records = latest_records(out_dir)
    return [
        ImageOutcome.of_record(records[name])
        for source, name in jobs
        if name in records and records[name]['source'] == os.path.abspath(source)
    ]


def _save_summary(
    out_dir: str | os.PathLike, inverter: OptimizationInverter, outcomes: Sequence[ImageOutcome]
) -> None:
    claim_outputs([Path(out_dir, name) for name in SUMMARY_FILES], MAKER)
    losses = [f'loss_{name}' for name in (*inverter.losses, 'total')]
    columns = (*_COLUMNS, *losses, *window_columns(outcomes), *_LAST_COLUMNS)
    save_table(Path(out_dir, 'summary.csv'), (o.row() for o in outcomes), columns)
    save_report(Path(out_dir, 'report.md'), outcomes)
