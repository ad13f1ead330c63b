# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.studio import InversionStep, animated_webp
from mmgen_bdinvert.studio.display import as_jpeg, as_png, data_url, message, progress, warned


def test_pictures_travel_in_their_address():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 255  # red stays red
    head, _, body = data_url(as_png(picture), 'image/png').partition(',')
    assert head == 'data:image/png;base64'
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), picture)
    seen = np.asarray(Image.open(io.BytesIO(as_jpeg(picture))), int)
    assert np.abs(seen - picture).max() <= 3


def test_names_of_files_are_no_html():
    assert message('<b>x</b>') == '<p role="status">&lt;b&gt;x&lt;/b&gt;</p>'
    assert '<script' not in warned('<script>alert(1)</script>.png is no image')


def test_progress_shows_step_time_and_losses():
    losses = {'pixel': 0.5, 'perceptual': 0.25, 'total': 0.75}
    step = InversionStep(25, 100, losses, np.zeros((8, 8, 3), np.uint8), 7.4)
    text = progress(step, [3.0, 1.5, 0.75])
    assert 'Step 25 of 100, 7 s left. Loss 0.75: pixel 0.5, perceptual 0.25.' in text
    assert '<progress max="100" value="25">' in text
    points = [tuple(map(float, p.split(','))) for p in re.search('points="(.*?)"', text)[1].split()]
    assert points == [(0, 1), (50, 15), (100, 29)]  # halved twice: evenly down
    nan, inf = float('nan'), float('inf')
    assert progress(step, [3.0, nan, 1.5, 0.75, inf]).endswith(text[text.index('<svg') :])
    assert 'nan' not in progress(step, [nan]).partition('<svg')[2]


def test_an_animation_plays_forth_and_back_and_holds_the_ends():
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


def test_one_picture_is_no_animation():
    with pytest.raises(ValueError, match='two pictures or more, but got 1'):
        animated_webp([np.zeros((16, 16, 3), np.uint8)])
