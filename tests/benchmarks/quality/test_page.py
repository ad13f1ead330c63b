# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import re

from benchmarks.quality.page import write_page
from benchmarks.quality.summary import summarise


def page(plan, rows, **settings):
    settings = {
        'measured': 'Three faces were measured.',
        'figures': ('benchmark.png', 'pace.png'),
        **settings,
    }
    return write_page(plan, summarise(plan, rows), **settings)


def tables(text):
    return [block.splitlines() for block in re.findall(r'(?:^\|.*\n)+', text, re.MULTILINE)]


def test_the_page_begins_with_a_table_the_figure_and_what_it_says(make_plan, rows):
    command = 'python -m benchmarks.quality toon64'
    text = page(make_plan(), rows, pictures=['reconstructions.png'], command=command)
    order = [
        '# Inversion methods compared\n',
        'Three faces were measured.',
        '| method | perceptual distance judge, all moved',
        '![Means and intervals by method](benchmark.png)',
        '## What it says\n\n- Against the methods without a base code',
        '- Against the methods without a regulariser',
        '- What speaks against BDInvert',
        f'```bash\n{command}\n```',
        '![reconstructions](reconstructions.png)',
        '## The measures',
        '## Reconstruction: aligned',
        '## Reconstruction: shifted',
        '## Reconstruction: scaled',
        '## Reconstruction: all moved',
        '## Paired difference to BDInvert: all moved',
        '## Edits',
        '### pale skin: aligned',
        '### pale skin: all moved',
        '## Verdicts',
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places and places == sorted(places)
    assert len(tables(text[: text.index('## What it says')])) == 1


def test_the_first_table_has_a_column_for_each_question(make_plan, rows):
    plan = make_plan()
    cells = {(c.kind, c.method, c.edit, c.metric.key): c.value for c in summarise(plan, rows)}
    head, _, *lines = tables(page(plan, rows))[0]
    assert len(lines) == 3 and '(less is better)' in head and '(more is better)' in head
    for method, line in zip(plan.methods, lines):
        row = [cell.strip(' *') for cell in line.strip('|').split('|')]
        assert row[0] == plan.methods[method]
        assert row[-3:] == [
            str(cells['all moved', method, '', 'judge']),
            str(cells['all moved', method, '', 'psnr']),
            str(cells['all moved', method, 'pale skin', 'gap']),
        ]


def test_combined_motions_have_the_psnr_where_they_were_measured(make_plan, rows):
    renamed = {
        m: {'combined' if k == 'scaled' else k: r for k, r in kinds.items()}
        for m, kinds in rows.items()
    }
    text = page(make_plan(), renamed)
    head, _, *lines = tables(text)[0]
    assert 'PSNR (dB), combined (more is better)' in head
    assert '| 19.00 [18.00, 20.00] |' in lines[0]


def test_photos_have_one_kind_and_no_edits(make_plan, rows):
    photos = {
        m: {'aligned': [{**row, 'edits': {}} for row in kinds['aligned']]}
        for m, kinds in rows.items()
    }
    text = page(make_plan(edits=(), classifier=None), photos)
    head, *_ = tables(text)[0]
    assert 'gap left' not in head and 'PSNR (dB), aligned' in head
    assert '## Edits' not in text and '## Verdicts' not in text
    assert '- What speaks against BDInvert: ' in text
