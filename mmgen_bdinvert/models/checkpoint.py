# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Strict and safe loading of weights.

mmengine's own loader is not strict: a checkpoint that does not fit leaves random weights in place.
Here every key must match, and an error names those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from bdinvert_cli.catalogue import known_file
from bdinvert_cli.text import printable

from ..io import DownloadError, cache_folder, local_path
from ..io.download import download as download_file
from ..io.tensors import floats, read_file, shown_name
from .foreign import convert_line
from .state_dicts import fit_state

__all__ = [
    'DETAIL_PREFIXES',
    'ENCODER_PREFIXES',
    'GENERATOR_PREFIXES',
    'download',
    'load_weights',
    'local_checkpoint',
    'read_checkpoint',
    'read_state_dict',
    'select_part',
]

# mmgen 1.x, mmgen 0.x, a run without EMA, a wrapped module, a bare file.
GENERATOR_PREFIXES = ('generator_ema.module.', 'generator_ema.', 'generator.', 'module.', '')
ENCODER_PREFIXES = ('encoder.', '')
DETAIL_PREFIXES = ('detail_encoder.', '')


def download(url: str, remedy: str) -> Path:
    """Return a file from the cache folder, where it is downloaded once.

    Raises:
        DownloadError: It cannot be downloaded; the message says why, and the remedy.
    """
    name = Path(urlparse(url).path).name
    cached = cache_folder() / name
    if not cached.is_file():
        print_log(printable(f'Downloading {url} to {cached}'), logger='current')
        bundle, known = known_file(url) or ('', None)
        digest = torch.hub.HASH_REGEX.search(name)
        try:
            download_file(
                url,
                cached,
                size=known.size if known else None,
                sha256=known.sha256 if known else digest[1] if digest else '',
            )
        except DownloadError as error:
            fetch = f'fetch it with `bdinvert fetch {bundle}` once there is a network, or '
            raise DownloadError(
                f'{error}: {fetch if bundle else ""}{remedy}, or place it at {cached}.'
            ) from error
    return cached


def local_checkpoint(source: str | Path, what: str = '') -> Path:
    """Return the path of a checkpoint, which is downloaded if it is an address.

    Args:
        source (str | Path): Path or URL.
        what (str): As for :func:`read_checkpoint`. Defaults to ''.

    Raises:
        FileNotFoundError: It cannot be downloaded, or has not been fetched.
    """
    if urlparse(str(source)).scheme not in ('http', 'https'):
        return local_path(source)
    remedy = 'download it on a machine with network access and give its path as checkpoint='
    return download(str(source), f'{remedy}{_hint(what)}')


def _hint(what: str) -> str:
    option = f'--cfg-options model.{what}.checkpoint=PATH'
    return f' (in the tools: {option})' if what in ('generator', 'encoder') else ''


def read_checkpoint(source: str | Path, *, what: str = '', safe_globals: Sequence[Any] = ()) -> Any:
    """Read all that a checkpoint holds, onto the CPU, without running any code in it.

    Args:
        source (str | Path): Path or URL of a ``.safetensors`` file, or of one of ``torch.save``.
        what (str): With 'generator' or 'encoder', an error names the tools' option for a missing
            file. Defaults to ''.
        safe_globals (Sequence): Further classes that this file may hold. Defaults to none.

    Raises:
        FileNotFoundError: There is no such file, or it cannot be downloaded.
        ValueError: The file is not a checkpoint, or holds more than tensors and plain data.
    """
    path = local_checkpoint(source, what)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no checkpoint file {path}: check the path, or give another{_hint(what)}.'
        )
    return read_file(path, 'checkpoint', safe_globals=safe_globals)


def read_state_dict(source: str | Path, *, what: str = '') -> dict[str, Tensor]:
    """Read the tensors of a state dict, or of a checkpoint with one under ``state_dict``.

    Arguments and errors are those of :func:`read_checkpoint`; a file without tensors is a
    ValueError too.
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
    """Load a checkpoint into a module, in its own dtype; every key must match in name and shape.

    Args:
        module (nn.Module): Receives the weights.
        source (str | Path): Path or URL, see :func:`read_checkpoint`.
        prefixes (tuple[str, ...]): Prefixes of the keys; the first one found in the file is used.
        what (str): Name of the module in messages.

    Returns:
        int: Number of tensors loaded.

    Raises:
        FileNotFoundError: There is no such file, or it cannot be downloaded.
        ValueError: A key is missing or unexpected, has another shape or kind of numbers, or a value
            is not finite; the message names the first ones.
    """
    wanted = module.state_dict()
    remedy = 'Give the checkpoint that belongs to the configured architecture.'
    try:
        given, prefix = select_part(read_state_dict(source, what=what), prefixes)
        mean = None if 'w_avg' in wanted else given.pop('w_avg', None)  # stored beside the weights
        given = fit_state(given, wanted, source, f'this {what}', remedy)
    except ValueError as error:
        line = convert_line(local_checkpoint(source), what)
        if line:
            raise ValueError(line) from error
        raise
    module.load_state_dict(given)
    if mean is not None:
        module.w_avg = floats(mean, 'w_avg').flatten()
    under = f' under "{prefix}"' if prefix else ''
    text = f'Loaded all {len(wanted)} tensors of the {what} from {source}{under}'
    print_log(printable(text), 'current')
    return len(wanted)
