# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Strict, counted and safe loading of weights.

mmengine's own loader is non-strict: a checkpoint that fits nowhere leaves random weights behind.
Here every key is accounted for, and what does not fit is refused by name.
"""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from safetensors.torch import load_file
from torch import Tensor, nn

from ..io import local_path

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
_SHOWN = 3  # mismatches named in an error


def _download(url: str, hint: str) -> Path:
    name = Path(urlparse(url).path).name
    cached = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        print_log(f'Downloading {url} to {cached}', logger='current')
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


def read_checkpoint(source: str | Path, *, what: str = '') -> object:
    """Read all that a checkpoint file holds without running any code in it.

    Args:
        source (str | Path): Path or URL of a ``.safetensors`` file, or of a file written by
            ``torch.save``. Files from a URL are cached where torch.hub caches.
        what (str): 'generator' or 'encoder' names the tools' option when the file is not there.
            Defaults to ''.

    Returns:
        object: What was saved, usually a dict, with its tensors on the CPU.

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
    try:
        if path.suffix == '.safetensors':
            return load_file(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as e:  # damaged files raise nearly anything
        # torch's own text is left out: it explains at length how to load without the check.
        held = re.search(r'GLOBAL (\S+)', str(e)) if isinstance(e, UnpicklingError) else None
        if held:
            raise ValueError(
                f'{path} is refused: it holds {held.group(1)}, and what is neither a tensor nor '
                f'plain data could run code when loaded. Give a file with the state dict alone.'
            ) from e
        raise ValueError(
            f'{path} is not a readable checkpoint: it is empty, damaged or another kind of file '
            f'({type(e).__name__}).'
        ) from e


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
    tensors = (
        {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if isinstance(content, dict)
        else {}
    )
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
        ValueError: If a key is missing, left over or of another shape, or a value is not finite;
            the message names the first ones.
    """
    given, prefix = select_part(read_state_dict(source, what=what), prefixes)
    wanted = module.state_dict()
    missing = [k for k in wanted if k not in given]
    unexpected = [k for k in given if k not in wanted]
    shapes = [
        f'{k} is {tuple(given[k].shape)} instead of {tuple(v.shape)}'
        for k, v in wanted.items()
        if k in given and given[k].shape != v.shape
    ]
    if missing or unexpected or shapes:
        matched = len(wanted) - len(missing) - len(shapes)
        parts = [f'{matched} of {len(wanted)} tensors match']
        for label, names in (
            ('other shape', shapes),
            ('missing', missing),
            ('unexpected', unexpected),
        ):
            if names:
                more = ', …' if len(names) > _SHOWN else ''
                parts.append(f'{label} ({len(names)}): ' + ', '.join(names[:_SHOWN]) + more)
        raise ValueError(
            f'{source} does not fit this {what}: {"; ".join(parts)}. Give the checkpoint that '
            f'belongs to the configured architecture.'
        )
    bad = [k for k, v in given.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise ValueError(f'{source} holds values that are not finite, first in {bad[0]}.')
    module.load_state_dict(given)
    under = f' under "{prefix}"' if prefix else ''
    print_log(f'Loaded all {len(wanted)} tensors of the {what} from {source}{under}', 'current')
    return len(wanted)
