# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From a photo of any size to its window, and back with an edit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.apis import render, straighten, transform
from mmgen_bdinvert.geometry import GeometricTransform, compose, inverse
from mmgen_bdinvert.photos import Window, centre_window
from mmgen_bdinvert.studio import Studio, answers
from mmgen_bdinvert.studio.display import look
from mmgen_bdinvert.studio.handlers import Handlers
from mmgen_bdinvert.studio.photo import CENTRE
from mmgen_bdinvert.studio.session import SQUARES, WHOLE

EDIT = (0.0, 0.0, 0.0, 1.0, False, 3.0, 0.0)


@pytest.fixture()
def handlers(studio):
    return Handlers(studio)


@pytest.fixture()
def shown(handlers, wide):
    return handlers.open_photo(handlers.studio.new_session(), wide, 'me')


@pytest.fixture()
def inverted(handlers, shown):
    return list(handlers.invert(shown['session'], 'me'))[-1]['session']


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


def test_straighten_takes_the_motion_from_the_landmarks(handlers, inverted):
    shown = handlers.straighten(inverted, True)
    # The face fills 80 of the window's 96 pixels and is turned by 20 degrees about its middle.
    assert (shown['scale'], shown['rotate']) == (1.2, -20) and shown['straightened']
    assert abs(shown['shift_x']) < 0.01 and abs(shown['shift_y']) < 0.01
    assert shown['tabs'] == shown['view'] == SQUARES == shown['session'].view
    refined = handlers.change(shown['session'], 0.1, 0, -25, 1.2, False, 2.0, 0)['session']
    back = handlers.straighten(refined, False)
    assert (back['rotate'], back['strength_0']) == (0, 2.0)
    again = handlers.straighten(back['session'], True)
    assert (again['shift_x'], again['rotate']) == (0.1, -25)  # what a person has set stays


def test_a_straightened_face_is_completed_and_moves_on_from_there(handlers, inverted):
    studio = handlers.studio
    shown = handlers.straighten(inverted, True)
    session = shown['session']
    assert 'is drawn next' in shown['status']
    straight = handlers.complete(session)['straight']
    done = handlers.take_straight(session, straight, SQUARES)
    assert done['straight'] is None and 'has drawn what' in done['status']
    motion = session.edit.motion
    expected = straighten(studio.inverter, session.code, inverse(motion))
    picture = render(studio.inverter, expected)[0]
    assert np.array_equal(studio.picture(done['session']), picture)
    assert done['stage']['picture'] == look(picture) != shown['stage']['picture']
    moved = handlers.change(done['session'], 0.1, 0, -25, 1.2, False, 2.0, 0)['session']
    code = studio.edited_code(moved)
    further = compose(inverse(motion), moved.edit.motion)
    base = transform(studio.inverter, expected, further).base
    torch.testing.assert_close(code.base, base)
    off = replace(session, edit=replace(session.edit, straightened=False))
    assert 'status' not in handlers.take_straight(off, straight, SQUARES)
    assert not torch.equal(code.detail, expected.detail)
    # Where the photo shows the face it is as it was inverted, and nothing is completed twice.
    back = handlers.straighten(done['session'], False)['session']
    assert np.array_equal(studio.picture(back), session.reconstruction)
    assert handlers.complete(back) == handlers.complete(done['session']) == {}
    assert handlers.complete(inverted) == {}
    # Another code, such as a refined one, has no completed face yet.
    other = replace(session, code=replace(session.code))
    assert handlers.take_straight(other, straight, SQUARES) == {'straight': None}
    assert replace(done['session'], code=other.code).completed is None


def test_a_video_ends_with_the_completed_face(handlers, inverted):
    av = pytest.importorskip('av', reason="needs PyAV: pip install 'mmgen_bdinvert[video]'")
    session = handlers.straighten(inverted, True)['session']
    straight = handlers.complete(session)['straight']
    session = handlers.take_straight(session, straight, SQUARES)['session']
    with av.open(handlers.save_video(session)['file']['at']) as film:
        frames = [frame.to_ndarray(format='rgb24') for frame in film.decode(video=0)]
    factor = len(frames[0]) // len(session.reconstruction)
    for frame, picture in (
        (frames[0], session.reconstruction),
        (frames[14 + 22], handlers.studio.picture(session)),
    ):
        large = picture.repeat(factor, 0).repeat(factor, 1).astype(int)
        assert np.abs(frame - large).mean() < 6  # H.264 has half of the colours' resolution


def test_what_the_window_has_beyond_the_photo_is_not_known(handlers, shown, monkeypatch):
    far = handlers.place(shown['session'], dict(x=-50, y=50, size=100, angle=0), 'me')
    session = list(handlers.invert(far['session'], 'me'))[-1]['session']
    known = session.photo.place.shown(32, session.photo.size)
    assert known[:, :16].max() == 0 and known[:, 16:].min() == 1
    seen = []
    monkeypatch.setattr(
        'mmgen_bdinvert.studio.straightening.straighten',
        lambda inverter, code, motion, shown: seen.append(shown) or code,
    )
    edit = replace(session.edit, straightened=True).with_motion(GeometricTransform(rotate=5))
    handlers.complete(replace(session, edit=edit))
    assert np.array_equal(seen[0][0, 0].numpy(), known)
    assert handlers.complete(replace(session, edit=edit, refining=True)) == {} and len(seen) == 1


def test_what_is_straightened_stays_in_its_place_in_the_photo(handlers, inverted):
    session = handlers.change(handlers.straighten(inverted, True)['session'], *EDIT)['session']
    in_place = handlers.change(inverted, *EDIT)['session']
    pictures = [handlers.studio.whole_picture(one) for one in (session, in_place)]
    assert np.array_equal(*pictures)


def test_a_motion_out_of_the_limits_is_at_the_limit(handlers, shown):
    far = handlers.place(shown['session'], dict(x=-330, y=-300, size=800, angle=0), 'me')
    session = list(handlers.invert(far['session'], 'me'))[-1]['session']
    assert session.photo.place.square is not None
    assert handlers.straighten(session, True)['scale'] == 2.5


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


def test_a_video_of_a_face_that_was_only_straightened_shows_the_square(handlers, inverted):
    session = handlers.straighten(inverted, True)['session']
    assert handlers.save_video(session)['file']['name'] == 'edit.mp4'
    shown = handlers.save_video(handlers.show(session, WHOLE)['session'])
    assert 'nothing is edited yet' in shown['status']


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
