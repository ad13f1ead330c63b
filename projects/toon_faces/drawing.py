# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Toon faces: a labelled face domain that is drawn, not downloaded.

The avatars are *ToonHead* by Johan Melin (CC BY 4.0) as the DiceBear style ``toon-head``. They are
aligned like FFHQ; :func:`draw_face` can also move them, which gives out-of-range photos with an
exact ground truth. Everything follows from the seed string, so a drawing is the same everywhere.
"""

from __future__ import annotations

import functools
import io
import json
import zlib
from collections.abc import Iterable
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from mmgen_bdinvert.io import atomic_write, claim_folder, claim_outputs

__all__ = ['MOVES', 'cut_out', 'draw_face', 'draw_set', 'random_move', 'small_move']

BACKGROUNDS = ('b6e3f4', 'c0aede', 'd1d4f9', 'ffd5dc', 'ffdfbf', 'a3d9b1', 'f8f4a0', 'e8e6df')
MOVES = ('aligned', 'shifted', 'rotated', 'scaled', 'combined')
_MAKER = 'draw-toon-faces'
# Deviations of the four numbers of a small move: degrees, logarithm of the scale, sides.
SMALL_MOVES = {'rotate': 6.0, 'log_scale': 0.08, 'shift_x': 0.03, 'shift_y': 0.03}
_LABELS = ('skinColor', 'hairColor', 'clothesColor', 'backgroundColor')
_LABELS_FILE = 'labels.jsonl'
_SERIAL = 64  # sets up to this size are drawn in this process
_VARIANTS = ('hair', 'rearHair', 'beard', 'mouth', 'eyes', 'eyebrows', 'clothes')


@functools.lru_cache(maxsize=1)
def _drawing():
    """Return the avatar class, the style and the rasteriser of the extra ``toon``."""
    try:
        from dicebear import Avatar, Style
        from resvg_py import svg_to_bytes

        text = files('dicebear_styles').joinpath('toon-head.json').read_text('utf-8')
    except ImportError as e:
        raise ImportError(
            'Drawing toon faces needs dicebear-core, dicebear-styles and resvg-py: pip install '
            "'mmgen_bdinvert[toon]'."
        ) from e
    return Avatar, Style(json.loads(text)), svg_to_bytes


def _labels(options: dict) -> dict[str, str]:
    labels = {name: options.get(f'{name}Variant') or 'none' for name in _VARIANTS}
    labels.update({name: options[name][0].lstrip('#') for name in _LABELS})
    return labels


def draw_face(
    seed: str,
    size: int = 64,
    *,
    options: dict | None = None,
    transform: GeometricTransform | None = None,
) -> tuple[np.ndarray, dict[str, str]]:
    """Draw one face.

    Args:
        seed (str): Decides every feature; another seed is another face.
        size (int): Side of the image in pixels. Defaults to 64.
        options (dict | None): DiceBear options that override the seed, for example
            ``dict(mouthVariant='smile')``: the same face with another mouth. Defaults to None.
        transform (GeometricTransform | None): Moves the face out of alignment. The picture's edge
            is continued outwards (background above, body below), as if the camera had seen more.
            Defaults to None.

    Returns:
        tuple[np.ndarray, dict[str, str]]: RGB uint8 image of shape (size, size, 3), and the labels.

    Raises:
        ImportError: The drawing packages (extra ``toon``) are missing.
    """
    avatar_class, style, svg_to_bytes = _drawing()
    background = BACKGROUNDS[zlib.crc32(seed.encode()) % len(BACKGROUNDS)]
    avatar = avatar_class(
        style,
        {'seed': seed, 'size': size, 'backgroundColor': [background], **(options or {})},
    )
    labels = _labels(avatar.to_json()['options'])
    render = 2 * size if transform is None else 4 * size
    png = svg_to_bytes(
        svg_string=avatar.to_string(), width=render, height=render, skip_system_fonts=True
    )
    picture = Image.open(io.BytesIO(bytes(png))).convert('RGB')
    if transform is not None:
        # Hair may touch the upper edge: continue the background there, and the body below.
        picture.paste(f'#{labels["backgroundColor"]}', (0, 0, render, 1))
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()  # [1CHW]
        tensor = transform_image(tensor, transform, padding_mode='border')
        array = tensor[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()  # [HWC]
        picture = Image.fromarray(array)
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return np.array(picture), labels


def cut_out(seed: str, size: int, **options: object) -> Image.Image:
    """Draw one face without a background.

    Args:
        seed (str): As for :func:`draw_face`, which draws the same face.
        size (int): Side in pixels.
        **options: As ``options`` of it, with values that can be hashed.

    Returns:
        Image.Image: Mode ``'RGBA'``.

    Raises:
        ImportError: If the drawing packages (extra ``toon``) are missing.
    """
    avatar_class, style, svg_to_bytes = _drawing()
    given = {key: list(v) if isinstance(v, tuple) else v for key, v in options.items()}
    text = avatar_class(style, {'seed': seed, 'size': size, **given}).to_string()
    png = svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert('RGBA')


def random_move(kind: str, index: int, seed: int = 0) -> GeometricTransform | None:
    """Return the ``index``-th out-of-range transform of a kind.

    Shifts reach ±25 % of the side (at least one of the two is 10 % or more), rotations ±45° (at
    least 10°), scales 0.6–1.6 (outside 0.87–1.15).

    Args:
        kind (str): One of ``MOVES``; ``'aligned'`` gives None, ``'combined'`` all three at once.
        index (int): Number of the face.
        seed (int): Seed of the whole set. Defaults to 0.

    Returns:
        GeometricTransform | None: The transform.

    Raises:
        ValueError: ``kind`` is unknown.
    """
    if kind not in MOVES:
        raise ValueError(f'kind must be one of {MOVES}, but got {kind!r}.')
    if kind == 'aligned':
        return None
    rng = np.random.default_rng([seed, MOVES.index(kind), index])
    moves: dict = {}
    if kind in ('shifted', 'combined'):
        big = rng.uniform(0.10, 0.25) * rng.choice([-1, 1])
        pair = [float(big), float(rng.uniform(-0.25, 0.25))]
        moves['shift'] = tuple(pair if rng.random() < 0.5 else pair[::-1])
    if kind in ('rotated', 'combined'):
        moves['rotate'] = float(rng.uniform(10, 45) * rng.choice([-1, 1]))
    if kind in ('scaled', 'combined'):
        low, high = (0.6, 0.87) if rng.random() < 0.5 else (1.15, 1.6)
        moves['scale'] = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return GeometricTransform(**moves)


def small_move(index: int, seed: int = 0) -> GeometricTransform:
    """Return the ``index``-th motion of a face that is aligned as photos are: not to the pixel.

    Rotation, logarithm of the scale and both shifts are normal, with the deviations of
    ``SMALL_MOVES``.

    Args:
        index (int): Number of the face.
        seed (int): Seed of the whole set. Defaults to 0.

    Returns:
        GeometricTransform: The transform.
    """
    rng = np.random.default_rng([seed, len(MOVES), index])
    rotate, scale, *shift = (rng.standard_normal(4) * list(SMALL_MOVES.values())).tolist()
    return GeometricTransform(rotate=rotate, scale=float(np.exp(scale)), shift=tuple(shift))


def _move(kind: str, index: int) -> GeometricTransform | None:
    return small_move(index) if kind == 'small' else random_move(kind, index)


def _draw_to_file(task: tuple[str, str, int, dict | None]) -> dict:
    path, seed, size, move = task
    transform = None if move is None else GeometricTransform.from_dict(move)
    image, labels = draw_face(seed, size, transform=transform)
    Image.fromarray(image).save(path)
    return {'file': Path(path).name, 'seed': seed, 'move': move, **labels}


def _is_drawn(out_dir: Path, tasks: list[tuple]) -> bool:
    labels_file = out_dir / _LABELS_FILE  # written last: it says that the set is complete
    if not labels_file.is_file():
        return False
    try:
        rows = [json.loads(line) for line in labels_file.read_text().splitlines()]
        drawn = [(row['seed'], row['move']) for row in rows]
    except (ValueError, KeyError, TypeError):  # another file of labels
        return False
    if drawn != [(task[1], task[3]) for task in tasks]:
        return False
    if not tasks:
        return True
    path, _, size, _ = tasks[0]
    if not Path(path).is_file():
        return False
    with Image.open(path) as first:
        return first.size == (size, size)


def draw_set(
    out_dir: str | Path,
    seeds: Iterable[str],
    *,
    size: int = 64,
    move: str = 'aligned',
    workers: int = 2,
    progress=None,
) -> Path:
    """Draw a set of faces and ``labels.jsonl``; the same set, already complete, is kept.

    Args:
        out_dir (str | Path): Folder for ``<seed>.png`` and ``labels.jsonl``.
        seeds (Iterable[str]): One face each.
        size (int): Side in pixels. Defaults to 64.
        move (str): One of ``MOVES``, or 'small', see :func:`small_move`. Defaults to 'aligned'.
        workers (int): Processes. Defaults to 2.
        progress (Callable | None): Wraps the iterator of finished faces, e.g. ``tqdm``.

    Returns:
        Path: The folder.

    Raises:
        ForeignFileError: The folder has files that the package did not make.
        OutputError: It cannot be written to.
    """
    out_dir = Path(out_dir)
    tasks = []
    for index, seed in enumerate(seeds):
        transform = _move(move, index)
        tasks.append((str(out_dir / f'{seed}.png'), seed, size, transform and transform.to_dict()))
    if _is_drawn(out_dir, tasks):
        return out_dir
    _drawing()  # fail here, with one sentence, rather than in every worker
    claim_folder(out_dir, _MAKER)
    claim_outputs([out_dir / _LABELS_FILE, *(task[0] for task in tasks)], _MAKER)
    progress = progress or (lambda rows, total: rows)
    if workers == 1 or len(tasks) <= _SERIAL:
        rows = list(progress(map(_draw_to_file, tasks), total=len(tasks)))
    else:  # spawn: a forked copy of torch's thread pool would wait forever
        with get_context('spawn').Pool(workers) as pool:
            mapped = pool.imap(_draw_to_file, tasks, chunksize=16)
            rows = list(progress(mapped, total=len(tasks)))
    text = ''.join(json.dumps(row) + '\n' for row in rows)
    atomic_write(out_dir / _LABELS_FILE, lambda temporary: temporary.write_text(text))
    return out_dir
