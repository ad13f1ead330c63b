# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""A sample of the hostile inputs comes out right, and what does not come out right is seen."""

import os
import sys
from pathlib import Path

import hostile
import hostile_inputs
import pytest
from hostile import Case

from bdinvert_cli.running import run_tool

AREAS = hostile_inputs.areas()
LONG = ('images', 'names', 'outward')  # with many inversions


@pytest.fixture()
def run(monkeypatch, capsys):
    """Run the runner in this process, of which the processes of the cases are forks."""
    for name in ('CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS'):
        monkeypatch.setenv(name, '')  # so that what it sets is taken back

    def call(*args):
        with pytest.raises(SystemExit) as info:
            run_tool(hostile_inputs.main, args)
        return (info.value.code, *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    'area', [pytest.param(a, marks=pytest.mark.long) if a in LONG else a for a in AREAS]
)
def test_the_sample_comes_out_right(run, area):
    cases = [case for case in hostile_inputs.cases_of(area) if case.sample]
    code, out, err = run('--sample', '--area', area)
    assert code == 0, err
    assert f'\n| all | {len(cases)} | {sum(case.inputs for case in cases)} |' in out


def test_what_comes_out_wrong_is_reported(run, monkeypatch):
    right, wrong = Case('good', refuse), Case('bad', refuse, says='another')
    monkeypatch.setattr(hostile_inputs, 'cases_of', lambda area: [right, wrong])
    code, out, err = run('--area', 'codes')
    assert code == 1
    problem, folder, *_ = err.splitlines()
    assert problem == "wrong: codes: bad: it does not say 'another'"
    assert Path(folder.strip()).is_dir()  # is kept
    hostile.remove(Path(folder.strip()).parent)
    header, _, row, _ = out.splitlines()
    assert header == '| area | cases | inputs | refused | wrong |'
    assert row == '| codes | 2 | 2 | 2 | 1 |'


def test_the_corpus_is_large():
    cases = [case for area in AREAS for case in hostile_inputs.cases_of(area)]
    assert len(cases) > 120
    assert sum(case.inputs for case in cases) > 190


def make():
    Path('photo.png').write_bytes(b'a photo')
    os.symlink('photo.png', 'link.png')
    Path('out').mkdir()
    Path('out/theirs').write_bytes(b'')


def refuse():
    raise ValueError('this is wrong: take something else')


@pytest.mark.parametrize(
    ('command', 'settings', 'problem'),
    [
        (refuse, {}, ''),
        (lambda: Path('out/new').touch(), {'code': 0}, ''),
        (lambda: Path('out/theirs').unlink(), {'code': 0, 'changes': ('out',)}, ''),
        (refuse, {'code': 0}, 'exit code 2, not 0'),
        (refuse, {'says': 'another'}, "does not say 'another'"),
        (refuse, {'outcomes': {'photo.png': 'done'}}, 'photo.png'),
        (lambda: None, {}, 'exit code 0, not 2'),
        (lambda: 1 / 0, {'code': 1}, 'a traceback'),
        (lambda: os.kill(os.getpid(), 9), {'code': 0}, 'exit code -9'),
        (lambda: Path('out/theirs').unlink(), {'code': 0}, "'out/theirs' was removed"),
        (lambda: Path('photo.png').write_bytes(b''), {'code': 0}, "'photo.png' was changed"),
        (lambda: Path('link.png').unlink(), {'code': 0}, "'link.png' was removed"),
        (lambda: Path('photo.png').replace('out/x'), {'code': 0}, "'photo.png' was removed"),
        (lambda: Path('new').touch(), {'code': 0}, "'new' was written"),
        (
            lambda: Path('out/.mmgen_bdinvert-0.tmp.png').touch(),
            {'code': 0},
            'was left half-written',
        ),
        (lambda: Path('out/canary').touch(), {'code': 0}, 'code of the input was run'),
        (lambda: print('\x1b[31mred'), {'code': 0}, r"characters '\x1b' are printed"),
        (lambda: print('a\u202eb'), {'code': 0}, r"characters '\u202e' are printed"),
        (lambda: print('error: one\nerror: two', file=sys.stderr), {'code': 0}, ''),
        (lambda: refuse_twice(), {}, '2 lines of error, not 1'),
        (lambda: b'1' * 2**29, {'code': 0, 'gib': 0.2}, 'GiB, more than 0.2'),
        (lambda: sleep_long(), {'code': 0, 'seconds': 0.2}, 'more than 0'),
        (lambda: None, {'code': 0, 'check': lambda ended: fail('wrong')}, 'wrong'),
    ],
)
def test_what_is_wrong_is_seen(command, settings, problem, tmp_path):
    case = Case('x', command, make, **settings)
    problems, _ = hostile_inputs.problems_of(case, tmp_path)
    if problem:
        assert any(problem in one for one in problems), problems
    else:
        assert problems == []


def refuse_twice():
    print('error: first', file=sys.stderr)
    refuse()


def sleep_long():
    import time

    time.sleep(60)


def fail(text):
    raise AssertionError(text)


def test_a_tool_of_its_own_interpreter_gets_its_environment(tmp_path):
    case = Case('x', ('convert',), env={'MMGEN_BDINVERT_DEBUG': '1'}, prefix=('env',), code=2)
    ended = hostile.run_case(case, tmp_path)
    assert ended.code == 2 and 'error: ' in ended.err
