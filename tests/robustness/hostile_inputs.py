# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Run the corpus of hostile and odd inputs, and say which do not come out as they should.

The cases are in the `hostile_AREA.py` beside this file. Each runs in a folder and a process of its
own. Exit code: 0 if all come out right, 1 if some do not; their folders are kept. Linux only.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib
import os
import stat
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
from hostile import Case, Ended, in_child, in_empty_folder, remove, run_case, statuses

import mmgen_bdinvert.apis  # noqa: F401  (the processes of the cases have it then)
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool

HERE = Path(__file__).parent
EXITS = {0: 'accepted', 1: 'partly', 2: 'refused', 130: 'interrupted', 143: 'interrupted'}
PLAIN = '\n\r\t'  # the control characters that a terminal's user wants

EXAMPLES = """
python tests/robustness/hostile_inputs.py
python tests/robustness/hostile_inputs.py --area codes --name nan
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('--area', nargs='+', choices=areas(), help='areas (default: all)')
    parser.add_argument('--name', default='', help='part of the names of cases (default: all)')
    parser.add_argument('--sample', action='store_true', help='the cases of make test alone')
    return parser.parse_args(argv)


def areas() -> list[str]:
    """List the areas: what the modules are called behind ``hostile_``."""
    names = sorted(path.stem.removeprefix('hostile_') for path in HERE.glob('hostile_*.py'))
    return [name for name in names if name != 'inputs']


def cases_of(area: str) -> list[Case]:
    """Return the cases of an area.

    Raises:
        ValueError: Two of them have one name.
    """
    cases = importlib.import_module(f'hostile_{area}').CASES
    for name, count in Counter(case.name for case in cases).items():
        if count > 1:
            raise ValueError(f'the names of cases are unique, but {name!r} of {area} is not')
    return cases


def problems_of(case: Case, folder: Path) -> tuple[list[str], Ended]:
    """Run a case in an empty folder; return what is wrong, and how it ended."""
    if case.make is not None:
        made = in_child(case.make, folder)
        if made.code:
            return [f'the input was not made: {made.err}'], made
    before = snapshot(folder)
    ended = run_case(case, folder)
    problems = [*_of_output(case, ended), *_of_files(case, before, snapshot(folder))]
    checked = in_child(lambda: _check(case, ended), folder)
    if checked.code:
        problems.append(checked.err.strip())
    return problems, ended


def _of_output(case: Case, ended: Ended) -> list[str]:
    problems = []
    if ended.code != case.code:
        problems.append(f'exit code {ended.code}, not {case.code}')
    if ended.seconds > case.seconds:
        problems.append(f'{ended.seconds:.0f} s, more than {case.seconds:.0f}')
    if ended.gib > case.gib:
        problems.append(f'{ended.gib:.1f} GiB, more than {case.gib:.1f}')
    printed = ended.out + ended.err
    if 'Traceback (most recent call last)' in printed:
        problems.append('a traceback')
    errors = [line for line in ended.err.splitlines() if line.startswith('error: ')]
    if case.code == 2 and len(errors) != 1:
        problems.append(f'{len(errors)} lines of error, not 1')
    if case.says not in printed:
        problems.append(f'it does not say {case.says!r}')
    strange = {c for c in printed if not c.isprintable() and c not in PLAIN}
    if strange:
        problems.append(f'characters {ascii("".join(sorted(strange)))} are printed')
    return problems


def snapshot(folder: Path) -> dict[str, str]:
    """Describe everything in a folder by its relative path; a file by its digest."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                says = f'link to {os.readlink(path)}'
            elif stat.S_ISREG(mode) and os.access(path, os.R_OK):
                with open(path, 'rb') as file:
                    says = hashlib.file_digest(file, 'sha256').hexdigest()
            else:
                says = oct(stat.S_IFMT(mode))
            found[os.path.relpath(path, folder)] = says
    return found


def _of_files(case: Case, before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Compare the folder before and after a command."""
    problems = []
    for path, says in before.items():
        if after.get(path) != says and not _is_below(path, case.changes):
            problems.append(f'{path!r} was {"changed" if path in after else "removed"}')
    for path in after.keys() - before.keys():
        name = os.path.basename(path)
        if not _is_below(path, case.writes):
            problems.append(f'{path!r} was written')
        elif fnmatch.fnmatchcase(name, '.mmgen_bdinvert-*.tmp*'):
            problems.append(f'{path!r} was left half-written')
        elif name == 'canary':
            problems.append('code of the input was run')
    return problems


def _is_below(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, p) or path.startswith(f'{p}/') for p in patterns)


def _check(case: Case, ended: Ended) -> None:
    """Check in a child process what takes the package's readers; leave with what is wrong."""
    try:
        if case.outcomes:
            found = statuses()
            wanted = {os.path.relpath(path): outcome for path, outcome in case.outcomes.items()}
            wrong = {
                source: f'{found.get(source)}, not {wanted.get(source)}'
                for source in found.keys() | wanted.keys()
                if found.get(source) != wanted.get(source)
            }
            assert not wrong, wrong
        if case.check is not None:
            case.check(ended)
    except AssertionError as error:
        sys.exit(str(error) or 'the check failed')


def outcomes_of(case: Case, ended: Ended) -> Counter:
    """Count what became of the inputs of a case."""
    return Counter(case.outcomes.values()) or Counter([EXITS.get(ended.code, 'other')])


def main(argv=None):
    args = parse_args(argv)
    os.environ['CUDA_VISIBLE_DEVICES'] = ''  # and one thread: a fork copies no other
    os.environ['OMP_NUM_THREADS'] = '1'
    torch.set_num_threads(1)
    parent = Path(tempfile.mkdtemp(prefix='hostile-'))
    counts, wrong = {}, 0
    for area in args.area or areas():
        cases = [case for case in cases_of(area) if args.name in case.name]
        counts[area] = Counter()
        for case in cases:
            if args.sample and not case.sample:
                continue
            folder = in_empty_folder(parent)
            problems, ended = problems_of(case, folder)
            counts[area] += Counter(cases=1, inputs=case.inputs, wrong=bool(problems))
            counts[area] += outcomes_of(case, ended)
            if problems:
                wrong += 1
                print(f'wrong: {area}: {case.name}: {"; ".join(problems)}', file=sys.stderr)
                print(f'  {folder}\n  {ended.err[-1000:]}', file=sys.stderr, flush=True)
            else:
                remove(folder)
    total = sum(counts.values(), Counter())
    columns = [*('cases', 'inputs'), *sorted(total.keys() - {'cases', 'inputs', 'wrong'}), 'wrong']
    print('| area | ' + ' | '.join(columns) + ' |\n|' + ' --- |' * (len(columns) + 1))
    for area, row in {**counts, 'all': total}.items():
        print(f'| {area} | ' + ' | '.join(str(row[column]) for column in columns) + ' |')
    if not wrong:
        remove(parent)
    return int(wrong > 0)


if __name__ == '__main__':
    run_tool(main)
