# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A face in alignment, completed, and back in its place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import render, straighten, transform
from mmgen_bdinvert.geometry import GeometricTransform, compose, inverse
from mmgen_bdinvert.studio.display import look
from mmgen_bdinvert.studio.session import SQUARES, WHOLE

EDIT = (0.0, 0.0, 0.0, 1.0, False, 3.0, 0.0)


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


def test_a_video_of_a_face_that_was_only_straightened_shows_the_square(handlers, inverted):
    session = handlers.straighten(inverted, True)['session']
    assert handlers.save_video(session)['file']['name'] == 'edit.mp4'
    shown = handlers.save_video(handlers.show(session, WHOLE)['session'])
    assert 'nothing is edited yet' in shown['status']
