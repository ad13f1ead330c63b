# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Command lines: one sentence and an exit code for what a user may get wrong."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

import torch
from mmengine.config import DictAction
from mmengine.config.utils import ConfigParsingError
from mmengine.logging import MMLogger

from ..text import printable
from .streams import flush_output, output_may_be_left

__all__ = [
    'LAUNCHERS',
    'ToolParser',
    'check_device',
    'is_out_of_memory',
    'one_sentence',
    'run_tool',
    'say',
    'silence_host',
]

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
DEBUG_VARIABLE = 'MMGEN_BDINVERT_DEBUG'
INTERRUPTED = 130

# What users cause. RuntimeError, AssertionError and the like are ours, and keep their traceback.
_USER_ERRORS = (
    ValueError,
    TypeError,
    OSError,
    ImportError,
    KeyError,
    SyntaxError,
    ConfigParsingError,
)
_UNREGISTERED = re.compile(r'(\S+) is not in the (\S+) registry\.')


class CfgOptions(DictAction):
    """mmengine's ``DictAction``, which says in a sentence where an option is not ``key=value``."""

    def __call__(self, parser, namespace, values, option_string=None):
        for value in values:
            if not re.match(r'[^\s=]+=', value):
                parser.error(f'{option_string} takes key=value, but got {value!r}')
        try:
            super().__call__(parser, namespace, values, option_string)
        except AssertionError as e:  # brackets that do not match
            parser.error(f'{option_string} cannot read {" ".join(values)!r} ({e})')


class ToolParser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one sentence, with exit code 2.

    Args:
        examples (str): Commands, one a line, that end the help. Defaults to ''.
        **kwargs: As argparse takes them; the description is printed line by line.
    """

    def __init__(self, *, examples: str = '', **kwargs: Any):
        kwargs.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        if examples:
            kwargs['epilog'] = 'examples:\n' + textwrap.indent(examples.strip(), '  ')
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and leave, as argparse does after printing the usage."""
        self.exit(2, f'error: {printable(message)}; see {self.prog} --help\n')

    def parse_args(self, args=None, namespace=None):
        """Parse as argparse does; an empty argument, of which a path would be ``.``, is wrong."""
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
            help (str): What is in the folder.
            option (str): Defaults to '--out-dir'.
            default (str | None): Defaults to None: it must be given.
            **kwargs: As ``add_argument`` takes them.
        """
        kwargs.setdefault('required', default is None)
        self.add_argument(option, default=default, help=help, **kwargs)
        self.add_argument(
            '--into-existing',
            action='store_true',
            help='take a folder with other files too; none of them is replaced',
        )

    def add_cfg_options(self) -> None:
        """Add mmengine's ``--cfg-options``."""
        self.add_argument(
            '--cfg-options',
            nargs='+',
            metavar='KEY=VALUE',
            action=CfgOptions,
            help='override settings of the config, lists as key="[a,b]"',
        )


def run_tool(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Run a tool and leave; a user's error is ``error: …`` on stderr instead of a traceback.

    Whoever reads the output may leave (``tool | head``): the work and the exit code stay the same.
    The environment variable ``MMGEN_BDINVERT_DEBUG=1`` brings the traceback back.

    Args:
        main (Callable): The tool. It takes the arguments, or None for those of the command line,
            and returns an exit code, or None for 0.
        argv (Sequence[str] | None): Passed on to ``main``. Defaults to None.

    Raises:
        SystemExit: Always: with what ``main`` returns, 2 after an error, 130 after Ctrl-C.
    """
    _interrupt_by_exception()
    with output_may_be_left():
        try:
            code = main(argv) or 0
            flush_output()
        except KeyboardInterrupt:
            print('error: interrupted', file=sys.stderr)
            code = INTERRUPTED
        except Exception as error:
            known = isinstance(error, _USER_ERRORS) or is_out_of_memory(error)
            if not known or os.environ.get(DEBUG_VARIABLE, '0') not in ('', '0'):
                raise
            print(f'error: {one_sentence(error)}', file=sys.stderr)
            code = 2
        finally:  # argparse leaves by SystemExit
            with contextlib.suppress(OSError):
                flush_output()
    raise SystemExit(code)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice, on a GPU or a CPU."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or 'not enough memory' in text
    )


def _interrupt_by_exception() -> None:
    """Undo ``bdinvert_cli.leave_at_once``: a tool at work is ended by a KeyboardInterrupt."""
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def say(line: object, file: TextIO | None = None) -> None:
    """Print a line in which there may be names of files, of which none steers the terminal.

    Args:
        line (object): The line.
        file (TextIO | None): Where to. Defaults to stdout.
    """
    print(printable(line), file=file, flush=True)


def one_sentence(error: BaseException) -> str:
    """Say in one line what an exception means, without Python's quoting and line breaks.

    Args:
        error (BaseException): Any exception.

    Returns:
        str: At least its type.
    """
    return printable(_sentence(error))


def _sentence(error: BaseException) -> str:
    text = ' '.join(str(error).split())
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return 'the GPU is out of memory: make the batch smaller, or choose another device'
    if is_out_of_memory(error):
        more = f' ({text})' if text else ''
        return f'the memory of this machine does not suffice: work on less at a time{more}'
    if isinstance(error, KeyError) and error.args:
        text = ' '.join(str(error.args[0]).split())  # str() of a KeyError is quoted
        unregistered = _UNREGISTERED.match(text)
        if unregistered:
            return (
                f'the type {unregistered[1]!r} of the config is not in the registry '
                f'{unregistered[2]}: check its spelling, and custom_imports'
            )
        if ' ' not in text:
            return f'the setting {text!r} is missing: check the config'
    elif isinstance(error, SyntaxError):
        text = f'syntax error in a config: {text}'
    elif isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f'{error.filename!r}: {error.strerror}'
    return text or type(error).__name__


def check_device(device: str | torch.device | None) -> torch.device:
    """Find out before heavy work whether a device is there.

    Args:
        device (str | torch.device | None): None takes the GPU where there is one.

    Returns:
        torch.device: The device.

    Raises:
        ValueError: It is not known to torch, or not available here.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        found = torch.device(device)
        torch.ones(1, device=found).item()  # the meta device, for one, has no values
    except Exception as error:  # torch has many ways to say no
        raise ValueError(
            f'the device {str(device)!r} is not available here: take cpu'
            + (', or one of ' + _gpus() if torch.cuda.is_available() else '')
        ) from error
    return found


@contextlib.contextmanager
def silence_host() -> Iterator[None]:
    """Keep the host packages' news (style modes, font caches, progress of loading) off the screen.

    Inside the ``with`` block nothing is printed on stdout; logs below errors stay off afterwards.
    """
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    logging.getLogger('matplotlib').setLevel(logging.ERROR)
    with contextlib.redirect_stdout(None):
        yield


def _gpus() -> str:
    return ', '.join(f'cuda:{i}' for i in range(torch.cuda.device_count()))
