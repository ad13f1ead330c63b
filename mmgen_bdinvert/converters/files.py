# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From a foreign file to one of this package."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from bdinvert_cli.options import FORMATS as TITLES

from ..io import check_outputs, claim_outputs, file_digest
from ..io.tensors import shown_name
from ..models.foreign import MARKERS, STYLEGAN3
from .authors import PNORM_ARRAYS, convert_bdinvert_encoder, convert_bdinvert_pnorm
from .contents import BESIDE, read_contents
from .conversion import Conversion
from .generator_layout import convert_mmgen
from .genforce_stylegan1 import STYLEGAN1_CONSTANT, convert_genforce_stylegan1
from .layouts import LAYOUTS, convert_stylegan2

__all__ = ['FORMATS', 'Format', 'convert_file']


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Args:
        title (str): What its files are, with the article.
        markers (tuple[str, ...]): Names of tensors, one of which every file has.
        convert (Callable): Turns a part of a file into a :class:`Conversion`.
    """

    title: str
    markers: tuple[str, ...]
    convert: Callable[..., Conversion]

    def prefixes(self, names: Mapping[str, Any]) -> list[str]:
        """Find what stands in front of the names of this format, averaged weights first."""
        ends = [
            name[: -len(marker)]
            for name in names
            for marker in self.markers
            if name == marker or name.endswith(f'.{marker}')
        ]
        return sorted(dict.fromkeys(ends), key=lambda p: (not re.search('ema|smooth', p), len(p)))


def _convert_genforce(source: Mapping) -> Conversion:
    """Convert a StyleGAN1 or a StyleGAN2."""
    if STYLEGAN1_CONSTANT in source:
        return convert_genforce_stylegan1(source)
    return convert_stylegan2(source, LAYOUTS['genforce'])


_CONVERTERS: dict[str, Callable[..., Conversion]] = {
    **{name: functools.partial(convert_stylegan2, layout=one) for name, one in LAYOUTS.items()},
    'genforce': _convert_genforce,
    'mmgen': convert_mmgen,
    'bdinvert-encoder': convert_bdinvert_encoder,
    'bdinvert-pnorm': convert_bdinvert_pnorm,
}
FORMATS = {name: Format(TITLES[name], MARKERS[name], _CONVERTERS[name]) for name in TITLES}


def convert_file(
    source: str | Path,
    out: str | Path,
    format: str,
    *,
    base_size: int | None = None,
    label: int | None = None,
) -> Conversion:
    """Convert a foreign file and save the result; no code in the file is run.

    Args:
        source (str | Path): A file, or for 'bdinvert-pnorm' a folder.
        out (str | Path): The ``.safetensors`` file to write.
        format (str): One of ``FORMATS``.
        base_size (int | None): Side of the base codes of a 'bdinvert-encoder', 16 if None. Other
            formats take none. Defaults to None.
        label (int | None): Class of a conditional generator of 'nvidia', which is fixed in the
            result: 0 for the first. Defaults to None.

    Returns:
        Conversion: What was written, and where each tensor of the source went.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another format, is incomplete, holds a tensor that this format
            does not know, or more than tensors and plain data.
        ForeignFileError: ``out`` is there, and no earlier conversion made it.
        OutputError: ``out`` cannot be written.
    """
    source = Path(source)
    if format not in FORMATS:
        raise ValueError(f'The formats are {", ".join(FORMATS)}, but got {format!r}.')
    if base_size is not None and format != 'bdinvert-encoder':
        raise ValueError(f'base_size belongs to bdinvert-encoder, but the format is {format}.')
    if label is not None and format != 'nvidia':
        raise ValueError(f'label belongs to nvidia, but the format is {format}.')
    if Path(out).suffix != '.safetensors':
        raise ValueError(f'A conversion is saved as .safetensors, but got {out}.')
    check_outputs([out], 'convert', [source])
    content = read_contents(source)
    prefixes = FORMATS[format].prefixes(content)
    if not prefixes:
        raise ValueError(_explain(source, format, content))
    prefix, *others = prefixes
    part = {name[len(prefix) :]: v for name, v in content.items() if name.startswith(prefix)}
    options = dict(base_size=base_size, label=label)
    options = {name: value for name, value in options.items() if value is not None}
    try:
        beside = _account(content, prefix, others)
        conversion = FORMATS[format].convert(part, **options)
    except ValueError as error:
        raise ValueError(f'{source} cannot be converted from {format}: {error}') from error
    inside = {f'{prefix}{name}': reason for name, reason in conversion.set_aside.items()}
    files = [source / f'{name}.npy' for name in PNORM_ARRAYS] if source.is_dir() else [source]
    origin = dict(source_format=format, source_name=source.name, source_sha256=file_digest(*files))
    conversion = dataclasses.replace(
        conversion, facts={**conversion.facts, **origin}, set_aside={**inside, **beside}
    )
    claim_outputs([out], 'convert')
    conversion.save(out)
    return conversion


def _account(content: Mapping, prefix: str, others: Sequence[str]) -> dict[str, str]:
    """Give every tensor outside the converted part its reason, or refuse it by name."""
    reasons = {}
    for name, value in content.items():
        if name.startswith(prefix) or not isinstance(value, Tensor):
            continue
        part = name.removeprefix('state_dict.').split('.')[0]
        found = [reason for pattern, reason in BESIDE.items() if re.fullmatch(pattern, part)]
        if any(name.startswith(other) for other in others):
            found = ['the generator before averaging']
        if not found:
            raise ValueError(
                f'the tensor {shown_name(name)} beside {prefix.rstrip(".")} is not known to this '
                f'format.'
            )
        reasons[name] = found[0]
    return reasons


def _explain(source: Path, chosen: str, content: Mapping) -> str:
    text = f'{source} is not {FORMATS[chosen].title}'
    for name, format in FORMATS.items():
        if format.prefixes(content):
            return f'{text}: it looks like {format.title}, so try --from {name}.'
    if any(name.endswith('synthesis.input.freqs') for name in content):
        return f'{text}: {STYLEGAN3}.'
    if any(name.endswith('.latent') for name in content):
        return f'{text}: it holds codes, so try --from codes.'
    first = ', '.join(shown_name(name) for name in list(content)[:3]) or 'nothing'
    return f'{text}, nor any other format that is known here: it holds {first}.'
