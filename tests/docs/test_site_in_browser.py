# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The site as a phone shows it, and its search as it is served: a small one, by docs/conf.py."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip('myst_nb')
if not (ROOT / 'docs/conf.py').is_file():
    pytest.skip('needs the documentation', allow_module_level=True)
LONG = 'bdinvert invert bdinvert_inv_toon128 photos/ ' + '--out-dir results/ ' * 12
PAGE = f"""# Whole pages of mmgen_bdinvert_and_its_like

```bash
{LONG}
{'x' * 200}
```

| {' | '.join(['a long heading'] * 9)} |
|{' --- |' * 9}
| {' | '.join(['`a/long/name/without/a/break`'] * 9)} |

`{'a/name/' * 30}`

The zebra is looked for.

```{{toctree}}
other
```
"""


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """Build a page with the settings of the site, and serve it as `make docs` says."""
    source, built = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('built')
    (source / 'index.md').write_text(PAGE)
    (source / 'other.md').write_text('# The other page\n\nNothing.\n')
    words = ['-q', '-c', ROOT / 'docs', '-b', 'html', '-d', source / '.doctrees', source, built]
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    subprocess.run([sys.executable, '-m', 'sphinx', *map(str, words)], env=env, check=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


@pytest.fixture()
def phone(browser, site):
    page = browser.new_page(viewport={'width': 390, 'height': 844})
    page.goto(f'{site}/index.html')
    yield page
    page.close()


def test_a_page_is_as_wide_as_the_phone(phone):
    assert phone.evaluate('document.documentElement.scrollWidth') <= 390
    assert phone.locator('h1').evaluate('e => e.scrollWidth - e.clientWidth') <= 0


def test_lines_of_code_are_shown_whole(phone):
    code = phone.locator('.bd-article pre').first
    hidden = code.evaluate('e => e.scrollWidth - e.clientWidth')
    assert hidden <= 0 and LONG.strip() in code.inner_text().replace('\n', ' ')


def test_the_search_finds_a_page(phone, site):
    phone.goto(f'{site}/search.html?q=zebra')
    found = phone.locator('#search-results a', has_text='Whole pages').first
    found.click()
    assert phone.url.partition('?')[0].partition('#')[0] == f'{site}/index.html'
