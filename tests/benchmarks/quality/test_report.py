# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import csv

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.faces import DrawnFaces
from benchmarks.quality.pace import plot_pace
from benchmarks.quality.page import write_page
from benchmarks.quality.report import write_report
from benchmarks.quality.runner import Benchmark
from benchmarks.quality.summary import summarise
from benchmarks.quality.tables import csv_rows


@pytest.fixture(scope='module')
def run(make_plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    faces = DrawnFaces(3, 32)
    benchmark = Benchmark(make_plan(), faces, ['aligned', 'shifted'], folder, device='cpu')
    return benchmark, benchmark.run()


def test_a_report_is_written(run, tmp_path):
    benchmark, rows = run
    files = write_report(benchmark, rows, tmp_path / 'report')
    names = 'benchmark.md benchmark.csv benchmark.png pace.png reconstructions.png edits.png'
    assert [file.name for file in files] == names.split()
    assert all(file.is_file() for file in files)
    width = Image.open(tmp_path / 'report' / 'reconstructions.png').width
    assert width > 4 * 96  # the target and three methods
    with (tmp_path / 'report' / 'benchmark.csv').open(encoding='utf-8') as file:
        table = list(csv.DictReader(file))
    psnr = np.mean([row['psnr'] for row in rows['w_plus']['shifted']])
    (found,) = (
        row
        for row in table
        if (row['kind'], row['method'], row['metric']) == ('shifted', 'w_plus', 'PSNR (dB)')
    )
    assert float(found['mean']) == pytest.approx(psnr)
    assert found['faces'] == '3' and found['edit'] == found['strength'] == ''
    text = files[0].read_text(encoding='utf-8')
    assert '3 held-out drawn faces, each aligned and shifted, were inverted into the' in text
    assert ' generator of tiny by 3 methods, those that optimise for 2 steps. ' in text
    assert (
        text.index('(benchmark.png)')
        < text.index('(pace.png)')
        < text.index('## What it says')
        < text.index('(edits.png)')
    )


def test_the_tables_show_every_method(run):
    benchmark, rows = run
    cells = summarise(benchmark.plan, rows)
    text = write_page(benchmark.plan, cells, measured='Three faces.')
    assert text.startswith('# Inversion methods compared\n\nThree faces.\n')
    for part in ('## Reconstruction: aligned', '## Reconstruction: shifted', '### pale skin'):
        section = text[text.index(part) :].split('\n#')[0]
        lines = [line for line in section.splitlines() if line.startswith('|')]
        columns = {line.count('|') for line in lines}
        assert len(columns) == 1 and len(lines) >= 2 + 3
        names = [line.split('|')[1].strip() for line in lines[2:]]
        assert names[:3] == ['W+', 'free', 'BDInvert']
    assert '| the drawn truth itself |' in text and '## Verdicts' in text
    section = text[text.index('## Reconstruction: aligned') :]
    column = [line for line in section.splitlines() if line.startswith('| W+')][0]
    assert f'{rows["w_plus"]["aligned"][0]["psnr"]:.0f}'[:1] in column
    assert len(csv_rows(cells)) == len(cells)


def test_a_part_of_the_methods_is_reported_too(run, tmp_path):
    benchmark, rows = run
    part = {'w_plus': rows['w_plus']}
    assert len(write_report(benchmark, part, tmp_path)) == 6
    text = (tmp_path / 'benchmark.md').read_text(encoding='utf-8')
    assert '| W+ |' in text and '| BDInvert |' not in text


def test_without_edits_there_is_no_picture_of_them(make_plan, tmp_path):
    plan = make_plan(edits=(), classifier=None)
    benchmark = Benchmark(plan, DrawnFaces(2, 32), ['shifted'], tmp_path / 'out', device='cpu')
    files = write_report(benchmark, benchmark.run(['w_plus']), tmp_path / 'report')
    assert 'edits.png' not in [file.name for file in files]
    assert '## Edits' not in files[0].read_text(encoding='utf-8')


def test_the_pace_has_a_point_for_each_method(run, tmp_path, monkeypatch):
    benchmark, rows = run
    figures = []
    monkeypatch.setattr('benchmarks.quality.pace.save_figure', lambda f, path: figures.append(f))
    cells = summarise(benchmark.plan, rows)
    plot_pace(benchmark.plan, cells, tmp_path / 'pace.png')
    axes = figures[0].axes
    assert [axis.get_title() for axis in axes] == ['PSNR (dB) ↑', 'judge ↓']
    for axis, key in zip(axes, ('psnr', 'judge')):
        assert axis.get_xscale() == 'log'
        points, labels = axis.get_legend_handles_labels()
        assert labels == list(benchmark.plan.methods.values())
        for point, method in zip(points, benchmark.plan.methods):
            found = rows[method]['shifted']
            expected = [np.mean([row[name] for row in found]) for name in ('seconds', key)]
            place = point.lines[0].get_xydata()[0]
            assert place == pytest.approx((max(expected[0], 1e-3), expected[1]))
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == labels


def test_a_method_may_take_fewer_faces(make_plan, tmp_path):
    plan = make_plan(edits=(), classifier=None, most_faces=dict(w_plus=2))
    benchmark = Benchmark(plan, DrawnFaces(3, 32), ['shifted'], tmp_path / 'out', device='cpu')
    rows = benchmark.run(['w_plus', 'bdinvert_16'])
    assert [len(row) > 1 for row in rows['w_plus']['shifted']] == [True, True, False]
    counts = {c.method: c.value.count for c in summarise(plan, rows) if c.metric.key == 'psnr'}
    assert counts == dict(w_plus=2, bdinvert_16=3)
    text = write_report(benchmark, rows, tmp_path / 'report')[0].read_text(encoding='utf-8')
    assert 'Fewer faces of each kind: W+: 2.' in text
