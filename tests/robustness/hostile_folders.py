# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Folders of somebody else: what they record beside a code, and what stands where results go."""

from __future__ import annotations

import json
import os

from readers import reading_cases

ACCEPTED, REFUSED = 'accepted', 'refused'


def add(corpus) -> None:
    """Add folders with a code to edit, and folders to write ``summary.csv`` into."""
    canary = str(corpus.folder / 'canary')
    known = {'type': 'BaseDetailGenerator', 'generator': {'type': 'NarrowStyleGANv2Generator'}}
    recorded = {
        'known': (ACCEPTED, {'model': {'generator': known}}),
        'function': (REFUSED, {'model': {'generator': {'type': 'os.mkdir', 'path': canary}}}),
        'inner_function': (
            REFUSED,
            {'model': {'generator': {**known, 'generator': {'type': 'os.mkdir', 'path': canary}}}},
        ),
        'in_a_list': (REFUSED, {'model': {'generator': [{'type': 'builtins.exec'}]}}),
        'module': (REFUSED, {'model': {'generator': {'type': 'antigravity'}}}),
        'scope': (REFUSED, {'model': {'generator': {**known, '_scope_': 'os'}}}),
        'pickle': (REFUSED, {'model': {'generator': {**known, 'pretrained': {'ckpt_path': 'x'}}}}),
        'no_model': (REFUSED, {}),
        'list': (REFUSED, []),
        'model_is_null': (REFUSED, {'model': None}),
    }
    for name, (outcome, settings) in recorded.items():
        folder = corpus.add('recorded', name, outcome)
        (folder / 'a').mkdir(parents=True)
        (folder / 'settings.json').write_text(json.dumps(settings))
    for name, text in {'only_a_program': None, 'deep': '[' * 200_000, 'cut_off': '{"mod'}.items():
        folder = corpus.add('recorded', name, REFUSED)
        (folder / 'a').mkdir(parents=True)
        if text is not None:
            (folder / 'settings.json').write_text(text)
    for folder in (corpus.folder / 'recorded').iterdir():
        (folder / 'config.py').write_text(f'import os\nos.mkdir({canary!r})\nmodel = dict()')

    there = {
        'nothing': (ACCEPTED, lambda path: None),
        'hidden': (ACCEPTED, lambda path: (path / '.notes').touch()),
        'file': (REFUSED, lambda path: (path / 'notes.txt').touch()),
        'result': (REFUSED, lambda path: (path / 'summary.csv').touch()),
        'shards': (REFUSED, lambda path: (path / 'shards').mkdir()),
        'dangling_link': (REFUSED, lambda path: os.symlink('nowhere', path / 'summary.csv')),
        'pipe': (REFUSED, lambda path: os.mkfifo(path / 'summary.csv')),
        'mark_is_a_link': (REFUSED, lambda path: os.symlink('x', path / '.mmgen_bdinvert')),
        'mark_is_a_pipe': (REFUSED, lambda path: os.mkfifo(path / '.mmgen_bdinvert')),
        'mark_of_no_sense': (
            REFUSED,
            lambda path: [
                (path / '.mmgen_bdinvert').write_bytes(b'\xff{"maker": ["invert"]}\n'),
                (path / 'summary.csv').touch(),
            ],
        ),
    }
    for name, (outcome, write) in there.items():
        folder = corpus.add('outputs', name, outcome)
        folder.mkdir(parents=True)
        write(folder)


CASES = reading_cases(add, ['recorded', 'outputs'], [13, 10], writes=('outputs',))
