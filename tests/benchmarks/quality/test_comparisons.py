# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math
from dataclasses import replace

import pytest

from benchmarks.quality.comparisons import (
    conclusions,
    edit_comparisons,
    motion_comparisons,
    verdict,
)
from benchmarks.quality.summary import summarise


def compared(plan, rows):
    cells = summarise(plan, rows)
    found = [*motion_comparisons(plan, cells), *edit_comparisons(plan, cells)]
    return [verdict(plan, comparison) for comparison in found]


def test_verdicts_say_what_is_better_and_whether_intervals_are_apart(make_plan, rows):
    lines = compared(make_plan(), rows)
    assert len(lines) == 2 * 2 + 2  # kinds × (PSNR, judge), and gap and done of the one edit
    assert lines[0].startswith('BDInvert against W+, shifted, PSNR (dB): **better, intervals apart')
    (scaled,) = (line for line in lines if 'W+, scaled, PSNR' in line)
    assert '**equal, intervals overlap** (19.00 [' in scaled
    (gap,) = (line for line in lines if 'gap left' in line)
    assert 'BDInvert against free, pale skin, all moved' in gap
    assert '**better, intervals apart** (0.305 [0.300, 0.310] and 0.805' in gap


def test_missing_methods_leave_no_verdict_and_no_conclusion(make_plan, rows):
    plan = make_plan()
    part = {name: rows[name] for name in ('w_plus', 'fw_plain')}
    cells = summarise(plan, part)
    assert compared(plan, part) == [] == conclusions(plan, cells)
    assert all(c.difference.count == 0 and math.isnan(c.difference.mean) for c in cells)
    alone = {'bdinvert_16': rows['bdinvert_16']}
    assert conclusions(plan, summarise(plan, alone)) == []


def test_conclusions_count_what_is_won_and_name_what_is_lost(make_plan, rows):
    plan = make_plan()
    moved, edits, against = conclusions(plan, summarise(plan, rows))
    # Shifted, both measures are better, the intervals apart; scaled, the PSNR is equal and the
    # judge's mean worse.
    assert 'without a base code (W+), BDInvert rebuilds moved faces better in 2 of 4' in moved
    assert ' comparisons of PSNR (dB) and judge, in 2 of them with intervals that do' in moved
    assert 'BDInvert edits better in 2 of 2 comparisons of gap left and edit seen' in edits
    summary, *lists = against.splitlines()
    assert 'other methods are ahead of it in the measures below, and its edits' in summary
    assert 'edits leave 0.305 of the error' in summary and '(pale skin, all moved)' in summary
    # Aligned, `free` is 1, 3 and -1 dB ahead, with 0 in the interval.
    (moved_list,) = lists
    assert moved_list.startswith('  - all moved: PSNR (dB) (free: 28 against 23), judge (free: ')


@pytest.mark.parametrize('share', [1, 0.5])
def test_a_method_that_is_not_surely_ahead_is_not_named(make_plan, rows, share):
    """`free` is as the reference, but for a gain on one face: 0 is in the interval."""
    ours = rows['bdinvert_16']
    close = {
        kind: [{**row, 'judge': row['judge'] * (share if i == 0 else 1)} for i, row in enumerate(r)]
        for kind, r in ours.items()
    }
    plan = make_plan()
    (*_, against) = conclusions(plan, summarise(plan, {'fw_plain': close, 'bdinvert_16': ours}))
    assert 'no other method is ahead of it in any measure' in against and '\n' not in against


def test_the_mean_over_all_edits_is_not_counted_as_one_more(make_plan, rows, pale):
    other = replace(pale, name='other')
    both = {
        m: {
            k: [
                {**row, 'edits': {**row['edits'], 'other': row['edits'].get('pale skin', {})}}
                for row in found
            ]
            for k, found in kinds.items()
        }
        for m, kinds in rows.items()
    }
    plan = make_plan(edits=(pale, other))
    _, edits, against = conclusions(plan, summarise(plan, both))
    assert 'BDInvert edits better in 4 of 4 comparisons' in edits
    assert '(all edits, all moved)' in against
