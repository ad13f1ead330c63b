# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import csv
import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.io import OutputError
from mmgen_bdinvert.io.tables import save_json, save_table
from mmgen_bdinvert.jobs import results
from mmgen_bdinvert.jobs.results import (
    RESULT_FILES,
    Sheet,
    difference,
    read_table,
    save_config,
    save_inversion,
)
from mmgen_bdinvert.structures import LatentCode

NAN, INF = float('nan'), float('inf')
PICTURE = np.full((8, 8, 3), (10, 20, 30), dtype=np.uint8)


def save(folder, **changes):
    arguments = dict(
        code=LatentCode(torch.zeros(1, 2, 8, 8), torch.ones(1, 3, 4)),
        pictures={'target': PICTURE},
        reconstruction=PICTURE,
        history={'total': [2.0, 1.0]},
        metrics={'psnr': 20.0},
    )
    save_inversion(folder, **{**arguments, **changes})


class TestSaveInversion:
    def test_all_files_metrics_last(self, tmp_path, monkeypatch):
        order, replace = [], os.replace

        def watch(source, target):
            order.append(os.path.basename(target))
            replace(source, target)

        monkeypatch.setattr(os, 'replace', watch)
        save(tmp_path)
        assert tuple(order) == RESULT_FILES
        assert sorted(os.listdir(tmp_path)) == sorted(RESULT_FILES)
        assert np.array_equal(np.array(Image.open(tmp_path / 'reconstruction.png')), PICTURE)
        assert json.loads((tmp_path / 'metrics.json').read_text()) == {'psnr': 20.0}

    def test_a_failure_leaves_no_metrics_of_an_earlier_run(self, tmp_path):
        save(tmp_path)
        (tmp_path / 'losses.png').unlink()
        (tmp_path / 'losses.png').mkdir()
        with pytest.raises(OutputError, match=r'losses\.png'):
            save(tmp_path)
        assert not (tmp_path / 'metrics.json').exists()

    def test_without_pictures_to_compare_those_of_an_earlier_run_go(self, tmp_path):
        save(tmp_path)
        save(tmp_path, pictures=None)
        kept = {'code.safetensors', 'reconstruction.png', 'metrics.json'}
        assert set(os.listdir(tmp_path)) == kept

    def test_a_history_without_a_finite_value(self, tmp_path):
        save(tmp_path, history={'total': [NAN, NAN]})
        assert (tmp_path / 'losses.png').stat().st_size > 0


def test_difference_is_grey_where_equal_and_shows_the_sign():
    target = np.full((2, 2, 3), 100, dtype=np.uint8)
    image = target.copy()
    image[0, 0] = (110, 90, 100)
    image[1, 1] = (255, 0, 100)
    shown = difference(image, target)
    assert shown.dtype == np.uint8
    assert shown[0, 1].tolist() == [128, 128, 128]
    assert shown[0, 0].tolist() == [168, 88, 128]  # 128 ± 4 · 10
    assert shown[1, 1].tolist() == [255, 0, 128]


def test_json_has_null_where_a_number_is_not_finite(tmp_path):
    values = {'a': NAN, 'b': {'c': -INF, 'd': 1.5}, 'e': None, 'f': 'é', 'g': [1, {'h': (INF,)}]}
    save_json(tmp_path / 'x.json', values)
    text = (tmp_path / 'x.json').read_text()
    expected = {'a': None, 'b': {'c': None, 'd': 1.5}, 'e': None, 'f': 'é', 'g': [1, {'h': [None]}]}
    assert json.loads(text) == expected
    assert 'NaN' not in text and text.endswith('}\n')


def test_a_table_has_its_columns_and_nothing_where_there_is_no_value(tmp_path):
    rows = [{'a': 1.5, 'b': 'x, "y"\nz', 'other': 3}, {'a': NAN}, {'b': 'bad \udcff'}]
    save_table(tmp_path / 'x.csv', rows, ['b', 'a'])
    with open(tmp_path / 'x.csv', newline='', encoding='utf-8') as file:
        assert list(csv.reader(file)) == [
            ['b', 'a'],
            [r'x, "y"\nz', '1.5'],
            ['', ''],
            [r'bad \udcff', ''],
        ]


