# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Strict, counted and safe loading of weights.

mmengine's own loader is non-strict: a checkpoint that fits nowhere leaves random weights behind.
Here every key is accounted for, and what does not fit is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from bdinvert_cli.text import printable

from ..io import local_path
from ..io.tensors import floats, read_file, shown_name
from .state_dicts import fit_state

__all__ = [
    'ENCODER_PREFIXES',
    'GENERATOR_PREFIXES',
    'load_weights',
    'read_checkpoint',
    'read_state_dict',
    'select_part',
]

# mmgen 1.x, mmgen 0.x, a run without EMA, a wrapped module, a bare file.
GENERATOR_PREFIXES = ('generator_ema.module.', 'generator_ema.', 'generator.', 'module.', '')
ENCODER_PREFIXES = ('encoder.', '')


def _download(url: str, hint: str) -> Path:
    name = Path(urlparse(url).path).name
    cached = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        print_log(printable(f'Downloading {url} to {cached}'), logger='current')
        digest = torch.hub.HASH_REGEX.search(name)
        try:
            torch.hub.download_url_to_file(url, str(cached), digest.group(1) if digest else None)
        except (URLError, OSError, RuntimeError) as e:
            raise FileNotFoundError(
                f'The checkpoint {name} could not be downloaded from {url} ({e}): download it on a '
                f'machine with network access and give its local path as checkpoint=, or place it '
                f'at {cached}{hint}.'
            ) from e
    return cached


def read_checkpoint(source: str | Path, *, what: str = '', safe_globals: Sequence[Any] = ()) -> Any:
    """Read all that a checkpoint file holds without running any code in it.

    Args:
        source (str | Path): Path or URL of a ``.safetensors`` file, or of a file written by
            ``torch.save``. Files from a URL are cached where torch.hub caches.
        what (str): 'generator' or 'encoder' names the tools' option when the file is not there.
            Defaults to ''.
        safe_globals (Sequence): Further classes that this file may hold. Defaults to none.

    Returns:
        Any: What was saved, usually a dict, with its tensors on the CPU.

    Raises:
        FileNotFoundError: If there is no such file, or it cannot be downloaded.
        ValueError: If the file is not a checkpoint, or holds more than tensors and plain data.
    """
    is_url = urlparse(str(source)).scheme in ('http', 'https')
    option = f'--cfg-options model.{what}.checkpoint=PATH'
    hint = f' (in the tools: {option})' if what in ('generator', 'encoder') else ''
    path = _download(str(source), hint) if is_url else local_path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no checkpoint file {path}: check the path, or give another{hint}.'
        )
    return read_file(path, 'checkpoint', safe_globals=safe_globals)


def read_state_dict(source: str | Path, *, what: str = '') -> dict[str, Tensor]:
    """Read the tensors of a checkpoint without running any code in it.

    Args:
        source (str | Path): Path or URL of a ``.safetensors`` file, or of a file written by
            ``torch.save``: a state dict or a checkpoint with one under ``state_dict``. Files from
            a URL are cached where torch.hub caches.
        what (str): 'generator' or 'encoder' names the tools' option when the file is not there.
            Defaults to ''.

    Returns:
        dict[str, Tensor]: All tensors by name, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file, or it cannot be downloaded.
        ValueError: If the file is not a checkpoint, or holds more than tensors and plain data.
    """
    content = read_checkpoint(source, what=what)
    if isinstance(content, dict) and isinstance(content.get('state_dict'), dict):
        content = content['state_dict']
    tensors = {}
    for name, tensor in content.items() if isinstance(content, dict) else ():
        if isinstance(tensor, Tensor):
            if str(name) in tensors:
                raise ValueError(f'{source} holds two tensors called {shown_name(name)}.')
            tensors[str(name)] = tensor
    if not tensors:
        raise ValueError(f'{source} holds no state dict: no tensor was found in it.')
    return tensors


def select_part(
    tensors: dict[str, Tensor], prefixes: tuple[str, ...]
) -> tuple[dict[str, Tensor], str]:
    """Return the tensors under the first prefix that occurs, without it, and that prefix."""
    for prefix in prefixes:
        found = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        found.pop('steps', None)  # update counter of mmengine's averaged model
        if found:
            return found, prefix
    return {}, ''


def load_weights(
    module: nn.Module,
    source: str | Path,
    *,
    prefixes: tuple[str, ...] = GENERATOR_PREFIXES,
    what: str = 'generator',
) -> int:
    """Load a checkpoint into a module; every key must match in name and shape.

    The first prefix found in the file wins: mmgen 1.x (``generator_ema.module.*``), mmgen 0.x
    (``generator_ema.*``), or a bare file.

    Args:
        module (nn.Module): Receives the weights, in its own dtype.
        source (str | Path): Path or URL, see :func:`read_state_dict`.
        prefixes (tuple[str, ...]): Prefixes to look for, in this order.
        what (str): Name of the module in messages. Defaults to 'generator'.

    Returns:
        int: Number of tensors loaded.

    Raises:
        FileNotFoundError: If there is no such file, or it cannot be downloaded.
        ValueError: If a key is missing, left over, of another shape or another family of numbers,
            or a value is not finite; the message names the first ones.
    """
    given, prefix = select_part(read_state_dict(source, what=what), prefixes)
    wanted = module.state_dict()
    mean = None if 'w_avg' in wanted else given.pop('w_avg', None)  # stored beside the weights
    remedy = 'Give the checkpoint that belongs to the configured architecture.'
    given = fit_state(given, wanted, source, f'this {what}', remedy)
    module.load_state_dict(given)
    if mean is not None:
        module.w_avg = floats(mean, 'w_avg').flatten()
    under = f' under "{prefix}"' if prefix else ''
    text = f'Loaded all {len(wanted)} tensors of the {what} from {source}{under}'
    print_log(printable(text), 'current')
    return len(wanted)
