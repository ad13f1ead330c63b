# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A parser of command lines that says in one sentence what is wrong with them."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from typing import Any, NoReturn

from .text import printable


class _Settings(argparse.Action):
    """Collects ``key=value``; the values are read by ``mmgen_bdinvert.engine.read_settings``."""

    def __call__(self, parser, namespace, values, option_string=None):
        found = dict(getattr(namespace, self.dest) or {})
        for text in values:
            if not re.match(r'[^\s=]+=', text):
                parser.error(f'{option_string} takes key=value, but got {text!r}')
            key, _, value = text.partition('=')
            found[key] = value
        setattr(namespace, self.dest, found)


class ToolParser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one sentence, with exit code 2.

    Args:
        examples (str): Commands, one a line, at the end of the help. Defaults to ''.
        **kwargs: As argparse takes them; the description is printed line by line.
    """

    def __init__(self, *, examples: str = '', **kwargs: Any):
        kwargs.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        if examples:
            kwargs['epilog'] = 'examples:\n' + textwrap.indent(examples.strip(), '  ')
        started = getattr(sys.modules['__main__'], '__spec__', None)  # None unless by python -m
        if started is not None and started.origin == sys.argv[0]:
            kwargs.setdefault('prog', f'python -m {started.name.removesuffix(".__main__")}')
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit; argparse would print the usage too."""
        self.exit(2, f'error: {printable(message)}; see {self.prog} --help\n')

    def parse_args(self, args=None, namespace=None):
        """Parse as argparse does, but refuse empty arguments, which as paths would mean ``.``."""
        for text in sys.argv[1:] if args is None else args:
            option, equals, value = text.partition('=') if text[:2] == '--' else ('', '', text)
            if not value.strip() and (equals or not option):
                self.error(f'an argument is empty, got {text!r}')
        return super().parse_args(args, namespace)

    def add_out_dir(
        self, help: str, *, option: str = '--out-dir', default: str | None = None, **kwargs: Any
    ) -> None:
        """Add a folder for results, and the option of ``mmgen_bdinvert.io.claim_folder``.

        Args:
            help (str): What is in the folder; the default is appended.
            option (str): Defaults to '--out-dir'.
            default (str | None): Defaults to None: it must be given.
            **kwargs: As ``add_argument`` takes them.
        """
        kwargs.setdefault('required', default is None)
        help += '' if default is None else f' (default: {default})'
        self.add_argument(option, default=default, help=help, **kwargs)
        self.add_argument(
            '--into-existing',
            action='store_true',
            help='accept a folder that has other files; none of them is replaced',
        )

    def check_least(self, args: argparse.Namespace, least: int, *names: str) -> None:
        """Refuse numbers below ``least``, alone or in a list; what is None or empty is fine."""
        for name in names:
            value = getattr(args, name)
            numbers = value if isinstance(value, list) else [value]
            if numbers and value is not None and min(numbers) < least:
                self.error(f'--{name.replace("_", "-")} is {least} or more, but got {value}')

    def add_cfg_options(self, of_model: bool = True, finds: bool = False) -> None:
        """Add mmengine's ``--cfg-options``; its values stay strings until they are read.

        Args:
            of_model (bool): Whether the tool reads settings of the model alone. Defaults to True.
            finds (bool): Whether it finds faces, so that it reads those of the finder too.
                Defaults to False.
        """
        what = 'the model, as model.NAME=VALUE' if of_model else 'the config'
        if finds:
            what += ', or of what finds faces, as face_finder.threshold=0.5'
        self.add_argument(
            '--cfg-options',
            nargs='+',
            metavar='KEY=VALUE',
            action=_Settings,
            help=f'override settings of {what}; lists as key="[a,b]"',
        )
