# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""mmengine's CheckpointHook, limited to files that a training of this package wrote."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmgen.registry import HOOKS

from ...io import ensure_writable_folder
from ...io.ownership import claim_outputs, made_in
from ..strict_runner import MAKER, StrictRunner

__all__ = ['OwnCheckpointHook']


class _OwnFiles:
    """A file backend that removes only what a training of this package wrote."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def isfile(self, path: str) -> bool:
        return self._backend.isfile(path) and ('://' in path or self._is_own(path))

    def isdir(self, path: str) -> bool:
        return False  # checkpoints are files here

    @staticmethod
    def _is_own(path: str) -> bool:
        place = Path(path)
        return not place.is_symlink() and place.name in made_in(place.parent, MAKER)


@HOOKS.register_module(name='CheckpointHook')  # takes the place of mmengine's in configs
class OwnCheckpointHook(CheckpointHook):
    """Keep the latest and the best checkpoints, and remove older ones, as mmengine's hook does.

    mmengine's overwrites ``last_checkpoint``, and removes any file with the name of an older
    checkpoint or that the resumed checkpoint names as the best. This one leaves files alone that no
    training of this package wrote.

    Raises:
        ForeignFileError: ``last_checkpoint`` exists, and no training of this package wrote it.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _OwnFiles(value) if name == 'file_backend' else value)

    def before_train(self, runner) -> None:
        if is_main_process():
            claim_outputs([Path(runner.work_dir, 'last_checkpoint')], MAKER)
        super().before_train(runner)
        if not isinstance(runner, StrictRunner):  # that one claims its checkpoints itself
            runner.save_checkpoint = functools.partial(_claim_and_save, runner.save_checkpoint)


def _claim_and_save(save: Callable, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
    if is_main_process() and '://' not in out_dir:
        claim_outputs([ensure_writable_folder(out_dir) / filename], MAKER)
    save(out_dir, filename, *args, **kwargs)
