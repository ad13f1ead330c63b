# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The examples that end the help of each tool."""

import argparse
import importlib.util
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / 'tools').glob('*.py'))


@pytest.fixture()
def load(monkeypatch):
    """Return a function that loads a tool without running it."""
    monkeypatch.chdir(ROOT)

    def load(path):
        spec = importlib.util.spec_from_file_location(f'example_{path.stem}', path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        return tool

    return load


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_the_help_explains_every_option(path, load, monkeypatch):
    bare = []
    add = argparse.ArgumentParser.add_argument

    def note(self, *names, **settings):
        if not settings.get('help') and settings.get('action') != 'help':
            bare.append(names)
        return add(self, *names, **settings)

    tool = load(path)
    monkeypatch.setattr(argparse.ArgumentParser, 'add_argument', note)
    with pytest.raises(SystemExit):
        tool.parse_args(['--help'])
    assert bare == []


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_the_tool_takes_the_examples_of_its_help(path, load, capsys):
    tool = load(path)
    starts = (['bdinvert', path.stem.replace('_', '-')], ['python', f'tools/{path.name}'])
    lines = tool.EXAMPLES.strip().splitlines()
    for line in lines:
        words = shlex.split(line)
        assert words[:2] in starts, line
        assert tool.parse_args(words[2:])
    with pytest.raises(SystemExit) as info:
        tool.parse_args(['--help'])
    assert info.value.code == 0
    shown = capsys.readouterr().out
    assert 'examples:\n' + '\n'.join(f'  {line}' for line in lines) in shown
    assert shown.index(tool.__doc__.splitlines()[0]) < shown.index('examples:')
