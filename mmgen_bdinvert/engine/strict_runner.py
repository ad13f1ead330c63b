# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""mmengine's Runner with checked checkpoints, and processes without GPUs."""

from __future__ import annotations

import atexit
import functools
from pathlib import Path

import torch
from mmengine.device import get_device
from mmengine.dist import is_distributed, is_main_process, master_only
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint
from mmgen.registry import RUNNERS
from torch import nn

from bdinvert_cli.text import printable

from ..io.outputs import atomic_write, remove_leftovers, write_bytes
from ..io.ownership import check_outputs, claim_outputs
from ..io.stamps import input_digests
from ..models.checkpoint import load_weights, read_checkpoint
from .config import is_config

__all__ = ['MAKER', 'StrictRunner', 'latest_checkpoint']

MAKER = 'train'  # and test: they share a work dir
_CHECKPOINTS = ('iter_*.pth', 'epoch_*.pth', 'best_*.pth')
_INPUTS = 'inputs'  # key of a checkpoint's metadata


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def latest_checkpoint(work_dir: str) -> str | None:
    """Return the checkpoint to resume from, even if a kill left `last_checkpoint` empty or old."""
    named = Path(work_dir, 'last_checkpoint').is_file() and find_latest_checkpoint(work_dir)
    if named and Path(named).is_file():
        return named
    found = [path for kind in ('iter', 'epoch') for path in Path(work_dir).glob(f'{kind}_*.pth')]
    found = [path for path in found if path.is_file()]
    return str(max(found, key=lambda path: path.stat().st_mtime_ns)) if found else None


@RUNNERS.register_module()
class StrictRunner(Runner):
    """The Runner of ``tools/train.py`` and ``tools/test.py``.

    It differs from mmengine's in this:

    * A checkpoint that does not fit or belongs to another generator is refused; mmengine loads the
      tensors that fit. Only ``load_from`` of a model without an encoder, such as a GAN that starts
      from another's generator, is as lenient as in mmengine.
    * Checkpoints are written atomically; a killed training resumes from the latest one.
    * Checkpoints have digests of the weights and statistics that their config names; if one of
      those files has changed, a training does not resume.
    * Files in the work dir that no training or test of this package wrote are never replaced.
    * Without a GPU, ``launcher='pytorch'`` joins the processes over gloo.
    * A model with nothing to train, such as an inverter, is distributed without
      DistributedDataParallel, which would refuse it.
    """

    def setup_env(self, env_cfg: dict) -> None:
        if self.launcher == 'pytorch' and get_device() == 'cpu' and not is_distributed():
            torch.distributed.init_process_group('gloo')
            # At the end of the process, gloo's threads sometimes abort it.
            atexit.register(_leave_group)
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model):
        if self.distributed and model_wrapper_cfg is None and not is_model_wrapper(model):
            model = model.to(get_device())
            if not any(p.requires_grad for p in model.parameters()):
                return model
            if get_device() == 'cpu':
                return MMDistributedDataParallel(
                    module=model,
                    broadcast_buffers=False,
                    find_unused_parameters=self.cfg.get('find_unused_parameters', False),
                )
        return super().wrap_model(model_wrapper_cfg, model)

    @master_only
    def dump_config(self) -> None:
        """Write the config into the work dir, as mmengine does, unless it was read from there."""
        name = f'{self.timestamp}.py' if self.cfg.filename is None else self.cfg.filename
        path = Path(self.work_dir, Path(name).name)
        if not is_config(path, self.cfg):
            text = self.cfg.pretty_text
            claim_outputs([path], MAKER)
            write_bytes(path, text.encode())

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args, **kwargs) -> None:
        """Save a checkpoint as mmengine's Runner does, but atomically, with digests of its inputs.

        Raises:
            ForeignFileError: It exists, and no training of this package wrote it.
            OutputError: It cannot be written.
        """
        save = super().save_checkpoint
        kwargs['meta'] = {**(kwargs.get('meta') or {}), _INPUTS: self._inputs}
        if '://' in out_dir:
            save(out_dir, filename, *args, **kwargs)
            return
        Path(out_dir).mkdir(parents=True, exist_ok=True)
        claim_outputs([Path(out_dir, filename)], MAKER)
        atomic_write(
            Path(out_dir, filename),
            lambda temporary: save(str(temporary.parent), temporary.name, *args, **kwargs),
        )

    @functools.cached_property
    def _inputs(self) -> dict[str, str]:
        return input_digests(self.cfg.get('model'))

    def load_or_resume(self) -> None:
        """Load or resume as mmengine's Runner does; 'auto' is the latest complete checkpoint."""
        if self._has_loaded or not self._resume or self._load_from is not None:
            super().load_or_resume()
            return
        latest = latest_checkpoint(self.work_dir)
        start = printable(latest or 'the start: there is no checkpoint yet')
        self.logger.info(f'Resuming from {start}.')
        if latest is not None:
            self.resume(latest)

    def train(self) -> nn.Module:
        """Train, after removing incomplete files that a killed process left."""
        if is_main_process():
            for folder in (self.work_dir, Path(self.work_dir, 'vis')):
                remove_leftovers(folder)
            # Before the work, not at the first checkpoint.
            there = [path for kind in _CHECKPOINTS for path in Path(self.work_dir).glob(kind)]
            check_outputs([*there, Path(self.work_dir, 'last_checkpoint')], MAKER)
            _ = self._inputs  # now, as a file may change before the first checkpoint
        return super().train()

    def load_checkpoint(self, filename: str, *args, **kwargs) -> dict:
        """Load a checkpoint as mmengine's Runner does, after checking that it fits.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no checkpoint, does not fit or belongs to another generator; or, to
                resume, it has weights only, or a file that the config names has changed.
        """
        model = self.model.module if is_model_wrapper(self.model) else self.model
        if self._resume or hasattr(model, 'encoder'):
            load_weights(model, filename, prefixes=('module.', ''), what=type(model).__name__)
        elif Path(filename).is_file():
            read_checkpoint(filename)  # its errors are one sentence
        for encoder in ('encoder', 'detail_encoder'):
            if hasattr(model, encoder):
                getattr(model, encoder).check_generator(model.generator)
        checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        if self._resume and not {'meta', 'message_hub', 'optimizer'} <= set(checkpoint):
            raise ValueError(
                f'{filename} holds weights but no state of a training: resume from a checkpoint '
                f'of tools/train.py, or start anew from these weights with '
                f'--cfg-options load_from={filename}.'
            )
        known = checkpoint['meta'].get(_INPUTS, {}) if self._resume else {}
        changed = [name for name in known if self._inputs.get(name, known[name]) != known[name]]
        if changed:
            raise ValueError(
                f'The file {changed[0]} has changed since the training in {filename} read it: '
                f'bring it back, or train anew in another work dir.'
            )
        return checkpoint
