# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.studio import Edit, Session

NOTHING = Edit(strengths=(0.0, 0.0))


def shifted(edit, dx):
    return edit.with_motion(GeometricTransform((dx, 0.0)))


def test_one_gesture_is_one_undo():
    session = Session(NOTHING)
    for i in range(1, 6):  # a slider that is dragged
        session = session.edited(shifted(NOTHING, i / 10), now=10 + 0.2 * i)
    one = session.edit
    session = session.edited(replace(one, strengths=(1.0, 0.0)), now=11.1)  # another slider
    session = session.edited(replace(one, strengths=(2.0, 0.0)), now=20.0)  # the same, later
    assert session.past == (NOTHING, one, replace(one, strengths=(1.0, 0.0)))
    for expected in (replace(one, strengths=(1.0, 0.0)), one, NOTHING, NOTHING):
        session = session.undone()
        assert session.edit == expected


def test_what_is_undone_is_redone_until_something_else_changes():
    one, two = shifted(NOTHING, 0.1), shifted(NOTHING, 0.2)
    session = Session(NOTHING).edited(one, now=1.0).edited(two, now=9.0)
    assert session.redone() is session
    back = session.undone().undone()
    assert (back.edit, back.redone().edit, back.redone().redone().edit) == (NOTHING, one, two)
    assert back.redone().redone().undone().edit == one
    other = back.edited(shifted(NOTHING, -0.3), now=20.0)
    assert other.redone() is other and other.undone().edit == NOTHING


def test_the_same_value_after_an_undo_is_a_gesture_of_its_own():
    session = Session(NOTHING).edited(shifted(NOTHING, 0.1), now=1.0).undone()
    session = session.edited(shifted(NOTHING, 0.2), now=1.1)
    assert session.past == (NOTHING,) and session.undone().edit == NOTHING


def test_a_button_is_a_gesture_of_its_own_however_soon():
    one, two = (replace(NOTHING, strengths=(value, 0.0)) for value in (1.0, 2.0))
    session = Session(NOTHING).edited(one, now=1.0)
    session = session.edited(NOTHING, now=1.1, at_once=True).edited(two, now=1.2)
    assert session.past == (NOTHING, one, NOTHING)
    assert session.undone().undone().edit == one


def test_what_changes_nothing_cannot_be_undone():
    session = Session(NOTHING)
    assert session.edited(NOTHING, now=1.0) is session and session.undone() is session


def test_the_past_is_finite():
    session = Session(NOTHING)
    for i in range(1, 300):
        session = session.edited(shifted(NOTHING, i / 1000), now=2.0 * i)
    assert len(session.past) == 100
    assert session.past[-1] == shifted(NOTHING, 0.298)
