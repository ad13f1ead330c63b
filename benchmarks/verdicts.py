# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure how often verdicts on toon faces are right.

Inverted are held-out faces, four of five of them moved; faces found in drawn photos; and strange
images: photographs that scikit-image, scikit-learn and matplotlib carry, a landscape, a portrait
and a cat among them, each whole and two parts of it, textures, noise, and plain ones. OUT_FILE gets
the verdicts, signs and strangeness of all, as CSV.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

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
from mmgen_bdinvert.photos import Face, FaceFinder, Window, centre_window, cut
from mmgen_bdinvert.photos.mask import ellipse_of
from projects.toon_faces.drawing import MOVES, draw_face, random_move
from projects.toon_faces.photo_truth import matches
from projects.toon_faces.photos import background, draw_photo

_MAKER = 'benchmark-verdicts'
_COLUMNS = ('name', 'kind', 'verdict', 'strangeness', 'perceptual', 'base', 'detail')
_PHOTOS = {  # by package; the limits of verdicts were chosen on others
    'skimage': (
        *('data/astronaut.png', 'data/chelsea.png', 'data/rocket.jpg', 'data/camera.png'),
        *('data/text.png', 'data/grass.png', 'data/gravel.png', 'data/color.png'),
        *('data/cell.png', 'data/horse.png'),
    ),
    'sklearn': ('datasets/images/china.jpg',),
    'matplotlib': ('mpl-data/sample_data/Minduka_Present_Blue_Pack.png',),
}
_KINDS = ('known', 'found', 'strange')
EXAMPLES = """
python -m benchmarks.verdicts bdinvert_inv_toon128 work_dirs/verdicts.csv
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', help='config of an inversion of toon faces')
    parser.add_argument('out_file', metavar='OUT_FILE', help='the table to write')
    parser.add_argument('--faces', type=int, default=40, help='held-out faces (default: 40)')
    parser.add_argument(
        '--photos', type=int, default=6, help='drawn photos, of four faces each (default: 6)'
    )
    args = parser.parse_args(argv)
    if args.faces < 1 or args.photos < 0:
        parser.error('--faces must be 1 or more, and --photos 0 or more')
    return args


def known(count: int, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Draw held-out faces, RGB uint8 (size, size, 3)."""
    for i in range(count):
        kind = MOVES[i % len(MOVES)]
        motion = None if kind == 'aligned' else random_move(kind, i)
        yield f'{kind} {i}', draw_face(f'judged{i}', size, transform=motion)[0]


def strange(size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Gather images that show no toon face, RGB uint8 (size, size, 3)."""
    rng = np.random.default_rng(208)
    for package, names in _PHOTOS.items():
        for name in names:
            with Image.open(str(files(package) / name)) as image:
                photo = image.convert('RGB')
            yield Path(name).stem, cut(photo, centre_window(*photo.size), size)
            for part in range(2):
                side = rng.uniform(0.35, 0.8) * min(photo.size)
                x, y = (rng.uniform(0, n - side) for n in photo.size)
                yield f'{Path(name).stem} {part}', cut(photo, Window(x, y, side), size)
    with Image.open(str(files('skimage') / 'data/astronaut.png')) as image:
        portrait = image.convert('RGB').crop((120, 20, 320, 220))
    yield 'portrait', np.array(portrait.resize((size, size), Image.Resampling.LANCZOS))
    small = np.load(str(files('skimage') / 'data/lfw_subset.npy'))
    for i in range(6):
        face = Image.fromarray((255 * small[40 + i]).astype(np.uint8)).convert('RGB')
        yield f'small portrait {i}', np.array(face.resize((size, size), Image.Resampling.BICUBIC))
    for i in range(8):
        yield f'texture {i}', np.asarray(background((size, size), rng))
    for cells in (size, size, 32, 16, 16, 8):
        blocks = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        yield f'noise {cells}', np.array(blocks.resize((size, size), Image.Resampling.NEAREST))
    for colour in ((0, 0, 0), (127, 127, 127), (255, 255, 255), (60, 120, 60), (255, 213, 220)):
        yield f'plain {colour}', np.full((size, size, 3), colour, np.uint8)


def found(photos: int, size: int, finder: FaceFinder) -> Iterator[tuple]:
    """Find faces in drawn photos: name, what the window shows, and where in it the face is."""
    for i in range(photos):
        seeds = [f'vB{4 * i + k}' for k in range(4)]
        photo, drawn = draw_photo(f'verdictB{i}', (1500, 1000), faces=seeds)
        squares = [face.square for face in finder.find(photo)]
        for _, square in matches([face.square for face in drawn], squares)[0]:
            window = Face(square, 1.0).window()
            yield f'photo {i}', cut(photo, window, size), ellipse_of(size, window, square)


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
    nowhere = np.zeros((size, size), np.float32)
    images = [('known', *image, nowhere) for image in known(args.faces, size)]
    images += [('found', *image) for image in found(args.photos, size, apis.init_finder(config))]
    images += [('strange', *image, nowhere) for image in strange(size)]
    for start in tqdm(range(0, len(images), 8), desc='batches'):
        batch = images[start : start + 8]
        target = torch.cat([image_to_tensor(rgb) for _, _, rgb, _ in batch]).to(generator.device)
        result = inverter.invert(generator.to_rgb(target))
        output = generator.to_rgb(result.reconstruction)
        faces = torch.from_numpy(np.stack([face for *_, face in batch]))[:, None].to(target)
        signs = signs_of(inverter, target, output, result.code, faces)
        if signs is None:
            raise ValueError(f'there are no verdicts on inversions by {args.config}')
        for (kind, name, *_), values, away in zip(batch, signs, strangeness(signs, yardstick)):
            judged = verdict(float(away), face=kind == 'found')
            facts = (name, kind, judged, float(away), *values.tolist())
            rows.append(dict(zip(_COLUMNS, facts)))
    claim_outputs([args.out_file], _MAKER)
    save_table(args.out_file, rows, _COLUMNS)
    for kind in _KINDS:
        counts = Counter(row['verdict'] for row in rows if row['kind'] == kind)
        shares = ', '.join(f'{counts[name]} {name}' for name in VERDICTS)
        say(f'{kind}: {shares}, of {sum(counts.values())}')


if __name__ == '__main__':
    run_tool(main)
