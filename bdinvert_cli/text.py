# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Names and reasons as harmless text for people, as anybody may have named a file.

Terminals obey control characters, Markdown and HTML their marks, and spreadsheets compute cells
that begin like a formula. Every name, path and reason passes through here on its way out; JSON
and the manifest, which programs read, hold it unchanged.
"""

from __future__ import annotations

import re

_MARKS = re.compile(r'[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])')  # a _ within a word marks nothing
_ENTITIES = re.compile(r'[<>&@]|:(?=//)|(?<=www)\.', re.IGNORECASE)  # tags and what becomes a link
_FORMULA = re.compile("'*[=+\\-@\uff1d\uff0b\uff0d\uff20]")  # the last four are full-width


def printable(text: object) -> str:
    r"""Return a text in one line, with escapes such as ``\x1b`` for whatever is not printable.

    That would control a terminal, break the line or hide text. Letters of every language stay;
    bytes of file names that are not text are escaped, so that the result can be encoded.
    """
    return ''.join(c if c.isprintable() else _escaped(c) for c in str(text))


def markdown_text(text: object) -> str:
    """Return a text, :func:`printable`, that Markdown and HTML show as it is, in tables too."""
    marked = _MARKS.sub(r'\\\g<0>', printable(text))
    return _ENTITIES.sub(lambda match: f'&#{ord(match[0])};', marked)


def to_csv(value: object) -> object:
    """Return the cell of a table: numbers as they are, text so that no spreadsheet computes it.

    Text that begins like a formula gets an apostrophe in front, as OWASP advises, and what is not
    printable is escaped, with backslashes doubled; :func:`from_csv` undoes both.
    """
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    text = printable(str(value).replace('\\', '\\\\'))
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv(text: str) -> str:
    """Return the text that :func:`to_csv` was given."""
    if _FORMULA.match(text):
        text = text.removeprefix("'")
    return text.encode('latin-1', 'backslashreplace').decode('unicode_escape')


def _escaped(character: str) -> str:
    return character.encode('unicode_escape').decode('ascii')
