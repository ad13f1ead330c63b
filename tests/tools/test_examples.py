# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The examples that end the help of each tool."""

import argparse
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = {path.stem: [] for path in sorted((ROOT / 'tools').glob('*.py'))}
for _stem, _starts in COMMANDS.items():
    _starts += [['bdinvert', _stem.replace('_', '-')], ['python', f'tools/{_stem}.py']]
# What measures the package, and how the embedded domain was made: run as modules.
for _folder in ('benchmarks', 'projects'):
    for _path in sorted((ROOT / _folder).rglob('*.py')):
        if 'run_tool(main)' in _path.read_text(encoding='utf-8'):
            _name = '.'.join(_path.relative_to(ROOT).with_suffix('').parts)
            COMMANDS[_name] = [['python', '-m', _name.replace('.__main__', '')]]
for _stem in ('hostile_inputs', 'kill_inversion', 'kill_training'):
    COMMANDS[f'tests/robustness/{_stem}.py'] = [['python', f'tests/robustness/{_stem}.py']]


@pytest.mark.parametrize('name', COMMANDS)
def test_the_help_explains_every_option(name, load_tool, monkeypatch):
    monkeypatch.chdir(ROOT)
    bare = []
    add = argparse.ArgumentParser.add_argument

    def note(self, *names, **settings):
        if not settings.get('help') and settings.get('action') != 'help':
            bare.append(names)
        return add(self, *names, **settings)

    tool = load_tool(name)
    monkeypatch.setattr(argparse.ArgumentParser, 'add_argument', note)
    with pytest.raises(SystemExit):
        tool.parse_args(['--help'])
    assert bare == []


@pytest.mark.parametrize('name', COMMANDS)
def test_the_tool_takes_the_examples_of_its_help(name, load_tool, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    tool = load_tool(name)
    lines = tool.EXAMPLES.strip().splitlines()
    for line in lines:
        words = shlex.split(line)
        starts = [start for start in COMMANDS[name] if words[: len(start)] == start]
        assert starts, line
        assert tool.parse_args(words[len(starts[0]) :])
    with pytest.raises(SystemExit) as info:
        tool.parse_args(['--help'])
    assert info.value.code == 0
    shown = capsys.readouterr().out
    assert 'examples:\n' + '\n'.join(f'  {line}' for line in lines) in shown
    assert shown.index(tool.__doc__.splitlines()[0]) < shown.index('examples:')
