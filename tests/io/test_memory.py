# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""How much memory reading a large picture takes, in a process of its own."""

import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 4000
# What a picture of that many pixels needs above what a small one needs, in bytes a pixel.
PEAK = """
import resource, sys
import numpy as np
from PIL import Image
from mmgen_bdinvert.io import read_image
small, large = sys.argv[1:]
read_image(small, 64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_image(large, 64)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / {side} ** 2)
"""


def grey16(side):
    return Image.fromarray(np.full((side, side), 30_000, np.uint16))


def colour(mode):
    return lambda side: Image.new(mode, (side, side))


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='ru_maxrss is in KiB on Linux')
@pytest.mark.parametrize(
    ('suffix', 'make', 'profile'),
    [
        ('.png', grey16, None),
        ('.png', colour('RGBA'), 'adobe'),
        ('.tif', colour('F'), None),
    ],
)
def test_a_picture_is_in_memory_about_twice(
    run_fresh, tmp_path, icc_profile, suffix, make, profile
):
    options = {'icc_profile': icc_profile()} if profile else {}
    for side in (8, SIDE):
        make(side).save(tmp_path / f'{side}{suffix}', **options)
    files = [str(tmp_path / f'{side}{suffix}') for side in (8, SIDE)]
    done = run_fresh(PEAK.format(side=SIDE), *files)
    # 4 bytes as decoded, 4 in sRGB, and what does not grow with the picture.
    assert float(done.stdout.split()[-1]) < 12
