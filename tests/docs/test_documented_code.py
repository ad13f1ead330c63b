# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Documented commands fit the tools' command lines; documented Python runs, and configs parse."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from mmgen_bdinvert import apis

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md')} - {ROOT / 'CHANGELOG.md'})
PAGES = [page for page in PAGES if '_build' not in page.parts]
PROGRAMS = ('tools/', 'tests/robustness/')


def blocks(page, language):
    """List the fenced blocks of a language."""
    text = page.read_text(encoding='utf-8')
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def commands():
    """List program and arguments of the commands in shell blocks; loops and variables left out."""
    found = []
    for page in PAGES:
        for line in re.sub(r'\\\n', ' ', '\n'.join(blocks(page, 'bash'))).splitlines():
            words = shlex.split(line, comments=True)
            if not words or '$' in line:
                continue
            if words[0] == 'bdinvert':
                name = words[1].replace('-', '_')
            elif words[0] == 'python' and words[1].startswith('tools/'):
                name = Path(words[1]).stem
            elif words[0] == 'python' and words[1].startswith('tests/robustness/'):
                name = words[1]
            elif words[:2] == ['python', '-m'] and words[2].startswith(('benchmarks', 'projects')):
                name = words.pop(2)
                name += '.__main__' * (ROOT / name.replace('.', '/')).is_dir()
                if name == 'benchmarks.speed.memory':  # one figure of another benchmark
                    continue
            else:
                continue
            found.append(pytest.param(name, words[2:], id=f'{page.stem}: {name} {words[2:3]}'))
    return found


@pytest.mark.parametrize(('name', 'words'), commands())
def test_a_tool_takes_the_command(name, words, load_tool):
    tool = load_tool(name)
    if hasattr(tool, 'find_config'):
        tool.find_config = str  # a config of the reader's own need not be here
    assert tool.parse_args(words)


PYTHON = [(page, block) for page in PAGES for block in blocks(page, 'python')]


def runs(block):
    """Tell a program, which imports the package, from the settings of a config."""
    return bool(re.search(r'^(from|import) mmgen_bdinvert', block, re.MULTILINE))


@pytest.mark.parametrize('block', [b for _, b in PYTHON if not runs(b)])
def test_settings_parse(block):
    assert all(isinstance(node, ast.Assign) for node in ast.parse(block).body)


@pytest.mark.parametrize(('page', 'block'), [(p, b) for p, b in PYTHON if runs(b)])
def test_python_runs(page, block, tmp_path, monkeypatch):
    (tmp_path / 'demo').symlink_to(ROOT / 'demo')
    monkeypatch.chdir(tmp_path)
    build = apis.init_inverter
    one_step = {'model.num_steps': 1}
    monkeypatch.setattr(apis, 'init_inverter', lambda name: build(name, None, 'cpu', one_step))
    names: dict = {}
    exec(compile(block, str(page), 'exec'), names)
    if 'init_inverter' in block:
        assert names['picture'].shape == (128, 128, 3)
        assert (tmp_path / 'code.safetensors').is_file()


@pytest.mark.parametrize('page', PAGES)
def test_named_tests_exist(page):
    """The page of features named tests where they were before they were moved."""
    folder, text = None, page.read_text(encoding='utf-8')
    for match in re.finditer(r'(?:(tests/[\w/]*/)|…/)(test_\w+\.py)', text):
        folder = match[1] or folder  # '…/' is the last folder that was named
        assert (ROOT / folder / match[2]).is_file(), match[0]


@pytest.mark.parametrize('page', [page for page in PAGES if page.name != 'coming_from.md'])
def test_named_programs_exist(page):
    """Pages named files where they were before they were moved; other programs' are in one page."""
    rooms = {p.name for root in (ROOT, ROOT / 'mmgen_bdinvert') for p in root.iterdir()}
    for name in re.findall(r'`((?:\w+/)+\w+\.py)`', page.read_text(encoding='utf-8')):
        if name.partition('/')[0] in rooms and not name.endswith(('NAME.py', '_AREA.py')):
            assert (ROOT / name).is_file() or (ROOT / 'mmgen_bdinvert' / name).is_file(), name


def test_there_is_something_to_test():
    assert len(commands()) > 40 and len(PYTHON) > 3 and any('init_inverter' in b for _, b in PYTHON)
