# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Draw docs/images/faces_found.webp: a photograph that scikit-image carries, as it is, turned, and
stored on its side, with the window and the square of the face that YuNet finds.

python docs/draw_photos.py
"""

import tempfile
from pathlib import Path

import skimage.data
import torch
from PIL import Image, ImageDraw

import mmgen_bdinvert  # noqa: F401  (first: it makes mmgen importable)
from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.photos import Look, YuNetFinder

OUT = Path(__file__).parent / 'images/faces_found.webp'
CORNERS = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])


def main():
    photo, look = Image.fromarray(skimage.data.astronaut()), Look(finder=YuNetFinder())
    held = Image.Exif()
    held[0x0112] = 6
    shown = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'photo.jpg')
        for image, exif in (
            (photo, None),
            (photo.rotate(30, Image.Resampling.BICUBIC), None),
            (photo.rotate(-120, Image.Resampling.BICUBIC), None),
            (photo.transpose(Image.Transpose.ROTATE_90), held),
        ):
            image.save(path, quality=95, **({} if exif is None else {'exif': exif}))
            (place,) = look.at(path)
            picture = decode(path)
            draw = ImageDraw.Draw(picture)
            for square, colour in ((place.window, 'white'), (place.square, 'orange')):
                draw.line(
                    [tuple(p) for p in square.to_photo(CORNERS).tolist()], fill=colour, width=4
                )
            shown.append(picture.resize((300, 300), Image.Resampling.LANCZOS))
    sheet = Image.new('RGB', (310 * len(shown) - 10, 300), 'white')
    for i, picture in enumerate(shown):
        sheet.paste(picture, (310 * i, 0))
    sheet.save(OUT, quality=88)


if __name__ == '__main__':
    main()
