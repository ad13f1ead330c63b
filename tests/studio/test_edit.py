# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

import torch

from mmgen_bdinvert.apis import edit, transform
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.studio import Edit

MOVE = GeometricTransform((0.25, -0.1), 30, 1.44, True)
TURN = GeometricTransform(rotate=-20)


def test_the_motion_shown_is_the_one_that_is_applied_and_changed(inverter, code, studio):
    moved = Edit(move=MOVE, straighten=TURN, strengths=(0.0, 0.0))
    straight = replace(moved, straightened=True)
    for state, motion in ((moved, MOVE), (straight, TURN)):
        assert state.motion == motion
        found = state.apply(inverter, code, studio.directions)
        assert torch.equal(found.base, transform(inverter, code, motion).base)
        assert torch.equal(found.detail, code.detail)
    assert moved.with_motion(TURN) == replace(moved, move=TURN)
    assert straight.with_motion(MOVE) == replace(straight, straighten=MOVE)


def test_strengths_add_up_their_directions(inverter, code, studio):
    found = Edit(strengths=(1.5, -2.0)).apply(inverter, code, studio.directions)
    expected = code
    for direction, strength in zip(studio.directions, (1.5, -2.0)):
        expected = edit(inverter, expected, direction, strength)
    torch.testing.assert_close(found.detail, expected.detail)
    assert torch.equal(found.base, code.base)


def test_an_edit_made_straight_comes_back_with_the_base_code_as_it_was(inverter, code, studio):
    straight = Edit(straighten=TURN, straightened=True, strengths=(1.0, 0.0))
    back = replace(straight, straightened=False)
    there, here = (state.apply(inverter, code, studio.directions) for state in (straight, back))
    assert torch.equal(here.base, code.base) and not torch.equal(there.base, code.base)
    assert torch.equal(here.detail, there.detail) and not torch.equal(here.detail, code.detail)


def test_the_way_to_an_edit():
    state = Edit(move=MOVE, straighten=TURN, strengths=(2.0, -1.0))
    assert state.at(0).is_nothing and state.at(1) == state
    half = state.at(0.5)
    assert half.move == replace(MOVE, shift=(0.125, -0.05), rotate=15, scale=1.44**0.5)
    assert half.straighten == TURN and half.strengths == (1.0, -0.5)
    assert not state.at(0.49).move.flip
    straight = replace(state, straightened=True).at(0.25)
    assert straight.straighten.rotate == -5 and straight.move == MOVE


def test_what_differs_is_named():
    state = Edit(strengths=(0.0, 0.0))
    other = replace(state, move=GeometricTransform((0.1, 0.2)), strengths=(0.0, 1.0))
    assert other.differences(state) == {'move shift', 'strength 1'}
    assert state.differences(state) == frozenset()
    assert replace(state, straightened=True).differences(state) == {'straightened'}


def test_a_code_in_alignment_is_moved_on_by_what_is_left(inverter, code):
    mirrored = GeometricTransform(flip=True)
    edit = Edit(straighten=GeometricTransform((0.25, 0.0), flip=True), straightened=True)
    aligned = transform(inverter, code, mirrored)
    on = edit.apply(inverter, aligned, (), aligned_by=mirrored)
    assert torch.equal(on.base, edit.apply(inverter, code, ()).base)
    still = replace(edit, straighten=mirrored).apply(inverter, aligned, (), aligned_by=mirrored)
    assert torch.equal(still.base, aligned.base)
