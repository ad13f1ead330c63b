# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The page in a real Chromium, where there is one."""

import pytest

from mmgen_bdinvert.report import write_page


@pytest.fixture()
def page(browser, results, tmp_path):
    """Open the page of a run; at the end, nothing may have gone wrong or left it."""
    page = browser.new_page()
    troubles, requests = [], []
    page.on('console', lambda message: troubles.append(message.text))
    page.on('pageerror', lambda error: troubles.append(str(error)))
    page.on('dialog', lambda dialog: troubles.append(f'dialog {dialog.message}'))
    page.on('request', lambda request: requests.append(request.url))
    page.goto(write_page(results, tmp_path / 'report.html').as_uri())
    yield page
    assert troubles == []
    assert [url for url in requests if not url.startswith(('file:', 'data:'))] == []
    page.close()


def names(page):
    return page.locator('.card:visible').evaluate_all('cards => cards.map(c => c.dataset.name)')


def psnr(page):
    return page.locator('.card').evaluate_all('cards => cards.map(c => +c.dataset.psnr)')


def test_a_wipe_moves_with_the_keyboard_and_the_mouse(page):
    wipe = page.get_by_label('Wipe of a: per cent of the original')
    box = wipe.locator('..')
    place = lambda: box.evaluate("e => getComputedStyle(e).getPropertyValue('--at')")  # noqa: E731
    wipe.focus()
    for key, expected in (('ArrowRight', '51%'), ('Home', '0%'), ('End', '100%')):
        page.keyboard.press(key)
        assert place() == expected
    corners = box.bounding_box()
    page.mouse.click(corners['x'] + corners['width'] / 4, corners['y'] + corners['height'] / 2)
    assert 15 < float(place()[:-1]) < 35
    assert box.locator('.over').evaluate('e => getComputedStyle(e).clipPath').startswith('inset(0')


def test_one_wipe_for_all(page):
    page.get_by_label('Wipe all').fill('10')
    places = page.locator('.wipe').evaluate_all("e => e.map(w => w.style.getPropertyValue('--at'))")
    assert places == ['10%'] * 3


def test_sorting(page):
    worst_first = psnr(page)
    assert worst_first == sorted(worst_first)
    page.get_by_label('Sort by').select_option('PSNR (dB), best first')
    assert psnr(page) == worst_first[::-1]
    page.get_by_label('Sort by').select_option('name')
    assert names(page)[1:] == ['a', 'b']  # the hostile one begins with a sign
    page.get_by_label('Sort by').select_option('squared error, worst first')
    assert psnr(page) == worst_first


def test_filtering_by_name(page):
    page.get_by_label('Name has').fill('B')
    assert names(page) == ['b']
    assert page.locator('#count').inner_text() == '1 shown'


@pytest.mark.parametrize('width', [320, 390, 1400])
def test_nothing_sticks_out_of_the_window(page, width):
    page.set_viewport_size(dict(width=width, height=800))
    for details in page.locator('details').all():
        details.evaluate('e => e.open = true')
    assert page.evaluate('document.documentElement.scrollWidth') <= width
