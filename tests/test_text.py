# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Hostile names in what people read."""

import html
import io

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import say
from bdinvert_cli.sentences import one_sentence
from bdinvert_cli.text import from_csv, markdown_text, printable, to_csv
from mmgen_bdinvert.jobs import ImageOutcome
from mmgen_bdinvert.jobs.progress import InversionProgress, summary_table
from mmgen_bdinvert.jobs.report import save_report

NAMES = [
    '<img src=x onerror=alert(1)>.png',
    '![x](http://localhost/y)',
    '[x](javascript:alert(1))',
    'a | b || c',
    '`code` **bold** _slant_ ~~gone~~ $x$',
    r'back\slash\\|.png',
    '&lt;b&gt; &#33;',
    'http://localhost/x.png www.localhost.example a@b.example',
    '<http://localhost>',
    '[red]markup[/] [/red] \\[bold]x',
    '\x1b[31mred\x1b]8;;http://x\x07',
    'new\nline\r\ttab\u2028\u2029\x85',
    'turned \u202egnp.exe hidden \u200b\ufeff',
    'no text \udcff',
    '# one',
    'photo_1 (2).png',
]


@pytest.mark.parametrize('name', NAMES)
def test_what_is_printable_is_one_line(name):
    text = printable(name)
    assert text.isprintable() and text.encode()
    assert text == name or not name.isprintable()


def test_letters_of_all_languages_stay():
    assert printable('写真 é ж \U0001f600 a b') == '写真 é ж \U0001f600 a b'
    assert printable('a\x1b\n\u202e\udcff') == r'a\x1b\n\u202e\udcff'


@pytest.mark.parametrize('name', NAMES)
def test_markdown_shows_the_name_and_obeys_no_mark_in_it(name):
    table = f'| {markdown_text(name)} | end |\n| --- | --- |\n| {markdown_text(name)} | end |\n'
    shown = MarkdownIt('commonmark').enable('table').enable('strikethrough')
    parsed = shown.render(table)
    assert '://' not in table and 'www.' not in table  # GitHub makes links of them
    cell = html.escape(printable(name).strip(), quote=True).replace('&#x27;', "'")
    assert f'<td>{cell}</td>\n<td>end</td>' in parsed
    assert f'<th>{cell}</th>\n<th>end</th>' in parsed


@pytest.mark.parametrize('name', NAMES)
def test_the_report_and_the_terminal_show_names_and_reasons_as_they_are(name, tmp_path):
    done = ImageOutcome(name, name, 'done', '', {'psnr': 9.0, 'seconds': 1.0})
    failed = ImageOutcome(name, name, 'failed', f'{name} is damaged')
    save_report(tmp_path / 'report.md', [done, failed])
    report = (tmp_path / 'report.md').read_text()
    assert f'| {markdown_text(name)} | failed | {markdown_text(failed.reason)} |' in report
    assert f'| {markdown_text(name)} | done | 9.00 |' in report
    assert all(line.isprintable() for line in report.split('\n'))

    screen = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    screen.print(summary_table([done, failed]))
    assert printable(name)[:39] in screen.file.getvalue()
    assert '\x1b' not in screen.file.getvalue()


def test_a_failure_is_one_line_of_the_log(capsys):
    with InversionProgress(1) as progress:
        progress.on_image(ImageOutcome('a\x1b[31m\nb', 'x', 'failed', 'c\x1b[31m\n[red]d'))
        progress.on_image(
            ImageOutcome('a\x1b[31m\nb', 'x', 'done', '', {'psnr': 1.0, 'seconds': 1.0})
        )
    assert capsys.readouterr().err.splitlines() == [
        r'error: c\x1b[31m\n[red]d',
        r'a\x1b[31m\nb: 1.0 dB, 1.0 s',
    ]


def test_sentences_and_wrong_arguments_are_printable(capsys):
    assert one_sentence(ValueError('no \x1b[31m\u202e')) == r'no \x1b[31m\u202e'
    assert one_sentence(KeyError('\x1b')) == r"the setting '\x1b' is missing: check the config"
    with pytest.raises(SystemExit):
        ToolParser(prog='x').parse_args(['\x1b[31m\u202e'])
    assert r'unrecognized arguments: \x1b[31m\u202e' in capsys.readouterr().err
    say('a\nb')
    assert capsys.readouterr().out == 'a\\nb\n'


FORMULAS = ['=1+1', '+1', '-1', '@x', "'=1", "''-1", '\uff1d1', '\t=1', '\r=1', "'x' is", '']


@pytest.mark.parametrize('name', [*NAMES, *FORMULAS])
def test_cells_of_a_table_are_no_formula(name):
    cell = to_csv(name)
    assert cell.isprintable() and not cell.startswith(tuple('=+-@\uff1d'))
    assert from_csv(cell) == name
    assert to_csv(-1.5) == -1.5 and to_csv(None) is None
