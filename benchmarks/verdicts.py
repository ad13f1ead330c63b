# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how often verdicts on toon faces are right.

Inverted are held-out faces, four of five of them moved, and strange images: photographs that
scikit-image carries, a portrait and a cat among them, textures, noise, and plain ones. OUT_FILE
gets the verdicts, signs and strangeness of all, as CSV.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert import apis
from mmgen_bdinvert.io import check_outputs, claim_outputs, image_to_tensor
from mmgen_bdinvert.io.tables import save_table
from mmgen_bdinvert.models.verdict import VERDICTS, signs_of, strangeness, verdict
from mmgen_bdinvert.photos import centre_window, cut
from projects.toon_faces.drawing import MOVES, draw_face, random_move
from projects.toon_faces.photos import background

_MAKER = 'benchmark-verdicts'
_COLUMNS = ('name', 'kind', 'verdict', 'strangeness', 'perceptual', 'base', 'detail')
_PHOTOS = (  # those that scikit-image has without a download
    *('astronaut', 'chelsea', 'coffee', 'rocket', 'camera', 'coins', 'moon', 'page', 'text'),
    *('brick', 'grass', 'gravel', 'clock', 'hubble_deep_field', 'retina', 'colorwheel', 'cell'),
)
EXAMPLES = """
python -m benchmarks.verdicts bdinvert_inv_toon128 work_dirs/verdicts.csv
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an inversion of toon faces')
    parser.add_argument('out_file', metavar='OUT_FILE', help='the table to write')
    parser.add_argument('--faces', type=int, default=40, help='held-out faces: 40')
    args = parser.parse_args(argv)
    if args.faces < 1:
        parser.error(f'--faces must be 1 or more, but got {args.faces}')
    return args


def known(count: int, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Draw held-out faces, RGB uint8 (size, size, 3)."""
    for i in range(count):
        kind = MOVES[i % len(MOVES)]
        motion = None if kind == 'aligned' else random_move(kind, i)
        yield f'{kind} {i}', draw_face(f'judged{i}', size, transform=motion)[0]


def strange(size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Gather images that show no toon face, RGB uint8 (size, size, 3)."""
    import skimage.data

    rng = np.random.default_rng(8)
    for name in _PHOTOS:
        pixels = getattr(skimage.data, name)()
        if pixels.dtype != np.uint8:
            pixels = (255 * np.clip(pixels, 0, 1)).astype(np.uint8)
        photo = Image.fromarray(pixels).convert('RGB')
        yield name, cut(photo, centre_window(*photo.size), size)
    portrait = Image.fromarray(skimage.data.astronaut()).crop((120, 20, 320, 220))
    yield 'portrait', np.array(portrait.resize((size, size), Image.Resampling.LANCZOS))
    for i in range(8):
        yield f'texture {i}', np.asarray(background((size, size), rng))
    for cells in (size, size, 16, 16, 8):
        blocks = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        yield f'noise {cells}', np.array(blocks.resize((size, size), Image.Resampling.NEAREST))
    for level in (0, 127, 255):
        yield f'plain {level}', np.full((size, size, 3), level, np.uint8)


def main(argv=None):
    args = parse_args(argv)
    config = apis.load_config(str(find_config(args.config)))
    check_outputs([args.out_file], _MAKER)
    inverter = apis.init_inverter(config)
    generator = inverter.generator
    yardstick = inverter.statistics.yardsticks.get(generator.base_size)
    if yardstick is None:
        raise ValueError(
            'verdicts need statistics made with bdinvert latent-stats --verdict-samples, but those '
            f'of {args.config} have none for the base size {generator.base_size}'
        )
    size, rows = generator.resolution, []
    images = [('known', *image) for image in known(args.faces, size)]
    images += [('strange', *image) for image in strange(size)]
    for start in tqdm(range(0, len(images), 8), desc='batches'):
        batch = images[start : start + 8]
        target = torch.cat([image_to_tensor(rgb) for _, _, rgb in batch]).to(generator.device)
        result = inverter.invert(generator.to_rgb(target))
        output = generator.to_rgb(result.reconstruction)
        signs = signs_of(inverter, target, output, result.code)
        if signs is None:
            raise ValueError(f'there are no verdicts on inversions by {args.config}')
        for (kind, name, _), values, away in zip(batch, signs, strangeness(signs, yardstick)):
            facts = (name, kind, verdict(float(away)), float(away), *values.tolist())
            rows.append(dict(zip(_COLUMNS, facts)))
    claim_outputs([args.out_file], _MAKER)
    save_table(args.out_file, rows, _COLUMNS)
    for kind in ('known', 'strange'):
        counts = Counter(row['verdict'] for row in rows if row['kind'] == kind)
        shares = ', '.join(f'{counts[name]} {name}' for name in VERDICTS)
        say(f'{kind}: {shares}, of {sum(counts.values())}')


if __name__ == '__main__':
    run_tool(main)
