# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw mmgen_bdinvert/studio/start.webp, what the studio shows before a photo is open:
demo/photo.jpg with its windows, and with edits in it.

python -m docs.draw_studio_start
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw

import mmgen_bdinvert.studio
from mmgen_bdinvert import apis
from mmgen_bdinvert.studio import Studio, saving, shipped_directions

CONFIG = 'bdinvert_inv_toon128'
PHOTO = Path(__file__).parents[1] / 'demo/photo.jpg'
OUT = Path(mmgen_bdinvert.studio.__file__).with_name('start.webp')
EDITS = ({'dark_skin': 1.0}, {'blond_hair': 1.0})
CORNERS = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])


def edited(studio, photo, strengths, out):
    """Invert the window of a photo, edit it, and save the whole photo."""
    result = apis.invert(studio.inverter, photo.square)
    code = result.code.to('cpu')
    session = studio.opened(studio.new_session(), photo, code)
    values = tuple(strengths.get(direction.name, 0.0) for direction in studio.directions)
    edit = replace(session.edit, strengths=values)
    saving.photo_to_png(studio, replace(session, edit=edit), out)


def main():
    inverter = apis.init_inverter(CONFIG, device='cpu')
    finder = apis.init_finder(apis.load_config(CONFIG))
    studio = Studio(inverter, shipped_directions(inverter.generator), finder)
    with tempfile.TemporaryDirectory() as folder:
        path = PHOTO
        windows = [face.window() for face in studio.read_photo(path).faces]
        for i, (window, strengths) in enumerate(zip(windows, EDITS)):
            photo = studio.looked_at(studio.read_photo(path), window)
            path = Path(folder, f'{i}.png')
            edited(studio, photo, strengths, path)
        pictures = [Image.open(one).convert('RGB') for one in (PHOTO, path)]
    draw = ImageDraw.Draw(pictures[0])
    for window in windows:
        draw.line([tuple(p) for p in window.to_photo(CORNERS).tolist()], fill='white', width=8)
    sheet = Image.new('RGB', (970, 320), 'white')
    for i, picture in enumerate(pictures):
        sheet.paste(picture.resize((480, 320), Image.Resampling.LANCZOS), (490 * i, 0))
    sheet.save(OUT, quality=85, method=6)


if __name__ == '__main__':
    main()
