# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The site: every public function and every page has a place in it, and notices are quiet."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmgen_bdinvert import apis

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
if not DOCS.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)


def named_pages(page):
    """List the pages in the tables of contents of a page."""
    text = page.read_text(encoding='utf-8')
    blocks = re.findall(r'^```{toctree}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
    names = [n for b in blocks for n in b.splitlines() if n and n[0] != ':']
    return [(page.parent / name).resolve() for name in names]


def test_every_function_of_the_api_stands_on_one_page():
    text = '\n'.join(p.read_text(encoding='utf-8') for p in sorted((DOCS / 'api').glob('*.md')))
    parts = text.split('.. currentmodule:: mmgen_bdinvert.apis')[1:]
    entry = re.compile(r'^\.\. (?:auto\w+|py:data):: (\w+)$', re.MULTILINE)
    found = [name for part in parts for name in entry.findall(part)]
    assert sorted(found) == sorted(apis.__all__)


def test_every_page_is_in_a_table_of_contents():
    pages = [p for p in DOCS.rglob('*') if p.suffix in ('.md', '.ipynb')]
    pages = {p.resolve().with_suffix('') for p in pages if '_build' not in p.parts}
    named = {path for page in DOCS.rglob('*.md') for path in named_pages(page)}
    assert pages - named == {DOCS.resolve() / 'index'}


def test_make_docs_says_how_to_look_at_it():
    recipe = (ROOT / 'Makefile').read_text(encoding='utf-8').partition('\ndocs:')[2]
    assert 'http.server --directory docs/_build/html' in recipe.partition('\n\n')[0]


def test_notices_of_packages_about_their_own_future_are_quiet(tmp_path):
    """A package that warns when it is imported, here and in the kernels of the notebooks."""
    pytest.importorskip('myst_nb')
    (tmp_path / 'noisy.py').write_text(
        'import warnings\n'
        'for kind in (DeprecationWarning, FutureWarning, UserWarning):\n'
        "    warnings.warn('pkg_resources is deprecated', kind)\n"
    )
    program = (
        f'import runpy, subprocess, sys\nrunpy.run_path({str(DOCS / "conf.py")!r})\nimport noisy\n'
        "sys.exit(subprocess.run([sys.executable, '-c', 'import noisy']).returncode)\n"
    )
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    env = {**os.environ, 'PYTHONPATH': paths, 'PYTHONWARNINGS': 'always'}
    done = subprocess.run(
        [sys.executable, '-c', program], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'pkg_resources is deprecated' not in done.stderr
