# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw photos with toon faces, and measure what is found in them and what edits leave.

Every photo has 3000x2000 pixels and up to five held-out faces, turned by 45 degrees at most, some
of them cut by the border. OUT_DIR gets figures.json, which goes on where it ended, and photo.webp,
one of the photos with its windows and an edit.
"""

from __future__ import annotations

if __name__ == '__main__':  # Ctrl-C while the rest is imported
    from bdinvert_cli.running import leave_at_once

    leave_at_once()

import json

import numpy as np
from tqdm import tqdm

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say
from mmgen_bdinvert import apis
from mmgen_bdinvert.apis import invert
from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.io import claim_folder, claim_outputs
from mmgen_bdinvert.io.outputs import atomic_write
from mmgen_bdinvert.io.tables import save_json
from mmgen_bdinvert.photos import cut
from mmgen_bdinvert.photos.whole_photo import WholePhoto
from projects.toon_faces import draw_face
from projects.toon_faces.photo_truth import matches
from projects.toon_faces.photos import draw_photo

from .measure import gap, in_photo, in_square, outlined, outside, seam

_MAKER = 'benchmark-photos'
_STRENGTHS = (1.5, 3.0, 4.0)
_EDITS = {  # what the drawn edit is
    'skin_lightness': dict(skinColor=('f1c3a5',)),
    'clothes_lightness': dict(clothesColor=('e8e9e6',)),
}
EXAMPLES = """
python -m benchmarks.photos --out-dir work_dirs/photos
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_out_dir('folder for the figures: work_dirs/photos', default='work_dirs/photos')
    parser.add_argument('--photos', type=int, default=64, help='photos to draw (default: 64)')
    parser.add_argument(
        '--edited', type=int, default=16, help='of them edited, one face each (default: 16)'
    )
    args = parser.parse_args(argv)
    if args.photos < 1 or not 0 <= args.edited <= args.photos:
        parser.error('--photos must be 1 or more, and --edited no more than that')
    return args


def drawn_photo(index, options=None):
    """Draw a photo and its faces, of which some may be other than usual."""
    names = [f'h{5 * index + k}' for k in range(5)]
    return draw_photo(f'photo{index}', faces=names, options=options)


def look(index, finder):
    """Draw a photo; return it, and what is there, found and found in vain."""
    picture, drawn = drawn_photo(index)
    faces = finder.find(picture)
    pairs, false = matches([face.square for face in drawn], [face.square for face in faces])
    turns = [abs((a.angle - b.angle + 180) % 360 - 180) for a, b in pairs]
    row = dict(there=len(drawn), found=len(pairs), false=false, turns=turns)
    known = [(d, f) for d in drawn for f in faces if (d.square, f.square) in pairs]
    return picture, drawn, known, row


def edit(index, inverter, picture, drawn, face, folder):
    """Edit the largest face of a photo, and the same face in a prepared square."""
    path = folder / 'photo.png'
    picture.save(path, compress_level=1)
    photo, window, size = WholePhoto(path), face.window(), inverter.generator.resolution
    motion = face.motion(window)
    square = draw_face(drawn.seed, size, transform=motion)[0]
    codes = [invert(inverter, shown).code for shown in (cut(picture, window, size), square)]
    left, upper, right, lower = window.box(*picture.size)
    where = np.zeros(photo.pixels.shape[:2], bool)
    where[upper:lower, left:right] = True
    row = {}
    for called, options in _EDITS.items():
        truth = drawn_photo(index, {drawn.seed: options})[0]
        given = {key: list(value) for key, value in options.items()}
        wanted = draw_face(drawn.seed, size, options=given, transform=motion)[0]
        direction = load_direction(f'asset://toon128/{called}.safetensors')
        new = in_photo(inverter, photo, face, codes[0], direction, _STRENGTHS)
        row[called] = dict(
            photo={s: gap(photo.pixels, np.asarray(truth), new[s], where) for s in _STRENGTHS},
            square=in_square(inverter, square, wanted, codes[1], direction, _STRENGTHS),
            same=bool((new[0.0] == photo.pixels).all()),
            outside=all(outside(photo.pixels, value, window) for value in new.values()),
            seam=seam(photo.pixels, new[3.0], window),
            seam_moved=seam(photo.pixels, new['motion'], window),
        )
    if index == 0:
        shown = outlined(new[3.0], face)
        atomic_write(folder / 'photo.webp', lambda temporary: shown.save(temporary, 'WEBP'))
    return row


def main(argv=None):
    args = parse_args(argv)
    folder = claim_folder(args.out_dir, _MAKER)
    files = [folder / name for name in ('figures.json', 'photo.png', 'photo.webp')]
    claim_outputs(files, _MAKER)
    config = apis.load_config('bdinvert_inv_toon128')
    inverter, finder = apis.init_inverter(config), apis.init_finder(config)
    rows = json.loads(files[0].read_text()) if files[0].exists() else {}
    for index in tqdm(range(args.photos), desc='photos'):
        row = rows.get(str(index), {})
        wanted = index < args.edited and 'edits' not in row
        if row and not wanted:
            continue
        picture, drawn, known, row = look(index, finder)
        if wanted and known:
            largest, face = max(known, key=lambda pair: pair[0].square.size)
            row['edits'] = edit(index, inverter, picture, largest, face, folder)
        rows[str(index)] = row
        save_json(files[0], rows)
    for line in summary([rows[str(i)] for i in range(args.photos)]):
        say(line)


def summary(rows):
    """Say what was measured, in a few lines."""
    there, found, false = (sum(row[key] for row in rows) for key in ('there', 'found', 'false'))
    turns = np.concatenate([row['turns'] for row in rows])
    lines = [
        f'{found} of {there} faces found, {false} where there is none; their angles are off by '
        f'{np.median(turns):.1f} degrees in the median.'
    ]
    edits = [row['edits'] for row in rows if 'edits' in row]
    for called in _EDITS if edits else ():
        of = [row[called] for row in edits]
        errors = {
            k: np.array([[*row[k].values()] for row in of], float) for k in ('photo', 'square')
        }
        told = np.isfinite(errors['photo']).all(1) & np.isfinite(errors['square']).all(1)
        if not told.any():  # all of them are drawn as the edit would have them
            continue
        best = [error[told].mean(0).min() for error in errors.values()]
        still, moved = (np.mean([row[key] for row in of]) for key in ('seam', 'seam_moved'))
        same, kept = (all(row[key] for row in of) for key in ('same', 'outside'))
        lines.append(
            f'{called}: remaining error {best[0]:.2f} in {told.sum()} photos and {best[1]:.2f} in '
            f'prepared squares; step across the border of the window {still:.2f} of that of the '
            f'photo, moved {moved:.2f}; strength 0 identical: {same}; outside identical: {kept}.'
        )
    return lines


if __name__ == '__main__':
    run_tool(main)
