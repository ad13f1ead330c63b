# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
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


def test_the_tool_says_where_the_faces_are_and_which_found_no_room(tmp_path, capsys):
    out = tmp_path / 'photo.jpg'
    tool.main([str(out), '--faces', 'h1', 'h2', '--sides', '1.2', '1.4', '--scene', 'hills'])
    said = capsys.readouterr()
    assert said.out.startswith('h1: --window ') and said.err == 'note: no room for h2\n'
    assert Image.open(out).size == (1500, 1000)
    with pytest.raises(SystemExit):
        tool.parse_args([str(out), '--sides', '0.6', '0.4'])
    assert '0 < LEAST <= MOST, but got 0.6 0.4' in capsys.readouterr().err
