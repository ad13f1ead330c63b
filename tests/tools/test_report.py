# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest

from mmgen_bdinvert.apis import invert_files


@pytest.fixture()
def run(run_in_process):
    return run_in_process('report')


def test_a_page_where_it_is_wanted(run, make_inverter, photo_folder, tmp_path):
    invert_files(make_inverter(num_steps=1), photo_folder(2), tmp_path / 'results')
    code, out, err = run(tmp_path / 'results', '--out-file', tmp_path / 'page.html')
    assert (code, err) == (0, '')
    assert out.startswith(f'Report: {tmp_path / "page.html"} (')
    text = (tmp_path / 'page.html').read_text()
    assert text.startswith('<!DOCTYPE html>') and text.count('<article') == 2
    assert not (tmp_path / 'results' / 'report.html').exists()
    run(tmp_path / 'results', '--max-images', 1)
    assert (tmp_path / 'results' / 'report.html').read_text().count('<article') == 1


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['none'], 'There is no folder'),
        (['.'], 'holds no results'),
        (['.', '--max-images', '-1'], 'max_images is a whole number'),
    ],
)
def test_one_sentence_about_a_wrong_call(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, '')
    assert err.startswith('error: ') and message in err and err.count('\n') == 1
