# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The README: its links lead somewhere, and what its badges, pictures and sizes say is true."""

import re
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = ROOT / 'README.md'
if not README.is_file() or not (ROOT / 'docs').is_dir():
    pytest.skip('needs a checkout', allow_module_level=True)
TEXT = README.read_text(encoding='utf-8')


def anchors(path):
    """List the anchors of the headings of a Markdown file, as GitHub makes them."""
    text = re.sub(r'^```.*?^```$', '', path.read_text(encoding='utf-8'), flags=re.M | re.S)
    words = (re.sub(r'[^\w\- ]', '', line.lower()) for line in re.findall(r'^#+ (.+)$', text, re.M))
    return {line.replace(' ', '-') for line in words}


def links():
    """List the local targets of links and pictures, as path and anchor."""
    found = re.findall(r'\]\(([^)\s]+)\)|<img src="([^"]+)"', TEXT)
    local = {''.join(pair) for pair in found}
    return sorted(link.partition('#')[::2] for link in local if '://' not in link)


@pytest.mark.parametrize(('path', 'anchor'), links())
def test_a_link_leads_somewhere(path, anchor):
    target = ROOT / path if path else README
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def badge(name):
    """Return what a badge says behind its name."""
    word = re.search(rf'img\.shields\.io/badge/{name}-(.+?)-\w+\)', TEXT)[1]
    return word.replace('--', '-').replace('_', ' ')


def test_the_badges_are_true():
    setup, citation = ((ROOT / name).read_text() for name in ('setup.py', 'CITATION.cff'))
    run = re.findall(r"'Programming Language :: Python :: (3\.\d+)'", setup)
    assert badge('Python') == f'{run[0]} to {run[-1]}'
    assert f"license='{badge('licence')}'" in setup and f'license: {badge("licence")}' in citation
    assert f'arXiv:{badge("arXiv")}' in citation


def test_the_first_picture_moves_and_is_small():
    path = ROOT / re.search(r'!\[[^\]]*\]\((docs/[^)]+)\)', TEXT)[1]
    with Image.open(path) as picture:
        assert picture.n_frames > 10
    assert path.stat().st_size < 3_000_000


def test_the_size_of_the_models_in_the_package():
    files = (ROOT / 'mmgen_bdinvert/assets').rglob('*')
    size = sum(path.stat().st_size for path in files if path.is_file())
    assert f'| this package | {round(size / 1e6)} MB |' in TEXT
