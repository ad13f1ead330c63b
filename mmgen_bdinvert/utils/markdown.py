# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Tables on the screen; apart from the rest, as rich's Markdown takes its time to be imported."""

from rich.console import Console
from rich.markdown import Markdown

__all__ = ['print_markdown']


def print_markdown(text: str) -> None:
    """Print Markdown, rendered on a terminal; in a file or a pipe as it is, tables unbroken."""
    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        print(text)
