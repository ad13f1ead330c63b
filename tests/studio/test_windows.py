# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From a photo of any size to its window, and back with an edit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.photos import Window, centre_window
from mmgen_bdinvert.studio import Studio, answers
from mmgen_bdinvert.studio.handlers import Handlers
from mmgen_bdinvert.studio.photo import CENTRE
from mmgen_bdinvert.studio.session import SQUARES, WHOLE

EDIT = (0.0, 0.0, 0.0, 1.0, False, 3.0, 0.0)


def pixels(path):
    return np.asarray(Image.open(path).convert('RGB'))


def test_a_photo_waits_for_its_window(handlers, shown):
    assert '2 faces are found: choose one' in shown['status']
    assert shown['choice'] == (['1', '2', CENTRE], '1') and shown['tabs'] == WHOLE
    assert shown['photo']['window'] == [22, 52, 96, 0] and shown['photo']['size'] == (300, 200)
    assert len(shown['photo']['faces']) == 2 and shown['whole'] == ''
    assert list(handlers.invert(shown['session'], 'me', again=False)) == [{}]


@pytest.mark.parametrize(
    ('finds', 'size', 'text'),
    [
        (True, (90, 140), 'No face is found, so the window is the centre square'),
        (False, (140, 90), 'Faces are not looked for here'),
        (True, (60, 60), 'its inversion begins'),
    ],
)
def test_what_comes_next_is_said(studio, inverter, tmp_path, finds, size, text):
    handlers = Handlers(studio if finds else Studio(inverter))
    Image.new('RGB', size).save(tmp_path / 'x.png')
    shown = handlers.open_photo(handlers.studio.new_session(), tmp_path / 'x.png', 'me')
    assert text in shown['status']


def test_a_window_is_moved_and_a_face_chosen(handlers, shown):
    moved = handlers.place(shown['session'], dict(x=10, y=20.5, size=90, angle=-15), 'me')
    assert moved['session'].photo.place.window == Window(10, 20.5, 90, -15)
    assert moved['photo']['window'] == [10, 20.5, 90, -15] and moved['choice'][1] is None
    assert moved['original'] != shown['original'] and 'press Invert' in moved['status']
    chosen = handlers.choose(moved['session'], '2', 'me')
    assert chosen['choice'][1] == '2' and chosen['photo']['window'] == [194, 34, 72, 0]
    centre = handlers.choose(moved['session'], CENTRE, 'me')['session']
    assert centre.photo.place.window == centre_window(300, 200)


@pytest.mark.parametrize(
    'window',
    [
        {},
        dict(x=0, y=0, size=5, angle=0),
        dict(x=900, y=0, size=50, angle=0),
        dict(x=float('nan'), y=0, size=50, angle=0),
        dict(x='a', y=0, size=50, angle=0),
        dict(x=-9e9, y=-9e9, size=2e10, angle=0),
    ],
)
def test_a_bad_window_is_a_sentence_and_the_old_one_stays(handlers, shown, window):
    answer = handlers.place(shown['session'], window, 'me')
    assert set(answer) == {'photo', 'choice', 'status'} and 'class="warning"' in answer['status']
    assert answer['photo']['window'] == [22, 52, 96, 0]


def test_a_face_that_is_not_there_and_no_photo_are_sentences(handlers, shown):
    assert 'has no face' in handlers.choose(shown['session'], '9', 'me')['status']
    answer = handlers.choose(handlers.studio.new_session(), '1', 'me')
    assert 'Open a photo first' in answer['status'] and 'session' not in answer


def test_another_window_ends_the_inversion_without_a_word(handlers, shown):
    steps = handlers.invert(shown['session'], 'me')
    next(steps)
    handlers.choose(shown['session'], '2', 'me')
    assert list(steps)[-1] == {}


def test_an_inversion_is_seen_inside_the_window(handlers, shown):
    *during, last = handlers.invert(shown['session'], 'me')
    assert all(step['photo'] == {'inside': step['reconstruction']} for step in during)
    assert last['whole'] != '' and last['session'].view == WHOLE


def test_the_whole_photo_changes_inside_the_window_alone(handlers, inverted, wide):
    shown = handlers.change(inverted, *EDIT)
    assert shown['whole'] != '' and shown['stage']['picture'] != ''
    before, after = pixels(wide), handlers.studio.whole_picture(shown['session'])
    assert np.array_equal(handlers.studio.whole_picture(inverted), before)
    changed = (before != after).any(2)
    assert changed.any()
    changed[52:148, 22:118] = False
    assert not changed.any()


