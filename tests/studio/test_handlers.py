# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.studio.display import look
from mmgen_bdinvert.studio.handlers import Handlers
from mmgen_bdinvert.studio.session import SQUARES, WIPES

NEUTRAL = (0.0, 0.0, 0.0, 1.0, False, 0.0, 0.0)


@pytest.fixture()
def handlers(studio, photos):
    return Handlers(studio, photos)


def opened(handlers, path, key='me'):
    """Open a photo and invert it, as dropping it does; returns all that was shown."""
    shown = handlers.open_photo(handlers.studio.new_session(), path, key)
    return [shown, *handlers.invert(shown['session'], key, again=False)]


def test_a_photo_is_shown_inverted_and_measured(handlers, photos):
    first, *during, last = opened(handlers, photos[0])
    photo = handlers.studio.read_photo(photos[0]).square
    assert first['original'] == look(photo) and first['stage']['picture'] == ''
    assert [set(shown) for shown in during] == [{'reconstruction', 'photo', 'status'}] * 8
    assert 'Step 3 of 6' in during[3]['status'] and '<progress' in during[3]['status']
    assert last['reconstruction'] == last['stage']['picture'] == during[-1]['reconstruction']
    assert 'Inverted in 6 steps: ' in last['status'] and ' dB.' in last['status']
    assert np.array_equal(last['session'].photo.square, photo)


def test_a_photo_that_has_its_code_is_inverted_again_only_if_asked(handlers, photos):
    session = opened(handlers, photos[0])[-1]['session']
    assert list(handlers.invert(session, 'me', again=False)) == [{}]
    again = list(handlers.invert(session, 'me'))
    assert len(again) == 9 and again[-1]['session'].code is not session.code


def test_nothing_to_invert(handlers, session):
    assert list(handlers.invert(handlers.studio.new_session(), 'me', again=False)) == [{}]
    (shown,) = handlers.invert(session, 'me')  # a code from a file has no photo
    assert 'Open a photo first' in shown['status'] and 'session' not in shown


def test_cancelling_keeps_what_was_there(handlers, photos):
    session = opened(handlers, photos[0])[-1]['session']
    steps = handlers.invert(session, 'me')
    next(steps)
    assert handlers.cancel('you') == {'status': '<p role="status">No inversion is running.</p>'}
    assert handlers.cancel('me') == {}
    last = list(steps)[-1]
    assert 'was cancelled at step' in last['status'] and 'session' not in last
    assert last['reconstruction'] == look(session.reconstruction)
    assert 'No inversion' in handlers.cancel('me')['status']


def test_another_photo_cancels_the_inversion_of_the_first(handlers, photos):
    shown = handlers.open_photo(handlers.studio.new_session(), photos[0], 'me')
    steps = handlers.invert(shown['session'], 'me')
    next(steps)
    other = handlers.open_example(shown['session'], 1, 'me')
    assert list(steps)[-1] == {}
    assert other['original'] == look(handlers.studio.read_photo(photos[1]).square)


def test_a_bad_file_leaves_all_as_it_is(handlers, session, tmp_path):
    path = tmp_path / 'x.png'
    path.write_bytes(b'no image')
    for open_it in (handlers.open_photo, handlers.open_code):
        shown = open_it(session, path, 'me')
        assert set(shown) == {'upload', 'status'} and 'class="warning"' in shown['status']
        assert 'x.png' in shown['status'] and str(tmp_path) not in shown['status']


def test_controls_change_the_picture(handlers, session):
    studio = handlers.studio
    shown = handlers.change(session, 0.25, -0.125, 30, 1.5, True, 0.5, -1.0)
    edit = shown['session'].edit
    assert edit.move == GeometricTransform((0.25, -0.125), 30, 1.5, True)
    assert edit.strengths == (0.5, -1.0)
    expected = look(studio.picture(replace(session, edit=edit)))
    assert shown['stage']['picture'] == expected != look(session.reconstruction)
    assert set(shown) == {'session', 'stage', 'whole'}


def test_a_hand_moves_within_the_limits_and_the_controls_follow(handlers, session):
    session = handlers.change(session, 0, 0, 20, 1, True, 0, 0)['session']
    shown = handlers.drag(session, 0.9, -0.2, 99)
    assert (shown['shift_x'], shown['shift_y'], shown['scale']) == (0.5, -0.2, 2.5)
    assert shown['session'].edit.move == GeometricTransform((0.5, -0.2), 20, 2.5, True)
    for bad in (float('nan'), None, 'x'):
        assert 'class="warning"' in handlers.drag(session, bad, 0, 1)['status']


