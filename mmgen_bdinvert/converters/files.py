# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From a foreign file to one of this package."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..io import check_outputs, claim_outputs
from ..io.tensors import named_tensors, read_array
from ..models.checkpoint import read_checkpoint
from .bdinvert_encoder import convert_bdinvert_encoder
from .bdinvert_pnorm import PNORM_ARRAYS, convert_bdinvert_pnorm
from .conversion import Conversion
from .genforce import convert_genforce
from .mmgen_checkpoint import convert_mmgen
from .nvidia import convert_nvidia
from .restricted_pickle import read_network_pickle
from .rosinality import convert_rosinality

__all__ = ['FORMATS', 'Format', 'convert_file']

_TORCH_LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'  # torch's magic number, pickled
_PICKLE = b'\x80'


@dataclass(frozen=True)
class Format:
    """A foreign format.

    Args:
        title (str): What its files are, with the article.
        parts (tuple[str, ...]): Where the wanted tensors may stand in a file, as ``a.b``, the best
            first; '' is the file itself.
        recognises (Callable): Whether a part of a file is one of this format.
        convert (Callable): Turns the part into a :class:`Conversion`.
        beside (Mapping[str, str]): What else a file may hold, by its first name, and what it is.
    """

    title: str
    parts: tuple[str, ...]
    recognises: Callable[[Mapping], bool]
    convert: Callable[..., Conversion]
    beside: Mapping[str, str] = field(default_factory=dict)

    def find(self, content: Mapping) -> tuple[str, Mapping] | None:
        """Find the wanted part of a file and its name; None if the file is of another format."""
        for name in self.parts:
            part: object = content
            for key in filter(None, name.split('.')):
                part = part.get(key) if isinstance(part, Mapping) else None
            if isinstance(part, Mapping) and self.recognises(part):
                return name, part
        return None


def _has(*names: str) -> Callable[[Mapping], bool]:
    return lambda part: all(name in part for name in names)


def _is_mmgen(part: Mapping) -> bool:
    ends = ('constant_input.input', 'convs.0.conv1.input')
    return any(str(name).endswith(ends) for name in part)


_TRAINING = {
    'optimizers': 'the state of an optimiser',
    'learning_rates': 'the state of a schedule',
    'running_metadata': 'the state of a training',
}
FORMATS = {
    'genforce': Format(
        title='a StyleGAN2 generator of GenForce',
        parts=('generator_smooth', 'models.generator_smooth', 'generator', 'models.generator', ''),
        recognises=_has('synthesis.early_layer.const'),
        convert=convert_genforce,
        beside={
            'generator': 'the generator before averaging',
            'discriminator': 'the discriminator',
            'models': 'another network',
            **_TRAINING,
        },
    ),
    'rosinality': Format(
        title="a StyleGAN2 checkpoint of rosinality's stylegan2-pytorch",
        parts=('g_ema', 'g', ''),
        recognises=_has('input.input', 'conv1.conv.weight'),
        convert=convert_rosinality,
        beside={
            'g': 'the generator before averaging',
            'd': 'the discriminator',
            'g_optim': 'the state of an optimiser',
            'd_optim': 'the state of an optimiser',
            'latent_avg': 'the mean w, which is measured anew from the mapping network',
            'ada_aug_p': 'the probability of augmentation',
        },
    ),
    'nvidia': Format(
        title="a StyleGAN2 pickle of NVIDIA's PyTorch repositories",
        parts=('G_ema', 'G', ''),
        recognises=_has('synthesis.b4.const'),
        convert=convert_nvidia,
        beside={
            'G': 'the generator before averaging',
            'D': 'the discriminator',
            'augment_pipe': 'the augmentation',
        },
    ),
    'mmgen': Format(
        title='a StyleGAN1 or StyleGAN2 checkpoint of mmgen',
        parts=('state_dict', ''),
        recognises=_is_mmgen,
        convert=convert_mmgen,
        beside={
            'meta': 'the record of a training',
            'message_hub': 'the record of a training',
            'optimizer': 'the state of an optimiser',
            'param_schedulers': 'the state of a schedule',
        },
    ),
    'bdinvert-encoder': Format(
        title="a base-code encoder of BDInvert's authors",
        parts=('encoder', ''),
        recognises=_has('model.0.weight', 'model.33.weight'),
        convert=convert_bdinvert_encoder,
        beside={
            'optimizer': 'the state of an optimiser',
            'scheduler': 'the state of a schedule',
        },
    ),
    'bdinvert-pnorm': Format(
        title="a folder of P-norm+ statistics of BDInvert's authors",
        parts=('',),
        recognises=_has(*PNORM_ARRAYS),
        convert=convert_bdinvert_pnorm,
    ),
}


