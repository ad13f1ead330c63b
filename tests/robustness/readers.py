# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Cases of many small inputs of one kind, each given to the function that reads such files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from hostile import DONE, Case

ACCEPTED, REFUSED = 'accepted', 'refused'


class Corpus:
    """Inputs in the current folder, and what must come of each.

    ``expected`` holds 'accepted', 'refused', 'done' or 'failed' by kind and name.
    """

    def __init__(self) -> None:
        self.folder = Path.cwd()
        self.expected: dict[str, dict[str, str]] = {}

    def add(self, kind: str, name: str, outcome: str, content: bytes | None = None) -> Path:
        """Expect an outcome of an input; write it if there is a content; return its path."""
        self.expected.setdefault(kind, {})[name] = outcome
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
        return path


def make(add: Callable[[Corpus], object]) -> None:
    corpus = Corpus()
    add(corpus)
    Path('expected.json').write_text(json.dumps(corpus.expected))


def read_all(kind: str, reader: Callable[[], Callable[[Path], object]]) -> None:
    """Read all inputs of a kind; a wrong outcome is an AssertionError that names all of them."""
    from mmgen_bdinvert.io import ForeignFileError

    read, wrong = reader(), {}
    for name, wanted in json.loads(Path('expected.json').read_text())[kind].items():
        try:
            read(Path(kind, name).absolute())
            found = ACCEPTED
        except (ValueError, FileNotFoundError, ForeignFileError) as error:
            lines = str(error).splitlines()
            found = REFUSED if len(lines) == 1 and lines[0] else f'refused in {lines}'
        except Exception as error:
            found = f'{type(error).__name__}: {error}'
        if found != (ACCEPTED if wanted == DONE else wanted):
            wrong[name] = (wanted, found)
    assert not wrong, wrong


def reading_cases(
    add: Callable[[Corpus], object],
    kinds: Iterable[str],
    counts: Iterable[int],
    writes: tuple[str, ...] = (),
) -> list[Case]:
    """Return a case for each kind of :data:`READERS` that a module adds inputs of."""
    return [
        Case(
            f'{kind}, each read',
            partial(read_all, kind, READERS[kind]),
            partial(make, add),
            code=0,
            writes=writes,
            count=count,
        )
        for kind, count in zip(kinds, counts)
    ]


def _codes() -> Callable:
    from mmgen_bdinvert.apis import init_generator
    from mmgen_bdinvert.structures import LatentCode

    generator = init_generator('bdinvert_inv_toon64', 'cpu')
    return lambda path: LatentCode.load(path, generator)


def _directions() -> Callable:
    from mmgen_bdinvert.editing import load_direction

    return load_direction


def _configs() -> Callable:
    from mmgen_bdinvert.apis import init_inverter

    return lambda path: init_inverter(path, device='cpu')


def _foreign() -> Callable:
    from mmgen_bdinvert.converters import convert_file

    return lambda path: convert_file(path, 'nowhere/out.safetensors', 'bdinvert-encoder')


def _recorded() -> Callable:
    from mmgen_bdinvert.apis import recorded_config

    return lambda path: recorded_config([path / 'a' / 'code.safetensors'])


def _outputs() -> Callable:
    from mmgen_bdinvert.io import claim_folder, claim_outputs

    def write_into(path: Path) -> None:
        claim_folder(path, 'invert')
        claim_outputs([path / 'summary.csv'], 'invert')

    return write_into


def _manifests() -> Callable:
    from hostile_records import read_records

    return read_records


def _lists() -> Callable:
    from mmgen_bdinvert.io import find_sources

    return find_sources


READERS = {
    'codes': _codes,
    'configs': _configs,
    'directions': _directions,
    'foreign': _foreign,
    'lists': _lists,
    'manifests': _manifests,
    'outputs': _outputs,
    'recorded': _recorded,
}