@pytest.mark.parametrize(
    'name', ['=1+1', '-1', '@x', "'=1", '\t=1', 'a\\n\n\udcff', '\uff0b1', 'x', '7']
)
def test_a_table_holds_no_formula_and_is_read_back_as_it_was(name, tmp_path):
    rows = [{'name': name, 'psnr': -3.5, 'steps': 7, f'{name} ': name}]
    save_table(tmp_path / 'x.csv', rows, list(rows[0]))
    with open(tmp_path / 'x.csv', newline='', encoding='utf-8') as file:
        head, cells = csv.reader(file)
    assert cells[1:3] == ['-3.5', '7']
    for cell in (head[3], cells[0], cells[3]):
        assert cell.isprintable() and not cell.startswith(tuple('=+-@\uff0b'))
    assert read_table(tmp_path / 'x.csv') == rows


@pytest.mark.parametrize('text', ['name\nplain', '"a","b"\n"open', ''])
def test_another_table_is_refused(text, tmp_path):
    (tmp_path / 'x.csv').write_text(text)
    with pytest.raises(ValueError, match=r'x.csv. is no table of this package'):
        read_table(tmp_path / 'x.csv')


class TestSheet:
    def test_it_shows_the_first_rows_and_says_of_how_many(self, tmp_path):
        heights = []
        for count in (49, 50, 51, 80):
            sheet = Sheet()
            for i in range(count):
                sheet.add(str(i), {'x': PICTURE})
            sheet.save(tmp_path / 'x.png')
            assert sheet.count == count
            heights.append(Image.open(tmp_path / 'x.png').height)
        assert heights[1] - heights[0] == 200  # one more row
        assert 0 < heights[2] - heights[1] < 60 and heights[3] == heights[2]  # the title

    def test_large_pictures_are_kept_small(self, tmp_path):
        sheet = Sheet()
        sheet.add('x', {'wide': np.zeros((100, 1000, 3), np.uint8), 'small': PICTURE})
        ((_, row),) = sheet._rows
        assert row['wide'].shape == (19, 192, 3)
        assert row['small'] is PICTURE

    def test_an_empty_one_is_not_written(self, tmp_path):
        Sheet().save(tmp_path / 'x.png')
        assert not (tmp_path / 'x.png').exists()


def test_the_config_of_a_model_is_written_as_it_can_be_read(tmp_path):
    values = dict(model=dict(type='X', path='a/b.pth', widths=(1, 2)), scope='mmgen')
    save_config(tmp_path, SimpleNamespace(cfg=Config(values)), 'invert')
    read = Config.fromfile(tmp_path / 'config.py')
    assert dict(read.model) == values['model'] and read.scope == 'mmgen'


def test_a_model_without_a_config_leaves_none(tmp_path):
    save_config(tmp_path, object(), 'invert')
    assert os.listdir(tmp_path) == []


class TestPlotsThatFail:
    @pytest.fixture()
    def failing(self, monkeypatch):
        def fail(*args, **kwargs):
            raise RuntimeError('Failed to process string with tex\nbecause latex is not there')

        monkeypatch.setattr(results, 'plot_losses', fail)

    def test_the_image_is_saved_whole_with_a_notice(self, tmp_path, failing):
        with pytest.warns(
            UserWarning, match='cannot be drawn .Failed .* latex is not there'
        ) as seen:
            save(tmp_path)
        assert len(seen) == 1 and '\n' not in str(seen[0].message)
        assert sorted(os.listdir(tmp_path)) == sorted(RESULT_FILES)
        notice = np.array(Image.open(tmp_path / 'losses.png'))
        assert notice.min() < 100 and notice.mean() > 200  # dark letters on white

    def test_a_full_disk_is_still_an_error(self, tmp_path, monkeypatch):
        def fail(*args, **kwargs):
            raise OutputError('cannot write')

        monkeypatch.setattr(results, 'plot_losses', fail)
        with pytest.raises(OutputError):
            save(tmp_path)
