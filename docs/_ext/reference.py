# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Sphinx directives that write the reference from the code: settings of configs, help of tools."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import io
import re
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

from mmgen import registry
from sphinx.util.docutils import SphinxDirective

import bdinvert_cli
import mmgen_bdinvert  # noqa: F401  (its classes are registered when they are asked for)
from mmgen_bdinvert.utils.parameters import class_parameters

ROOT = Path(__file__).resolve().parents[2]
_DEFAULT = re.compile(r'\s*Defaults to (.+?)(?:\.(?=\s|$)|$)')
_ROLE = re.compile(r':\w+:`~?(?:[\w.]+\.)?(\w+)`')
_ARGUMENT = re.compile(r'^    (\w+) \((.+?)\): (.*)$')


def registered(name: str) -> dict[str, type]:
    """Return the classes of this package in a registry of mmgen, by name."""
    found = getattr(registry, name)
    found.import_from_location()
    items = found.module_dict.items()
    # What replaces a class of the host under its name has the host's settings.
    ours = {
        k: v for k, v in items if v.__module__.startswith('mmgen_bdinvert.') and v.__name__ == k
    }
    return {k: ours[k] for k in sorted(ours) if '.compat.' not in ours[k].__module__}


def documented(cls: type) -> dict[str, tuple[str, str]]:
    """Read type and description of each argument from the docstrings of a class and its bases."""
    found: dict[str, tuple[str, str]] = {}
    for base in cls.__mro__:
        text = inspect.cleandoc(base.__doc__ or '').partition('Args:\n')[2]
        name = None
        for line in text.splitlines():
            match = _ARGUMENT.match(line)
            if match and match[1] not in found:
                name = match[1]
                found[name] = (match[2], match[3])
            elif match or not line.startswith(' ' * 8):
                name = None  # of a class nearer to cls, or the end of the arguments
            elif name:
                found[name] = (found[name][0], f'{found[name][1]} {line.strip()}')
            if line and not line.startswith(' '):
                break
    return found


def settings(cls: type) -> list[tuple[str, str, str, str]]:
    """List the settings of a class: key, type, default (or 'required'), meaning.

    Raises:
        KeyError: One of them is not in any docstring.
    """
    known, rows = documented(cls), []
    for name, parameter in class_parameters(cls, 'mmgen_bdinvert.')[0].items():
        kind, text = known[name]
        written = _DEFAULT.search(text)
        default = written[1] if written else f'`{parameter.default!r}`'
        default = 'required' if parameter.default is parameter.empty else default
        rows.append((name, kind, default, _DEFAULT.sub('', text).strip()))
    return rows


def markdown(text: str) -> str:
    """Write a docstring's roles and literals as Markdown does."""
    return _ROLE.sub(r'`\1`', text).replace('``', '`')


def settings_markdown(name: str, cls: type) -> str:
    """Write the settings of a class as a section in Markdown."""
    lines = [f'### {name}', '', markdown(cls.__doc__.splitlines()[0]), '']
    rows = settings(cls)
    if rows:
        lines += ['| key | type | default | meaning |', '| --- | --- | --- | --- |']
    for key, *cells in rows:
        cells = [markdown(cell).replace('|', r'\|') for cell in cells]
        lines.append(f'| `{key}` | {" | ".join(cells)} |')
    return '\n'.join([*lines, ''])


def load(name: str) -> ModuleType:
    """Import ``tools/NAME.py``, or a module of the checkout such as ``benchmarks.quality``."""
    if '.' in name:
        sys.path[:0] = [str(ROOT)] * (str(ROOT) not in sys.path)  # it is not installed
        run = (ROOT / name.replace('.', '/')).is_dir()
        return importlib.import_module(f'{name}.__main__' if run else name)
    path = ROOT / 'tools' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'documented_{name}', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def tool_help(name: str) -> str:
    """Return what a tool prints with ``--help``; see :func:`load`."""
    called = f'python -m {name}' if '.' in name else f'bdinvert {name.replace("_", "-")}'
    tool, shown = load(name), io.StringIO()
    with (
        mock.patch.object(sys, 'argv', [called]),
        contextlib.redirect_stdout(shown),
        contextlib.suppress(SystemExit),
    ):
        tool.parse_args(['--help'])
    return shown.getvalue()


class RegisteredSettings(SphinxDirective):
    """``registered-settings:: REGISTRY``: a section with the settings of each of our classes."""

    required_arguments = 1

    def run(self):
        """Parse the generated Markdown."""
        parts = [settings_markdown(*item) for item in registered(self.arguments[0]).items()]
        return self.parse_text_to_nodes('\n'.join(parts), allow_section_headings=True)


class ToolHelp(SphinxDirective):
    """``tool-help:: NAME``: the help of a tool, see :func:`load`; without NAME, of all tools."""

    optional_arguments = 1

    def run(self):
        """Make literal blocks, under a heading each where all are shown."""
        if self.arguments:
            shown = tool_help(self.arguments[0]).rstrip()
            return self.parse_text_to_nodes(f'```text\n{shown}\n```')
        tools = [(name, path.stem) for name, path in bdinvert_cli.find_tools().items()]
        parts = [f'## {name}\n\n```text\n{tool_help(tool).rstrip()}\n```\n' for name, tool in tools]
        return self.parse_text_to_nodes('\n'.join(parts), allow_section_headings=True)


def setup(app):
    """Register the directives."""
    app.add_directive('registered-settings', RegisteredSettings)
    app.add_directive('tool-help', ToolHelp)
    return {'parallel_read_safe': True}
