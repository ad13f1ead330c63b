# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import re

import numpy as np
import pytest
from PIL import Image

from projects.toon_faces import draw_photo as tool
from projects.toon_faces.photos import SCENES, draw_photo

pytest.importorskip('dicebear', reason='the extra toon is not installed')


@pytest.mark.parametrize('scene', SCENES)
def test_faces_before_a_scene(scene):
    photo, (face,) = draw_photo('x', (120, 80), faces=['h1'], scene=scene, sides=(0.5, 0.6))
    again, _ = draw_photo('x', (120, 80), faces=[], scene=scene)
    assert photo.size == (120, 80) and photo.mode == 'RGB'
    assert 40 <= face.square.size <= 48
    changed = np.argwhere((np.asarray(photo) != np.asarray(again)).any(2))
    away = changed[:, ::-1] + 0.5 - face.square.centre.numpy()
    assert len(changed) > 300 and np.abs(away).max() < face.square.size
    assert len(np.unique(np.asarray(again).reshape(-1, 3), axis=0)) > 100


def test_the_tool_says_where_the_faces_are(tmp_path, capsys):
    out, at = tmp_path / 'photo.jpg', ['--at', '300', '400', '500', '-20']
    tool.main([str(out), '--faces', 'h1', '--scene', 'hills', *at])
    assert capsys.readouterr().out == 'h1: --window 300 400 500 -20\n'
    assert Image.open(out).size == (1500, 1000)
    with pytest.raises(SystemExit):
        tool.parse_args([str(out), '--faces', 'h1', *at, *at])
    assert 'given for 2 of 1 faces' in capsys.readouterr().err
    for numbers, fault in {
        '1 1 0 1': '16 pixels or more',
        'nan 1 90 0': 'finite',
        '9e9 0 500 0': 'lies in its photo',
        '0 0 9e9 0': 'at most',
    }.items():
        with pytest.raises(ValueError, match=fault):
            tool.main([str(out), '--faces', 'h1', '--at', *numbers.split()])
    tool.main([str(out), '--faces', *['h1'] * 30])
    assert re.search(r'^note: no room for \d+ of 30 faces$', capsys.readouterr().err)
