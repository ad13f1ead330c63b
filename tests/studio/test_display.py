# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import base64
import io
import re

import numpy as np
from PIL import Image

from mmgen_bdinvert.studio import InversionStep
from mmgen_bdinvert.studio.display import (
    as_jpeg,
    as_png,
    data_url,
    message,
    progress,
    warned,
)


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


def test_a_verdict_stands_before_its_sentence():
    assert message('28 dB.', '') == '<p role="status">28 dB.</p>'
    text = message('28 < 30 dB.', 'does not fit')
    assert '<b class="verdict does-not-fit">does not fit</b> 28 &lt; 30 dB.' in text
