# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""tools/invert.py as a user runs it, called in this process."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.structures import LatentCode
from tests.fixtures.results import FILES, is_one_error, names, rows

FIND = ('--find', 'face', '--cfg-options')


@pytest.fixture()
def invert(run_in_process):
    return run_in_process('invert')


class TestBadInput:
    def test_images_none_of_which_can_be_read(self, invert, tiny_config, tmp_path):
        (tmp_path / 'a.png').touch()
        (tmp_path / 'b.txt').write_text('text')
        code, out, err = invert(
            tiny_config, tmp_path / 'a.png', tmp_path / 'b.txt', '--out-dir', tmp_path / 'out'
        )
        assert code == 1
        assert [line[:7] for line in err.splitlines()] == ['error: ', 'error: ']
        assert [row['status'] for row in rows(tmp_path / 'out')] == ['failed', 'failed']

    def test_an_image_that_is_stopped(self, invert, tiny_config, photos, tmp_path):
        out = tmp_path / 'out'
        options = ('--cfg-options', 'model.optimizer.type=Adam', 'model.optimizer.lr=1e30')
        options += ('model.num_steps=8',)  # every other step breaks, the fourth time is the last
        code, _, err = invert(tiny_config, photos / 'p0.png', '--out-dir', out, *options)
        assert code == 1
        assert is_one_error(err, 'p0.png', 'became non-finite 4 times, at last at step 7')
        assert names(out / 'p0') == FILES
        assert rows(out)[0]['status'] == 'stopped'
        LatentCode.load(out / 'p0' / 'code.safetensors')  # it would refuse NaN

    @pytest.mark.parametrize(
        ('change', 'words'),
        [
            ({'config': 'none.py'}, ['no config', 'none.py']),
            ({'config': 'broken.py'}, ['broken.py', 'cannot be read']),
            ({'images': 'none.png'}, ['none.png', 'does not exist']),
            ({'images': 'empty'}, ['empty', 'holds no image']),
            ({'out': 'file'}, ['file', 'choose another folder']),
            ({'out': 'file/below'}, ['below', 'cannot be written']),
            ({'more': ['--device', 'gpu']}, ["'gpu' is not available"]),
            ({'more': ['--fit', 'stretch']}, ['--fit', 'stretch']),
            ({'more': ['--steps', '-1']}, ['--steps must be 0 or more, but got -1']),
            ({'more': ['--batch-size', '-2']}, ['--batch-size must be 1 or more']),
            ({'more': ['--cfg-options', 'num_steps=3']}, ['model.<name>', 'num_steps']),
            ({'more': ['--cfg-options', 'steps']}, ['key=value', 'steps']),
            ({'more': ['--cfg-options', 'face_finder.threshold=0.5']}, ['belong to --find']),
            ({'more': [*FIND, 'face_finder.threshold=2']}, ['below 1', 'got 2']),
            ({'more': [*FIND, 'face_finder.limit=0.5']}, ['face_finder cannot', "'limit'"]),
            ({'more': [*FIND, 'face_finder=5']}, ['face_finder cannot', 'int']),
        ],
    )
    def test_a_wrong_command_is_refused_before_a_network_is_built(
        self, invert, tiny_config, photos, tmp_path, monkeypatch, change, words
    ):
        monkeypatch.chdir(tmp_path)
        Path('broken.py').write_text('model = dict(')
        Path('empty').mkdir()
        Path('file').touch()
        monkeypatch.setattr('mmgen_bdinvert.apis.init_inverter', lambda *args: 1 / 0)
        inputs = (change.get('config', tiny_config), change.get('images', photos))
        out = change.get('out', 'out')
        code, out, err = invert(*inputs, '--out-dir', out, *change.get('more', []))
        assert (code, out) == (2, '')
        assert is_one_error(err, *words), err

    @pytest.mark.parametrize(
        ('more', 'words'),
        [
            (['--checkpoint', 'none.pth'], ['none.pth']),
            (['--cfg-options', 'model.type=NoInverter'], ["type 'NoInverter'"]),
            (['--cfg-options', 'model.num_stepz=3'], ['unknown setting num_stepz']),
            (['--cfg-options', 'model.generator.checkpoint=none.pth'], ['none.pth']),
            (['--cfg-options', 'model.generator.generator.num_mlps=3'], ['does not fit']),
        ],
    )
    def test_parts_that_are_missing_or_do_not_fit(
        self, invert, tiny_config, photos, tmp_path, more, words
    ):
        code, out, err = invert(tiny_config, photos, '--out-dir', tmp_path / 'out', *more)
        assert (code, out) == (2, '')
        assert is_one_error(err, *words), err


def test_random_weights_are_said(invert, tiny_config, photos, tmp_path):
    more = ('--steps', 1, '--cfg-options', 'model.encoder.checkpoint=None')
    code, _, err = invert(tiny_config, photos / 'p0.png', '--out-dir', tmp_path / 'out', *more)
    assert code == 0
    assert 'note: the encoder has random weights' in err and 'generator' not in err


def test_a_good_run_in_this_process(invert, tiny_config, photos, tmp_path):
    """All inverted: exit code 0; the encoder of --checkpoint is the one that is used."""
    more = ('--steps', 1, '--vis', 'LocalVisBackend')
    code, out, _ = invert(tiny_config, photos, '--out-dir', tmp_path / 'one', *more)
    assert code == 0 and '3 images' in out
    assert len(list((tmp_path / 'one/vis_data/vis_image').glob('[!.]*'))) == 3
    assert 'Nothing was left' not in out
    code, out, _ = invert(tiny_config, photos, '--out-dir', tmp_path / 'one', '--steps', 1)
    assert code == 0 and '\nNothing was left to do.\nResults: ' in out
    more = ('--vis', 'Nothing', '--restart')
    code, _, err = invert(tiny_config, photos, '--out-dir', tmp_path / 'one', *more)
    assert code == 2 and is_one_error(err, "There is no visualisation backend 'Nothing'"), err
    weights = torch.load(tiny_config.parent / 'encoder.pth', weights_only=True)
    weights['model.33.bias'] += 1.0
    torch.save(weights, tmp_path / 'other.pth')
    more = ('--checkpoint', tmp_path / 'other.pth', '--steps', 1)
    assert invert(tiny_config, photos, '--out-dir', tmp_path / 'two', *more)[0] == 0
    one, two = (LatentCode.load(tmp_path / d / 'p0/code.safetensors') for d in ('one', 'two'))
    # One step of Adam moves a value by the learning rate, 0.01.
    torch.testing.assert_close(two.base, one.base + 1.0, atol=0.03, rtol=0)
    assert 'other.pth' in (tmp_path / 'two' / 'config.py').read_text()


def test_a_preset_is_recorded_with_the_results(invert, tiny_config, photos, tmp_path):
    out = tmp_path / 'out'
    args = (
        tiny_config,
        photos / 'p0.png',
        '--out-dir',
        out,
        '--device',
        'cpu',
        '--preset',
        'draft',
    )
    code, _, err = invert(*args, '--steps', 2)
    assert code == 0, err
    model = Config.fromfile(out / 'config.py').model
    assert (model.num_steps, model.optimizer.type, model.keep_best) == (2, 'ImageLBFGS', True)
    code, _, err = invert(*args[:-1], 'paper', '--steps', 2)
    assert code == 2 and 'model' in err and err.strip().count('\n') == 0
