# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The config of a benchmark: methods, judges and edits."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from bdinvert_cli.configs import DOMAIN_VARIABLE
from mmgen_bdinvert.apis.config import config_folder, find_config, load_config
from mmgen_bdinvert.apis.inference import init_inverter
from mmgen_bdinvert.models.inverters.base_inverter import OptimizationInverter
from mmgen_bdinvert.models.state_dicts import update_digest
from projects.toon_faces import TOON_LABELS

__all__ = [
    'Edit',
    'Plan',
    'build_method',
    'read_plan',
    'resolution',
    'weights_digest',
]

_REQUIRED = ('domain', 'methods', 'reference', 'judges')


@dataclass(frozen=True)
class Edit:
    """An edit whose truth can be drawn.

    Args:
        name (str): Its name.
        direction (str): File of the direction.
        strengths (tuple[float, ...]): Factors that are tried; each method is shown at its best
            one.
        attribute (str): Attribute of the classifier that must change.
        values (tuple[str, ...]): Classes that count as done; a face that has one is not edited.
        options (dict): Options of :func:`~projects.toon_faces.draw_face` that draw the truth.
        layers (tuple[int, ...] | None): w+ layers that are edited. Defaults to all.
    """

    name: str
    direction: str
    strengths: tuple[float, ...]
    attribute: str
    values: tuple[str, ...]
    options: dict[str, Any]
    layers: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """A benchmark as its config describes it.

    Args:
        domain (Path): Inverter config of the generator; its 8×8 variant lies beside it.
        methods (dict[str, str]): Config in ``configs/baselines`` to the name that is shown.
        reference (str): The method that the others are compared with.
        judges (dict[str, dict]): Perceptual distances by the name that is shown. The first
            leads the page: a network that no method optimises.
        without_geometry (tuple[str, ...]): Methods that have no base code.
        free (tuple[str, ...]): Methods without any regulariser.
        num_steps (int | None): Steps of every optimisation. Defaults to those of the configs.
        settings (dict[str, dict]): Settings of single methods, as in their config's ``model``:
            such as another learning rate. Defaults to none.
        classifier (dict | None): Classifier that judges edits. Defaults to None.
        read (tuple[str, ...]): Attributes of which the share that it reads as drawn is shown one by
            one. Defaults to none.
        edits (tuple[Edit, ...]): Defaults to none.
    """

    domain: Path
    methods: dict[str, str]
    reference: str
    judges: dict[str, dict]
    without_geometry: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    num_steps: int | None = None
    settings: dict[str, dict] = field(default_factory=dict)
    classifier: dict | None = None
    read: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = field(default=())


def read_plan(path: str | os.PathLike) -> Plan:
    """Read a benchmark's config.

    Args:
        path (str | os.PathLike): A file, or the name of one in ``configs/benchmarks``.

    Returns:
        Plan: Its content, checked as far as possible without a generator.

    Raises:
        FileNotFoundError: There is no such file, or a method has no config.
        ValueError: It is no benchmark's config.
    """
    file = Path(path)
    if not file.is_file():
        file = config_folder() / 'benchmarks' / f'{file.stem}.py'
    if not file.is_file():
        known = sorted(p.stem for p in file.parent.glob('[!_]*.py'))
        raise FileNotFoundError(
            f'There is no benchmark {os.fspath(path)!r}: give a file, or one of {", ".join(known)}.'
        )
    try:
        cfg = Config.fromfile(file).to_dict()
    except Exception as e:  # a config is a program: anything may go wrong in it
        raise ValueError(f'{file} cannot be read as a config ({" ".join(str(e).split())}).') from e
    missing = [name for name in _REQUIRED if not cfg.get(name)]
    unknown = sorted(set(cfg) - set(Plan.__dataclass_fields__))
    if missing or unknown:
        raise ValueError(
            f'A benchmark has {", ".join(_REQUIRED)} and no unknown setting, but {file} lacks '
            f'{", ".join(missing) or "none"} and has {", ".join(unknown) or "nothing unknown"}.'
        )
    named = (*cfg.get('without_geometry', ()), *cfg.get('free', ()), *cfg.get('settings', ()))
    for name in (cfg['reference'], *named):
        if name not in cfg['methods']:
            raise ValueError(f'{file} names the method {name!r}, which is not among its methods.')
    for name in cfg.get('read', ()):
        if name not in TOON_LABELS:
            raise ValueError(
                f'{file} reads the attribute {name!r}, not one of {", ".join(TOON_LABELS)}.'
            )
    for name in cfg['methods']:
        method_config(name)
    cfg['domain'] = find_config(cfg['domain']).resolve()
    for name in ('without_geometry', 'free', 'read'):
        cfg[name] = tuple(cfg.get(name, ()))
    try:
        cfg['edits'] = tuple(_edit(**edit) for edit in cfg.get('edits', ()))
    except TypeError as e:
        raise ValueError(f'{file} has an edit that is not complete: {e}.') from e
    return Plan(**cfg)


