# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageSequence

from mmgen_bdinvert.io import OutputError, save_video

COLOURS = [(255, 0, 0), (0, 160, 0), (20, 30, 220), (230, 220, 40), (128, 128, 128)]


def frames(height=48, width=64):
    """Return one frame of each colour."""
    return [np.full((height, width, 3), colour, np.uint8) for colour in COLOURS]


def read(path):
    """Return the frames of a video, and how long each is shown, in ms."""
    if path.suffix == '.mp4':
        av = pytest.importorskip('av')
        with av.open(str(path)) as video:
            stream = video.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ('h264', 'yuv420p')
            assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
            times = float(1000 / stream.average_rate)
            return [f.to_ndarray(format='rgb24') for f in video.decode(stream)], times
    with Image.open(path) as video:
        assert video.info['loop'] == 0  # for ever
        shown = [np.array(f.convert('RGB')) for f in ImageSequence.Iterator(video)]
        return shown, video.info['duration']


@pytest.mark.parametrize('suffix', ['.mp4', '.gif', '.webp', '.GIF'])
def test_frames_come_back_in_their_colours(tmp_path, suffix):
    if suffix == '.mp4':
        pytest.importorskip('av')
    path = tmp_path / f'video{suffix}'
    save_video(path, iter(frames()), fps=20)
    found, duration = read(path)
    assert duration == pytest.approx(50)
    assert [f.shape for f in found] == [(48, 64, 3)] * 5
    for frame, colour in zip(found, COLOURS):
        assert np.abs(frame.reshape(-1, 3).mean(0) - colour).max() < 6, colour
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_odd_sides_are_evened_for_mp4(tmp_path):
    pytest.importorskip('av')
    save_video(tmp_path / 'video.mp4', frames(33, 35))
    assert {f.shape for f in read(tmp_path / 'video.mp4')[0]} == {(34, 36, 3)}


@pytest.mark.parametrize('suffix', ['.mp4', '.gif', '.webp'])
def test_an_error_among_the_frames_leaves_the_file_as_it_was(tmp_path, suffix):
    if suffix == '.mp4':
        pytest.importorskip('av')

    def broken():
        yield from frames()
        raise RuntimeError('no more')

    path = tmp_path / f'video{suffix}'
    path.write_text('earlier')
    with pytest.raises(RuntimeError, match='no more'):
        save_video(path, broken())
    with pytest.raises(ValueError, match=r'one size, but got \(48, 64\) and \(48, 63\)'):
        save_video(path, [*frames(), *frames(48, 63)])
    assert path.read_text() == 'earlier'
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_wrong_call_is_refused(tmp_path):
    for name, given, fps, message in [
        ('video.avi', frames(), 30, 'ends in .mp4, .gif, .webp, but got'),
        ('video', frames(), 30, 'ends in .mp4'),
        ('video.gif', frames(), 51, 'from 0.1 to 50 frames a second, but got 51'),
        ('video.webp', frames(), 0, 'from 0.1'),
        ('video.webp', frames(), float('nan'), 'from 0.1'),
        ('video.gif', [], 30, 'at least one frame'),
        ('video.gif', [np.zeros((4, 4), np.uint8)], 30, r'frame must be uint8 \(H, W, 3\)'),
    ]:
        with pytest.raises(ValueError, match=message):
            save_video(tmp_path / name, given, fps)
    with pytest.raises(OutputError, match='cannot write'):
        save_video(tmp_path / 'none' / 'video.gif', frames())
    assert not list(tmp_path.iterdir())


def test_mp4_without_pyav_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'mmgen_bdinvert\[video\]'"):
        save_video(tmp_path / 'video.mp4', frames())
