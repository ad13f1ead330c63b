# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Configs by path, or by the name of a shipped one; none is imported."""

from __future__ import annotations

import difflib
import importlib.util
import os
from pathlib import Path

DOMAIN_VARIABLE = 'BDINVERT_DOMAIN'  # what the configs of baselines/ take their base from


def config_folder() -> Path:
    """Return the folder of the configs, in a wheel's ``.mim`` or beside the package."""
    package = Path(importlib.util.find_spec('mmgen_bdinvert').origin).parent
    folders = (package / '.mim/configs', package.parent / 'configs')
    return next((f for f in folders if f.is_dir()), folders[0])


def shipped_configs() -> dict[str, Path]:
    """List the shipped configs by name, such as ``'baselines/w_plus'``.

    Files and folders whose name starts with ``_`` are only bases of others, and are left out.
    """
    folder = config_folder()
    names = {
        path.relative_to(folder).with_suffix('').as_posix(): path for path in folder.rglob('*.py')
    }
    return {name: names[name] for name in sorted(names) if '/_' not in f'/{name}'}


def find_config(config: str | os.PathLike) -> Path:
    """Find a config file.

    Args:
        config (str | os.PathLike): A path, or else the name of a shipped config, such as
            ``'bdinvert_inv_toon64'`` or ``'baselines/w_plus'``.

    Returns:
        Path: The file.

    Raises:
        FileNotFoundError: There is neither.
    """
    path = Path(config)
    if path.is_file():
        return path
    shipped = shipped_configs()
    name = (path.with_suffix('') if path.suffix == '.py' else path).as_posix()
    if name in shipped:
        return shipped[name]
    close = difflib.get_close_matches(name, shipped, n=1)
    meant = f'did you mean {close[0]}? Else ' if close else ''
    some = '' if close or not shipped else f', such as {" or ".join(sorted(shipped)[:3])}'
    raise FileNotFoundError(
        f'There is no config {os.fspath(config)!r}: {meant}give a file, or the name of one that '
        f'is shipped{some}.'
    )


def set_domain(config: str | os.PathLike, domain: str | os.PathLike | None) -> None:
    """Let a config of ``baselines/`` invert into the generator of another config.

    Args:
        config (str | os.PathLike): A file, or the name of a shipped config.
        domain (str | os.PathLike | None): Likewise, of an inversion; None leaves the default.

    Raises:
        FileNotFoundError: There is no such config.
        ValueError: ``config`` names its own generator.
    """
    if domain is None:
        return
    if find_config(config).resolve().parent != (config_folder() / 'baselines').resolve():
        raise ValueError(
            f'--domain is for the configs baselines/…, but {os.fspath(config)} names its own '
            f'generator: leave it out.'
        )
    os.environ[DOMAIN_VARIABLE] = str(find_config(domain).resolve().with_suffix(''))