def test_straighten_edit_and_move_back(handlers, session):
    moved = handlers.change(session, 0.1, 0, 0, 1, False, 0, 0)['session']
    straight = handlers.straighten(moved, True)
    assert straight['shift_x'] == 0.0 and straight['stage']['straightened']
    edited = handlers.change(straight['session'], -0.2, 0, 15, 1, False, 1.0, 0)['session']
    assert edited.edit.straighten == GeometricTransform((-0.2, 0), 15)
    back = handlers.straighten(edited, False)
    assert (back['shift_x'], back['rotate'], back['strength_0']) == (0.1, 0, 1.0)
    assert not back['stage']['straightened']
    direct = handlers.change(session, 0.1, 0, 0, 1, False, 1.0, 0)
    assert back['stage']['picture'] == direct['stage']['picture']


def test_undo_and_reset(handlers, session):
    session = handlers.change(session, 0.1, 0, 0, 1, False, 0, 0)['session']
    session = handlers.change(session, 0.1, 0, 0, 1, False, 2.0, 0)['session']
    shown = handlers.reset(session)
    assert [shown[k] for k in ('shift_x', 'scale', 'strength_0')] == [0.0, 1.0, 0.0]
    shown = handlers.undo(shown['session'])
    assert (shown['shift_x'], shown['strength_0']) == (0.1, 2.0)
    shown = handlers.undo(shown['session'])
    assert (shown['shift_x'], shown['strength_0']) == (0.1, 0.0)
    shown = handlers.redo(shown['session'])
    assert (shown['shift_x'], shown['strength_0']) == (0.1, 2.0)


def test_a_reset_right_after_a_slider_can_be_undone(handlers, session, monkeypatch):
    monkeypatch.setattr('time.monotonic', lambda: 1000.0)  # all at once
    moved = handlers.change(session, 0, 0, 0, 1, False, 2.0, 0)['session']
    shown = handlers.undo(handlers.reset(moved)['session'])
    assert shown['strength_0'] == 2.0


def test_wipes_show_the_pair_that_was_chosen(handlers, photos):
    session = opened(handlers, photos[0])[-1]['session']
    photo = session.photo.square
    shown = handlers.show(session, WIPES[0])
    assert all(map(np.array_equal, shown['wipe'], (photo, session.reconstruction)))
    changed = handlers.change(shown['session'], 0.25, 0, 0, 1, False, 0, 0)
    picture = handlers.studio.picture(changed['session'])
    assert all(map(np.array_equal, changed['wipe'], (photo, picture)))
    shown = handlers.show(changed['session'], WIPES[2])
    assert all(map(np.array_equal, shown['wipe'], (session.reconstruction, picture)))
    shown = handlers.show(shown['session'], SQUARES)
    session = shown['session']
    assert shown['view'] == SQUARES
    assert 'wipe' not in handlers.change(session, *NEUTRAL)


def test_a_wipe_with_a_picture_that_is_missing_is_empty(handlers, session):
    assert handlers.show(session, WIPES[0])['wipe'] is None
    assert len(handlers.show(session, WIPES[2])['wipe']) == 2
    assert handlers.show(handlers.studio.new_session(), WIPES[2])['wipe'] is None


def test_what_is_saved_is_what_is_shown(handlers, session):
    session = handlers.change(session, 0.25, 0, 0, 1, False, 1.0, 0)['session']
    files = {}
    for save in (handlers.save_picture, handlers.save_code):
        file = save(session)['file']
        files[file['name']] = file['at']
    picture = handlers.studio.picture(session)
    assert np.array_equal(np.asarray(Image.open(files['edit.png'])), picture)
    shown = handlers.open_code(session, files['code.safetensors'], 'me')
    assert shown['tabs'] == SQUARES
    assert shown['stage']['picture'] == shown['reconstruction'] == look(picture)
    assert shown['original'] == '' and shown['shift_x'] == 0.0


def test_without_a_code_every_control_says_so(handlers):
    session = handlers.studio.new_session()
    answers = [
        handlers.change(session, *NEUTRAL),
        handlers.drag(session, 0.1, 0.1, 1),
        handlers.straighten(session, True),
        handlers.undo(session),
        handlers.redo(session),
        handlers.reset(session),
        handlers.save_photo(session),
        handlers.save_picture(session),
        handlers.save_code(session),
        handlers.save_video(session),
    ]
    for shown in answers:
        assert 'Open a photo or a code file first.' in shown['status']


def test_a_photo_that_is_not_inverted_cannot_be_edited(handlers, photos):
    session = handlers.open_photo(handlers.studio.new_session(), photos[0], 'me')['session']
    assert 'not inverted yet' in handlers.undo(session)['status']


def test_a_video_of_nothing_is_refused(handlers, session):
    shown = handlers.save_video(session)
    assert shown['file'] is None and 'nothing is edited yet' in shown['status']


def test_a_damaged_code_is_one_sentence(handlers, session, code, tmp_path, damage):
    code.save(tmp_path / 'code.safetensors')
    damage(tmp_path / 'code.safetensors')
    shown = handlers.open_code(session, tmp_path / 'code.safetensors', 'me')
    assert set(shown) == {'upload', 'status'} and str(tmp_path) not in shown['status']
    assert 'code.safetensors' in shown['status'] and '\n' not in shown['status'].strip()
