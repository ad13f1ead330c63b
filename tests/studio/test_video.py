# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import io

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.studio import animated_webp


def test_it_plays_forth_and_back_and_holds_the_ends():
    pictures = [np.full((16, 16, 3), level, np.uint8) for level in (10, 90, 170, 250)]
    film = Image.open(io.BytesIO(animated_webp(pictures, frame_ms=50, hold_ms=700)))
    levels, durations = [], []
    for frame in range(film.n_frames):
        film.seek(frame)
        film.load()
        levels.append(round(np.asarray(film.convert('RGB'), float).mean() / 80 - 0.125))
        durations.append(film.info['duration'])
    assert levels == [0, 1, 2, 3, 2, 1]
    assert durations == [700, 50, 50, 700, 50, 50]
    assert film.info['loop'] == 0


def test_one_picture_is_no_video():
    with pytest.raises(ValueError, match='two pictures or more, but got 1'):
        animated_webp([np.zeros((16, 16, 3), np.uint8)])
