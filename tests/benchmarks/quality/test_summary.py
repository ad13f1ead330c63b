# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import math

import pytest

from benchmarks.quality.intervals import mean_interval, paired_interval
from benchmarks.quality.summary import ALL_EDITS, MOVED, best_strengths, summarise, verdicts

PSNR = {
    'w_plus': dict(aligned=[20, 22, 21], shifted=[15, 16, 14], scaled=[18, 19, 20]),
    'fw_plain': dict(aligned=[30, 31, 29], shifted=[28, 27, 29], scaled=[28, 27, 29]),
    'bdinvert_16': dict(aligned=[29, 28, 30], shifted=[27, 28, 26], scaled=[19, 21, 17]),
}
GAPS = {  # of the strengths 0.5 and 1
    'w_plus': (0.9, 1.4),
    'fw_plain': (1.0, 0.8),
    'bdinvert_16': (0.5, 0.3),
}


def edits(gaps, face):
    if face == 2:
        return {}
    return {
        'pale skin': {
            f'{s:g}': dict(gap=gap + 0.01 * face, done=float(gap < 0.4), kept=1.0, outside=0.1)
            for s, gap in zip((0.5, 1), gaps)
        }
    }


@pytest.fixture(scope='module')
def rows():
    return {
        method: {
            kind: [
                dict(psnr=v, judge=1 / v, seconds=1.0, edits=edits(GAPS[method], i))
                for i, v in enumerate(values)
            ]
            for kind, values in kinds.items()
        }
        for method, kinds in PSNR.items()
    }


def find(cells, kind, method, key, edit=''):
    (cell,) = (
        c for c in cells if (c.kind, c.method, c.metric.key, c.edit) == (kind, method, key, edit)
    )
    return cell


def test_means_intervals_and_paired_differences(make_plan, rows):
    cells = summarise(make_plan(), rows)
    cell = find(cells, 'shifted', 'w_plus', 'psnr')
    assert cell.value == mean_interval(PSNR['w_plus']['shifted'])
    assert cell.difference == paired_interval(
        PSNR['w_plus']['shifted'], PSNR['bdinvert_16']['shifted']
    )
    assert find(cells, 'shifted', 'bdinvert_16', 'psnr').difference.count == 0
    assert not [c for c in cells if c.metric.key == 'ssim']  # it was not measured


def test_a_face_counts_once_over_the_moved_kinds(make_plan, rows):
    cell = find(summarise(make_plan(), rows), MOVED, 'w_plus', 'psnr')
    assert cell.value == mean_interval([16.5, 17.5, 17.0])
    alone = {m: {'shifted': kinds['shifted']} for m, kinds in rows.items()}
    assert {c.kind for c in summarise(make_plan(), alone)} == {'shifted'}


def test_each_method_gets_the_strength_that_serves_it_best(make_plan, rows):
    plan = make_plan()
    assert best_strengths(plan, rows) == {
        ('w_plus', 'pale skin'): '0.5',
        ('fw_plain', 'pale skin'): '1',
        ('bdinvert_16', 'pale skin'): '1',
    }
    cell = find(summarise(plan, rows), 'shifted', 'w_plus', 'gap', 'pale skin')
    assert (cell.strength, cell.value.count) == ('0.5', 2)  # the third face is not edited
    assert cell.value.mean == pytest.approx(0.905)


def test_all_edits_average_over_the_edits_of_a_face(make_plan, rows, pale):
    other = type(pale)(**{**vars(pale), 'name': 'other'})
    both = {
        m: {
            k: [
                {**row, 'edits': {**row['edits'], 'other': {'0.5': dict(gap=0.1), '1': {}}}}
                for row in found
            ]
            for k, found in kinds.items()
        }
        for m, kinds in rows.items()
    }
    cells = summarise(make_plan(edits=(pale, other)), both)
    cell = find(cells, 'shifted', 'bdinvert_16', 'gap', ALL_EDITS)
    assert cell.value == mean_interval([(0.3 + 0.1) / 2, (0.31 + 0.1) / 2, 0.1])


def test_verdicts_say_what_is_better_and_whether_intervals_are_apart(make_plan, rows):
    plan = make_plan()
    lines = verdicts(plan, summarise(plan, rows))
    assert len(lines) == 2 * 2 + 2  # kinds × (PSNR, judge), and gap and done of the one edit
    assert lines[0].startswith('BDInvert against W+, shifted, PSNR (dB): **better, intervals apart')
    (scaled,) = (line for line in lines if 'W+, scaled, PSNR' in line)
    assert '**equal, intervals overlap** (19.00 [' in scaled
    (gap,) = (line for line in lines if 'gap left' in line)
    assert 'BDInvert against free, pale skin, all moved' in gap
    assert '**better, intervals apart** (0.305 [0.300, 0.310] and 0.805' in gap


def test_missing_methods_leave_no_verdict(make_plan, rows):
    plan = make_plan()
    part = {name: rows[name] for name in ('w_plus', 'fw_plain')}
    cells = summarise(plan, part)
    assert verdicts(plan, cells) == []
    assert all(c.difference.count == 0 and math.isnan(c.difference.mean) for c in cells)
