# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Names that would steer what a person opens: terminals, tables, reports, pages."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

from hostile import DONE, FAILED, Case, Ended, bdinvert
from ingredients import PNG, write

NAMES = {
    'HTML': '<img src=x onerror=alert(1)>',
    'image of Markdown': '![x](http:⁄⁄localhost)',
    'link of Markdown': '[x](javascript:alert(1))',
    'cells': 'a | b || c',
    'marks': '`code` **bold** _slant_ $x$',
    'entity': '&lt;script&gt;',
    'formula': '=HYPERLINK("x")',
    'plus': '+1+1',
    'minus': '-1+1',
    'at': '@SUM(1)',
    'full-width': '\uff1d1+1',
    'apostrophe': "'=1",
    'tab': '\t=1',
    'carriage return': '\r=1',
    'rich': '[red]x \\[bold] [-]',
    'escape': '\x1b[31m\x1b]0;title\x07',
    'one byte escape': '\x9b31m',
    'turned': 'x\u202egnp',
    'hidden': 'x\u200b\u2066\ufeff',
    'separators': 'x\u2028\u2029\x85\x0b',
    'no text': os.fsdecode(b'\xff\x9b'),
    'quotes': '",\n"=1',
    'template': '{{ 7 * 7 }}{% raw %}',
    'mathematics': '$\\frac$',
}
INVERT = ('invert', 'bdinvert_inv_toon64', 'photos', '--out-dir', 'out', '--steps', '1')
FORMULAS = tuple('=+-@\t\r\uff1d\uff0b\uff0d\uff20')


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))


def make() -> None:
    for name in NAMES.values():
        write({f'photos/{name}.png': PNG, f'photos/{name} bad.png': b'no photo'})


def outward(ended: Ended) -> None:
    """Read what a person opens as programs for people do."""
    import csv

    from markdown_it import MarkdownIt

    from mmgen_bdinvert.jobs.results import read_table

    for path in (Path('out/report.md'), Path('out/summary.csv')):
        lines = path.read_text('utf-8').split('\n')
        strange = [line for line in lines if not line.rstrip('\r').isprintable()]
        assert not strange, ascii(strange)
    tags = Tags(MarkdownIt('commonmark').enable('table').render(Path('out/report.md').read_text()))
    kinds = {tag for tag, _ in tags.found}
    assert not kinds & {'img', 'a', 'script', 'em', 'strong', 'code'}, kinds
    with open('out/summary.csv', newline='', encoding='utf-8') as file:
        rows = list(csv.reader(file))
    for cell in (cell for row in rows for cell in row if not _is_number(cell)):
        assert not cell.startswith(FORMULAS), cell
    names = {f'{name}{end}.png' for name in NAMES.values() for end in ('', ' bad')}
    sources = {os.path.basename(row['source']) for row in read_table('out/summary.csv')}
    assert sources == names, sources ^ names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def page(ended: Ended) -> None:
    text = Path('out/report.html').read_text('utf-8')
    assert all(line.isprintable() for line in text.split('\n'))
    tags = Tags(text)
    assert not [attributes for _, attributes in tags.found if 'onerror' in attributes]
    assert sum(tag == 'script' for tag, _ in tags.found) == 1
    assert not [a for tag, a in tags.found if tag == 'img' and not a['src'].startswith('data:')]
    assert html.escape(NAMES['HTML']) in text and '49' not in NAMES['template']


def make_inverted() -> None:
    make()
    assert bdinvert(*INVERT).code == 1


def on_a_terminal(words: tuple[str, ...]) -> Callable[[], None]:
    """Return a command that runs a tool on a terminal, and prints what it printed, ascii()."""

    def command() -> None:
        import pty

        output = bytearray()

        def read(descriptor: int) -> bytes:
            data = os.read(descriptor, 1 << 16)
            output.extend(data)
            return b'.'

        tool = Path(__file__).parents[2] / 'tools' / f'{words[0]}.py'
        os.environ['TERM'] = 'xterm-256color'
        status = pty.spawn([sys.executable, str(tool), *words[1:]], read)
        text = output.decode('utf-8', 'surrogateescape')
        assert '\x1b[' in text, 'it is a terminal'
        for part in ('\x1b]', '\x07', '\x9b', '\u202e', '\u2066', '\u2028', '\x1b[31mx'):
            assert part not in text, ascii(part)
        raise SystemExit(os.waitstatus_to_exitcode(status))

    return command


def wrong_words(name: str, *words: str) -> Case:
    return Case(f'argument: {name}', words, says='error: ', writes=('out', 'work_dirs'))


ESCAPE, TURNED = NAMES['escape'], NAMES['turned']
CASES = [
    Case(
        'what a run leaves',
        INVERT,
        make,
        code=1,
        outcomes={
            f'photos/{name}{end}.png': outcome
            for name in NAMES.values()
            for end, outcome in (('', DONE), (' bad', FAILED))
        },
        check=outward,
        sample=True,
    ),
    Case('the page', ('report', 'out'), make_inverted, 0, check=page, changes=('out',)),
    Case('a terminal', on_a_terminal(INVERT), make, 1),
    Case(
        'a folder for the results',
        (*INVERT[:3], '--out-dir', f'out/{ESCAPE}{TURNED}', '--steps', '1'),
        partial(write, {'photos/x.png': PNG}),
        0,
    ),
    *(
        case
        for kind, name in {'escape': ESCAPE, 'turned': TURNED, 'lines': 'x\ny\u2028z'}.items()
        for case in (
            wrong_words(f'{kind} in a config', 'invert', name, 'x', '--out-dir', 'out'),
            wrong_words(f'{kind} in an image', *INVERT[:2], name, '--out-dir', 'out'),
            wrong_words(f'{kind} in a choice', *INVERT[:5], '--fit', name),
            wrong_words(f'{kind} in a number', *INVERT[:5], '--steps', name),
            wrong_words(f'{kind} in an option', *INVERT[:5], f'--{name}'),
            wrong_words(f'{kind} in a setting', *INVERT[:5], '--cfg-options', f'model.{name}=1'),
            wrong_words(f'{kind} in a device', *INVERT[:5], '--device', name),
            wrong_words(f'{kind} in a code', 'edit', name, '--shift', '0', '0', '--out-dir', 'out'),
            wrong_words(f'{kind} in a file', 'convert', name, 'out', '--from', 'mmgen'),
            wrong_words(f'{kind} in a folder', 'report', name),
            wrong_words(f'{kind} in a plan', 'benchmarks.quality', name, '--out-dir', 'out'),
            wrong_words(f'{kind} in a checkpoint', 'test', 'bdinvert_enc_toon64', name),
        )
    ),
]
