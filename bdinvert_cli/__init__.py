# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The command ``bdinvert NAME …``: runs ``tools/NAME.py``, in a checkout and from a wheel alike.

It is a package of its own because ``mmgen_bdinvert`` imports torch, which takes seconds: here, and
in the tools until their arguments are checked, only the standard library is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .running import leave_at_once

__all__ = ['find_tools', 'leave_at_once', 'main']

PACKAGE = 'mmgen_bdinvert'


def find_tools() -> dict[str, Path]:
    """List the tools by their command names.

    A wheel has them in the package's ``.mim``, a checkout beside the package.
    """
    import importlib.util

    package = Path(importlib.util.find_spec(PACKAGE).origin).parent
    folder = next(f for f in (package / '.mim/tools', package.parent / 'tools') if f.is_dir())
    paths = sorted(folder.glob('*.py'))
    return {path.stem.replace('_', '-'): path for path in paths}


def first_sentence(tool: Path) -> str:
    """Return the first line of a tool's docstring, without importing the tool."""
    import ast

    return ast.get_docstring(ast.parse(tool.read_text(encoding='utf-8'))).splitlines()[0]


def run(tool: Path, argv: list[str]) -> None:
    """Run a file as the main program, which sees ``argv``; unlike runpy, also its name in it."""
    import importlib.util

    spec = importlib.util.spec_from_file_location('__main__', tool)
    module = importlib.util.module_from_spec(spec)
    module.__spec__ = None  # as of a script, so that worker processes find it by its file
    sys.argv, sys.modules['__main__'] = argv, module
    # Not exec_module: Ctrl-C would take the running tool for an import.
    exec(compile(tool.read_bytes(), tool, 'exec'), module.__dict__)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a tool, as ``python tools/NAME.py`` does, and leave with its exit code.

    Args:
        argv (Sequence[str] | None): A command and its arguments. Defaults to the command line.
    """
    leave_at_once()
    import argparse
    import difflib
    from importlib.metadata import version

    tools = find_tools()
    width = max(map(len, tools))
    lines = [f'  {name:{width}}  {first_sentence(path)}' for name, path in tools.items()]
    lines = ['commands:', *lines, '', 'bdinvert COMMAND --help says more, with examples.']
    parser = argparse.ArgumentParser(
        prog='bdinvert',
        description='BDInvert for mmgen: invert, move and edit photos with a StyleGAN.',
        epilog='\n'.join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'{PACKAGE} {version(PACKAGE)}')
    parser.add_argument('command', metavar='COMMAND', help='one of the commands below')
    parser.add_argument('arguments', nargs=argparse.REMAINDER, help='its arguments')
    args = parser.parse_args(argv)
    if args.command not in tools:
        close = difflib.get_close_matches(args.command, tools, n=1)
        meant = f', did you mean {close[0]}?' if close else ';'
        parser.exit(2, f'error: there is no command {args.command!r}{meant} see bdinvert --help\n')
    run(tools[args.command], [f'bdinvert {args.command}', *args.arguments])
