# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest

from benchmarks.quality.intervals import mean_interval, paired_interval
from benchmarks.quality.summary import ALL_EDITS, MOVED, best_strengths, summarise
from tests.fixtures.benchmark_rows import PSNR


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
