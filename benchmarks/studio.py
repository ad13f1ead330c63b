# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure in a real Chromium how soon the studio shows the inversion of a photo that is dropped.

The studio runs in a process of its own. Each photo is dropped on a page that has just been opened,
and the time is that from the drop until the browser has decoded the first picture of its inversion.
That is then cancelled, so that the next one finds the studio idle. It needs the extra studio-tests,
and Chromium.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool

ROOT = Path(__file__).resolve().parents[1]
OPENED = 'The studio is open at '
# Of a dropped photo either the whole photo appears, or a picture inside its window.
UNTIL_THE_PICTURE = """async ([name, content]) => {
  const whole = document.querySelector('#whole img.picture');
  const inside = document.querySelector('#window .inside');
  const shown = () => whole.getAttribute('src') || inside.getAttribute('href');
  const area = document.querySelector('#photo button');
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: 'image/png'}));
  const appeared = new Promise((done) => {
    const observer = new MutationObserver(() => {
      if (!shown()) return;
      observer.disconnect();
      done();
    });
    observer.observe(whole, {attributes: true, attributeFilter: ['src']});
    observer.observe(inside, {attributes: true, attributeFilter: ['href']});
  });
  const start = performance.now();
  area.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
  await appeared;
  await Object.assign(new Image(), {src: shown()}).decode();
  return (performance.now() - start) / 1000;
}"""

EXAMPLES = """
python -m benchmarks.studio
python -m benchmarks.studio --config bdinvert_inv_toon64 --drops 20
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        '--config',
        default='bdinvert_inv_toon128',
        help='config of the inversion (default: bdinvert_inv_toon128)',
    )
    parser.add_argument(
        '--images',
        default=ROOT / 'demo/images',
        help='folder of small square photos, which are inverted at once (default: demo/images)',
    )
    parser.add_argument('--drops', type=int, default=12, help='photos to drop (default: 12)')
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'drops')
    return args


@contextlib.contextmanager
def studio(config: str) -> Iterator[str]:
    """Run the studio, and give its address."""
    command = [sys.executable, str(ROOT / 'tools/demo.py'), config, '--device', 'cpu']
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if line.startswith(OPENED):
                    yield line[len(OPENED) :].split()[0]
                    return
            raise RuntimeError('The studio did not open: run bdinvert demo to see why.')
        finally:
            process.terminate()


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_images([args.images])
    from mmgen_bdinvert.io import find_images

    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ImportError(
            "the benchmark needs playwright: pip install 'mmgen_bdinvert[studio-tests]'"
        ) from error
    path = shutil.which('chromium') or shutil.which('chromium-browser')
    if path is None:
        raise FileNotFoundError('The benchmark needs Chromium: apt-get install chromium')
    photos, seconds = find_images([args.images]), []
    with studio(args.config) as address, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=['--no-sandbox'])
        for number in range(args.drops):
            photo = photos[number % len(photos)]
            page = chromium.new_page()
            page.set_default_timeout(600_000)
            page.goto(address)
            page.locator('#start').wait_for()
            page.wait_for_timeout(1000)  # the page settles
            content = base64.b64encode(photo.read_bytes()).decode()
            seconds.append(page.evaluate(UNTIL_THE_PICTURE, [photo.name, content]))
            print(f'{photo.name}: {seconds[-1]:.2f} s', flush=True)
            page.locator('#status progress').wait_for()
            page.locator('#cancel').click()
            page.get_by_text('was cancelled at step').wait_for()
            page.close()
        chromium.close()
    print(
        f'from drop to first picture: {statistics.median(seconds):.2f} s in the median of '
        f'{len(seconds)} drops, {min(seconds):.2f} to {max(seconds):.2f} s'
    )


if __name__ == '__main__':
    run_tool(main)