def method_config(method: str) -> Path:
    """Return the config of a method.

    Raises:
        FileNotFoundError: There is none of that name.
    """
    file = config_folder() / 'baselines' / f'{method}.py'
    if not file.is_file():
        known = sorted(p.stem for p in file.parent.glob('[!_]*.py'))
        raise FileNotFoundError(f'There is no method {method!r}, only {", ".join(known)}.')
    return file


def build_method(
    plan: Plan, method: str, device: str | torch.device | None = None
) -> OptimizationInverter:
    """Build the inverter of a method in the benchmark's domain, with its number of steps.

    A method without optimisation stays without. Pivotal tuning keeps its own number of steps, after
    those of its pivot.

    Args:
        plan (Plan): The benchmark.
        method (str): One of its methods.
        device (str | torch.device | None): As for ``init_inverter``. Defaults to None.
    """
    before = os.environ.get(DOMAIN_VARIABLE)
    os.environ[DOMAIN_VARIABLE] = str(plan.domain.with_suffix(''))
    try:
        cfg = load_config(method_config(method))
    finally:
        if before is None:
            del os.environ[DOMAIN_VARIABLE]
        else:
            os.environ[DOMAIN_VARIABLE] = before
    cfg.merge_from_dict({'model': plan.settings.get(method, {})})
    model = cfg.model.get('pivot', cfg.model)
    if plan.num_steps is not None and model.get('num_steps'):
        model.num_steps = plan.num_steps
    return init_inverter(cfg, device=device)


def resolution(plan: Plan) -> int:
    """Return the side of the images of the benchmark's domain, in pixels."""
    return int(load_config(plan.domain).model.generator.generator.out_size)


def weights_digest(inverter: OptimizationInverter) -> str:
    """Return a digest of everything that an inverter's results depend on: settings and weights.

    Args:
        inverter (OptimizationInverter): From :func:`build_method`.

    Returns:
        str: SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256(stable_json(inverter.cfg.model.to_dict()).encode())
    digest.update(inverter.generator.fingerprint.encode())
    tensors = dict(inverter.state_dict())
    if inverter.statistics is not None:
        tensors.update(inverter.statistics.state_dict(prefix='statistics.'))
    update_digest(digest, tensors)
    return digest.hexdigest()


def stable_json(value: object) -> str:
    """Serialise plain data; equal data give equal text."""
    return json.dumps(value, sort_keys=True, default=str)


def _edit(**settings) -> Edit:
    """Build an edit of a config, whose lists may be single values."""
    for name in ('strengths', 'values', 'layers'):
        if settings.get(name) is not None:
            value = settings[name]
            settings[name] = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    edit = Edit(**settings)
    known = TOON_LABELS.get(edit.attribute, ())
    if not edit.values or not set(edit.values) <= set(known):
        raise ValueError(
            f'The edit {edit.name!r} needs values of an attribute that is drawn, of '
            f'{", ".join(TOON_LABELS)}, but got {edit.attribute}: {", ".join(edit.values)}.'
        )
    if not edit.strengths:
        raise ValueError(f'The edit {edit.name!r} needs one strength or more, but got none.')
    return edit
