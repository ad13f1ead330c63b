# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Download generators, networks and directions of others, and check them.

Size, licence and SHA-256 of a file are printed before it is downloaded, and the SHA-256 is checked
after. What was interrupted goes on where it stopped. All files go into PyTorch's folder for weights
(TORCH_HOME), where the shipped configs find them; configs of your own call them
'fetched://NAME/FILE', with the FILEs below. Without NAME, the command says what there is. Exit
code: 0 if all files are there, 2 if one is not.
"""

from __future__ import annotations

import textwrap

from bdinvert_cli.catalogue import CATALOGUE
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool, say

EXAMPLES = """
bdinvert fetch
bdinvert fetch ffhq
bdinvert fetch ffhq ffhq-authors
"""


def parse_args(argv=None):
    lines = []
    for name, bundle in CATALOGUE.items():
        files = ', '.join(file.name for file in (*bundle.files, *bundle.conversions))
        lines += [f'  {name}', *textwrap.wrap(f'{bundle.title}: {files}', 90)]
    names = '\n'.join(line if line[:2] == '  ' else f'      {line}' for line in lines)
    parser = ToolParser(description=f'{__doc__}\nnames:\n{names}', examples=EXAMPLES)
    parser.add_argument('names', nargs='*', metavar='NAME', help='what to download, see above')
    args = parser.parse_args(argv)
    for name in args.names:
        if name not in CATALOGUE:
            parser.error(f'NAME is one of {", ".join(CATALOGUE)}, but got {name!r}')
    return args


def show(name, bundle):
    """Print what is known about the files of a bundle before anything is downloaded."""
    from mmgen_bdinvert.apis.fetching import place_of

    say(f'{name}: {bundle.title}')
    for file in bundle.files:
        size = 'size not known beforehand' if file.size is None else f'{file.size:,} bytes'
        digest = f'SHA-256 {file.sha256}' if file.sha256 else 'SHA-256 not known beforehand'
        there = ', there' if place_of(file).exists() else ''
        say(f'  {file.name}: {file.what}')
        say(f'      {size}, {file.licence}')
        say(f'      {digest}{"…" if 0 < len(file.sha256) < 64 else ""}')
        say(f'      {"by hand from" if file.by_hand else "from"} {file.url}')
        say(f'      to {place_of(file)}{there}')


def fetch(file):
    """Download a file with a bar, and print what it is."""
    from tqdm import tqdm

    from mmgen_bdinvert.apis.fetching import fetch_file, place_of

    with tqdm(desc=file.name, unit='B', unit_scale=True, disable=None) as bar:

        def on_bytes(done, total):
            bar.total = total
            bar.update(done - bar.n)

        found = fetch_file(file, on_bytes)
    known = 'as announced' if file.sha256 else 'which was not known beforehand'
    bits = f' in the first {4 * len(file.sha256)} bits' if 0 < len(file.sha256) < 64 else ''
    say(f'{file.name}: {place_of(file).stat().st_size:,} bytes, SHA-256 {found}, {known}{bits}')


def main(argv=None):
    args = parse_args(argv)
    for name in args.names or CATALOGUE:
        show(name, CATALOGUE[name])
    from mmgen_bdinvert.apis.fetching import convert_fetched
    from mmgen_bdinvert.utils import silence_host

    bundles, converted = [CATALOGUE[name] for name in args.names], set()
    for by_hand in (False, True):  # those last: nothing else waits for them
        for bundle in bundles:
            for file in bundle.files:
                if file.by_hand == by_hand:
                    fetch(file)
            for conversion in bundle.conversions:
                with silence_host():
                    path = convert_fetched(conversion)
                if path is not None and path not in converted:
                    converted.add(path)
                    say(f'{conversion.name}: converted, {path}')


if __name__ == '__main__':
    run_tool(main)
