# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The page on performance shows the figures of which its picture is drawn, with their commands."""

import csv
import re
import shlex
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / 'docs'
if not DOCS.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)
PAGE = (DOCS / 'performance.md').read_text(encoding='utf-8')
DETAILS = (DOCS / 'performance_details.md').read_text(encoding='utf-8')
with (DOCS / 'performance.csv').open(encoding='utf-8', newline='') as file:
    FIGURES = list(csv.DictReader(file))
COLUMNS = {'unmodified mmgen': 1, 'float32': 2, 'bfloat16': 3, 'gradients in bfloat16': 3}


@pytest.fixture(scope='module')
def table():
    """The cells of the page's first table by their row's name."""
    lines = re.search(r'(?:^\|.*\n)+', PAGE, re.MULTILINE)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {row[0]: row for row in rows}


def test_the_table_has_the_rows_of_the_figures(table):
    assert list(table) == list(dict.fromkeys(row['what'] for row in FIGURES))
    filled = sum(bool(cell) for cells in table.values() for cell in cells[1:])
    assert filled == len(FIGURES)


@pytest.mark.parametrize('row', FIGURES, ids=lambda row: f'{row["what"]}: {row["side"]}')
def test_a_figure_stands_on_the_page_and_in_the_details(table, row):
    words = table[row['what']][COLUMNS[row['side']]].replace('*', '')
    assert words.startswith(f'{row["value"]} {row["unit"]}')
    if row['side'] != 'unmodified mmgen':
        assert words.split(', ')[1].split()[0].rstrip('×') == row['times']
    assert re.search(rf'(?<![\d.]){re.escape(row["value"])}(?![\d.]*\d)', DETAILS)


def test_every_command_stands_on_the_page():
    block = re.search(r'```bash\n(.*?)```', PAGE, re.DOTALL)[1].replace('\\\n', ' ')
    shown = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert shown == [shlex.split(c) for c in dict.fromkeys(row['command'] for row in FIGURES)]