def convert_file(
    source: str | Path, out: str | Path, format: str, *, base_size: int | None = None
) -> Conversion:
    """Convert a foreign file and save the result; no code in the file is run.

    Args:
        source (str | Path): A file, or for 'bdinvert-pnorm' a folder.
        out (str | Path): The ``.safetensors`` file to write.
        format (str): One of ``FORMATS``.
        base_size (int | None): Side of the base codes of a 'bdinvert-encoder', 16 if None. Other
            formats take none. Defaults to None.

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
    if Path(out).suffix != '.safetensors':
        raise ValueError(f'A conversion is saved as .safetensors, but got {out}.')
    check_outputs([out], 'convert', [source])
    content = _read(source)
    found = FORMATS[format].find(content)
    if found is None:
        raise ValueError(_explain(source, format, content))
    options = {} if base_size is None else dict(base_size=base_size)
    try:
        beside = _account(content, found[0], FORMATS[format])
        conversion = FORMATS[format].convert(found[1], **options)
    except ValueError as error:
        raise ValueError(f'{source} cannot be converted from {format}: {error}') from error
    prefix = f'{found[0]}.' if found[0] else ''
    inside = {f'{prefix}{name}': reason for name, reason in conversion.set_aside.items()}
    origin = dict(source_format=format, source_name=source.name, source_sha256=_sha256(source))
    conversion = dataclasses.replace(
        conversion, facts={**conversion.facts, **origin}, set_aside={**inside, **beside}
    )
    claim_outputs([out], 'convert')
    conversion.save(out)
    return conversion


def _read(source: Path) -> Mapping:
    """Read whatever stands in a file or folder as nested dicts."""
    if source.is_dir():
        return _read_arrays(source)
    if not source.is_file():
        raise FileNotFoundError(f'There is no file {source}: check the path.')
    if source.suffix != '.safetensors':
        with source.open('rb') as file:
            start = file.read(len(_TORCH_LEGACY))
        if start.startswith(_PICKLE) and start != _TORCH_LEGACY:
            return read_network_pickle(source)
    # rosinality's checkpoints hold the arguments of their training, a plain record.
    content = read_checkpoint(source, safe_globals=[argparse.Namespace])
    if not isinstance(content, Mapping):
        raise ValueError(f'{source} holds no tensors by name, but a {type(content).__name__}.')
    return content


def _read_arrays(folder: Path) -> dict[str, Tensor]:
    missing = [f'{name}.npy' for name in PNORM_ARRAYS if not (folder / f'{name}.npy').is_file()]
    if missing:
        raise FileNotFoundError(
            f'A folder of P-norm+ statistics holds {", ".join(f"{n}.npy" for n in PNORM_ARRAYS)}, '
            f'but {folder} has no {", ".join(missing)}.'
        )
    return {name: read_array(folder / f'{name}.npy') for name in PNORM_ARRAYS}


def _account(content: Mapping, part: str, format: Format) -> dict[str, str]:
    """Give every tensor outside the converted part its reason, or refuse it by name."""
    reasons = {}
    for name, _ in named_tensors(content) if part else ():
        if name.startswith(f'{part}.'):
            continue
        reason = format.beside.get(name.split('.')[0])
        if reason is None:
            raise ValueError(f'the tensor {name} beside {part} is not known to this format.')
        reasons[name] = reason
    return reasons


def _explain(source: Path, chosen: str, content: Mapping) -> str:
    text = f'{source} is not {FORMATS[chosen].title}'
    for name, format in FORMATS.items():
        if format.find(content) is not None:
            return f'{text}: it looks like {format.title}, so try --from {name}.'
    parts = [part for part in content.values() if isinstance(part, Mapping)]
    if any('synthesis.input.freqs' in part for part in parts):
        return f'{text}: it is a StyleGAN3, and only StyleGAN1 and StyleGAN2 are inverted here.'
    first = ', '.join(str(name) for name in list(content)[:3]) or 'nothing'
    return f'{text}, nor any other format that is known here: it holds {first}.'


def _sha256(source: Path) -> str:
    """Digest a file, or the arrays of a folder one after the other."""
    files = [source / f'{name}.npy' for name in PNORM_ARRAYS] if source.is_dir() else [source]
    digest = hashlib.sha256()
    for path in files:
        with path.open('rb') as file:
            for block in iter(lambda: file.read(1 << 20), b''):
                digest.update(block)
    return digest.hexdigest()
