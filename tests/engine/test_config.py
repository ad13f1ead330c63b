# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
from mmengine.runner import Runner

from bdinvert_cli.parser import ToolParser
from mmgen_bdinvert.engine import read_settings
from mmgen_bdinvert.engine.config import RUNNER_KEYS, read_config

TEXT = """
model = dict(type='A', depth=3, checkpoint='a.pth')
param_scheduler = [dict(type='StepLR', step_size=2)]
note = 'read by nobody'
"""


@pytest.fixture()
def config(tmp_path):
    path = tmp_path / 'c.py'
    path.write_text(TEXT)
    return path


def options(*words):
    parser = ToolParser()
    parser.add_cfg_options()
    return read_settings(parser.parse_args(['--cfg-options', *words]).cfg_options)


def test_options_become_values(config):
    words = ['model.checkpoint=None', 'model.depth=4', 'model.rate=1e-3', 'model.path=/a=b']
    words += ['model.on=True', 'model.sizes=[1,2]', 'param_scheduler.0.step_size=8', 'note=x']
    cfg = read_config(config, options(*words))
    expected = dict(type='A', depth=4, checkpoint=None, rate=1e-3, path='/a=b', on=True)
    assert cfg.model == dict(expected, sizes=[1, 2])
    assert cfg.param_scheduler == [dict(type='StepLR', step_size=8)]
    assert cfg.note == 'x'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['model'], 'takes key=value'),
        (['=3'], 'takes key=value'),
    ],
)
def test_words_that_are_no_options_are_refused(words, message, capsys):
    with pytest.raises(SystemExit):
        options(*words)
    assert message in capsys.readouterr().err


def test_brackets_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match=r"cannot read model\.sizes='\[1,\(2\]'"):
        options('model.sizes=[1,(2]')


def test_no_options_are_no_settings():
    assert read_settings(None) == {}


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'modell.depth': 1}, 'modell.depth is unknown.* a setting modell'),
        ({'model.depth.x': 1}, 'do not fit .*c.py'),
        ({'param_scheduler.7.step_size': 1}, 'do not fit .*c.py'),
        ({'model': 5}, 'has a model that is no dict but 5'),
        ({'model': None}, 'has no model: give'),
        ({'model.rate': float('inf')}, 'finite numbers, but model.rate is inf'),
        ({'model.rates': [1, float('nan')]}, 'finite numbers, but model.rates.1 is nan'),
    ],
)
def test_options_that_belong_to_nothing_are_refused(config, given, message):
    with pytest.raises(ValueError, match=message):
        read_config(config, given)


def test_a_setting_of_the_runner_need_not_be_in_the_config(config):
    assert read_config(config, {'load_from': 'x.pth'}).load_from == 'x.pth'


@pytest.mark.parametrize('text', ['model = dict(', "_base_ = ['none.py']", '1 / 0'])
def test_a_config_that_cannot_run_is_named(tmp_path, text):
    (tmp_path / 'c.py').write_text(text)
    with pytest.raises(ValueError, match=r'c\.py cannot be read as a config \(\w+Error: '):
        read_config(tmp_path / 'c.py')


def test_a_config_that_is_not_there_or_has_no_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no config file .*none.py'):
        read_config(tmp_path / 'none.py')
    (tmp_path / 'c.py').write_text('a = 1')
    with pytest.raises(ValueError, match='c.py has no model'):
        read_config(tmp_path / 'c.py')


def test_the_keys_of_the_runner_are_those_it_takes():
    class Record(dict):
        asked = set()

        def get(self, key, default=None):
            self.asked.add(key)
            return default

        def __getitem__(self, key):
            self.asked.add(key)

        def __deepcopy__(self, memo):
            return self

    class Nothing(Runner):
        def __init__(self, **kwargs):
            pass

    Nothing.from_cfg(Record())
    assert len(Record.asked) > 20
    assert Record.asked <= RUNNER_KEYS


@pytest.mark.parametrize('name', ['modle', 'Model', 'models', 'train_dataloder'])
def test_a_misspelt_setting_is_named(tmp_path, name):
    (tmp_path / 'c.py').write_text(f'{TEXT}\n{name} = dict(depth=4)\n')
    meant = 'train_dataloader' if name.startswith('train') else 'model'
    message = f'c.py sets {name}, which nothing reads: did you mean {meant}'
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / 'c.py')


@pytest.mark.parametrize('model', ['', "model = 'A'", 'model = None'])
def test_settings_that_nothing_reads_are_named_where_the_model_is_wrong(tmp_path, model):
    (tmp_path / 'c.py').write_text(f'{model}\ninverter = dict(type=3)\nother = 1\n')
    with pytest.raises(ValueError, match=r'c.py has .*model.* it sets inverter, other, which noth'):
        read_config(tmp_path / 'c.py')