def test_the_whole_photo_is_saved_at_its_size_with_what_it_carries(handlers, inverted, wide):
    session = handlers.change(inverted, *EDIT)['session']
    file = handlers.save_photo(session)['file']
    assert file['name'] == 'group_edited.png' == Path(file['at']).name
    image, original = Image.open(file['at']), Image.open(wide)
    assert image.size == original.size and image.getexif()[0x010E] == 'two people'
    assert image.info['icc_profile'] == original.info['icc_profile']
    assert np.array_equal(pixels(file['at']), handlers.studio.whole_picture(session))
    unedited = handlers.save_photo(inverted)['file']
    assert np.array_equal(pixels(unedited['at']), pixels(wide))


def test_a_code_has_no_photo_to_save(handlers, session):
    shown = handlers.save_photo(session)
    assert shown['file'] is None and 'A code has no photo' in shown['status']
    assert answers.all_of(handlers.studio, session)['whole'] == ''


def test_a_photo_that_is_gone_is_a_sentence(handlers, tmp_path, wide):
    path = tmp_path / 'group.png'
    path.write_bytes(wide.read_bytes())
    shown = handlers.open_photo(handlers.studio.new_session(), path, 'me')
    session = list(handlers.invert(shown['session'], 'me'))[-1]['session']
    path.unlink()
    answer = handlers.save_photo(session)
    assert answer['file'] is None and 'group.png is no longer here' in answer['status']
    assert 'no longer here' in handlers.choose(session, '2', 'me')['status']


def test_videos_show_what_is_looked_at(handlers, inverted):
    av = pytest.importorskip('av', reason="needs PyAV: pip install 'mmgen_bdinvert[video]'")
    session = handlers.change(inverted, *EDIT)['session']
    for view, size in ((WHOLE, (300, 200)), (SQUARES, (192, 192))):
        file = handlers.save_video(handlers.show(session, view)['session'])['file']
        assert file['name'] == 'edit.mp4'
        with av.open(file['at']) as film:
            (stream,) = film.streams.video
            assert stream.codec_context.name == 'h264'
            assert (stream.width, stream.height) == size
            frames = [frame.to_ndarray(format='rgb24') for frame in film.decode(video=0)]
        assert len(frames) == 14 + 22 + 14 + 22
        assert np.abs(frames[0].astype(int) - frames[13]).mean() < 2
        assert np.abs(frames[0].astype(int) - frames[40]).mean() > 1


def test_without_pyav_a_video_is_a_sentence(handlers, inverted, monkeypatch):
    monkeypatch.setattr('mmgen_bdinvert.io.video.importlib.util.find_spec', lambda name: None)
    shown = handlers.save_video(handlers.change(inverted, *EDIT)['session'])
    assert shown['file'] is None and 'Writing MP4 needs PyAV' in shown['status']


@pytest.mark.parametrize(
    ('verdict', 'text'),
    [
        ('fits', 'fits</b> The generator knows such faces. Inverted in 6 steps'),
        ('does not fit', 'does not fit</b> The generator does not know what the window shows.'),
        ('', '<p role="status">Inverted in 6 steps: '),
    ],
)
def test_the_verdict_is_shown(handlers, inverted, verdict, text, monkeypatch):
    monkeypatch.setattr(Studio, 'verdict', lambda *_: verdict)
    last = list(handlers.invert(inverted, 'me'))[-1]
    assert text in last['status']


def test_verdicts_are_those_of_a_job(studio, inverted, monkeypatch):
    asked = []

    def judge(inverter, images, output, code, faces):
        asked.append((images, output, code, faces))
        return ['doubtful']

    monkeypatch.setattr('mmgen_bdinvert.studio.studio.verdicts_of', judge)
    handlers = Handlers(studio)
    last = list(handlers.invert(inverted, 'me'))[-1]
    ((images, output, code, faces),) = asked
    assert 'doubtful' in last['status'] and images.shape == output.shape == (1, 3, 32, 32)
    assert code.detail.equal(last['session'].code.detail)
    found = last['session'].photo.place.face_mask(32)  # the face that the window is about
    assert 0 < found.mean() < 1 and faces.numpy() == pytest.approx(found[None, None])
