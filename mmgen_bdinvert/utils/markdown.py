# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Markdown in a terminal; a file of its own, as importing rich's Markdown takes time."""

from rich.console import Console
from rich.markdown import Markdown


def print_markdown(text: str) -> None:
    """Print Markdown, rendered in a terminal; as it is, tables unwrapped, in a file or pipe."""
    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        print(text)
