# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Files that people have, and how much memory a large one takes."""

import sys

import numpy as np
import pytest
from PIL import Image, features

from mmgen_bdinvert.io import ImageReadError
from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.photos import Look, Window
from mmgen_bdinvert.photos.whole_photo import WholePhoto

# What looking through a window of a photo and putting it back need, in bytes a pixel.
PEAK = """
import resource, sys
import numpy as np
from pathlib import Path
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.photos import InPhoto, Window
from mmgen_bdinvert.photos.put_back import put_back
from mmgen_bdinvert.photos.whole_photo import WholePhoto

def work(path, side):
    window = Window(0.2 * side, 0.2 * side, 0.5 * side, 3)
    seen, _ = InPhoto(Path(path), window).read(32)
    photo = WholePhoto(Path(path))
    return put_back(photo, window, seen, seen // 2, motion=GeometricTransform((0.02, 0)))

work(sys.argv[1], 64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work(sys.argv[2], 3000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 3000**2)
"""


def picture(size=(96, 64)):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 255, (8, 12, 3), np.uint8)).resize(size)


def write(folder, kind):
    path = folder / f'photo.{kind}'
    if kind == 'heic':
        pytest.importorskip('pillow_heif').register_heif_opener()
    if kind == 'avif' and not features.check('avif'):
        pytest.skip('this Pillow reads no AVIF')
    many = kind in ('gif', 'webp')
    more = dict(save_all=True, append_images=[Image.new('RGB', (96, 64), 'red')]) if many else {}
    picture().save(path, **more)
    return path


@pytest.mark.parametrize('kind', ['jpg', 'heic', 'avif', 'gif', 'webp', 'tif'])
def test_windows_of_files_that_people_have(tmp_path, kind):
    path = write(tmp_path, kind)
    (place,) = Look(Window(10, 10, 40)).at(path)
    shown, mask = place.read(40)
    assert mask is None
    assert np.abs(shown - np.asarray(decode(path))[10:50, 10:50].astype(int)).max() <= 1
    photo = WholePhoto(path)
    photo.save(tmp_path / 'new.png', photo.pixels)
    assert np.array_equal(np.asarray(decode(tmp_path / 'new.png')), np.asarray(decode(path)))


def test_a_damaged_photo(tmp_path):
    path = write(tmp_path, 'jpg')
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageReadError, match='damaged'):
        WholePhoto(path)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='ru_maxrss is in KiB on Linux')
def test_memory_of_a_large_photo(run_fresh, tmp_path):
    for side in (64, 3000):
        picture((side, side)).save(tmp_path / f'{side}.jpg')
    files = [str(tmp_path / f'{side}.jpg') for side in (64, 3000)]
    done = run_fresh(PEAK, *files)
    # Twice as stored and twice as pixels, and what does not grow with the photo.
    assert float(done.stdout.split()[-1]) < 28
