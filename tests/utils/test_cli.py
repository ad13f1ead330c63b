# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import logging
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log
from mmgen.registry import MODELS

from bdinvert_cli.parser import ToolParser
from bdinvert_cli.running import run_tool
from bdinvert_cli.sentences import one_sentence
from mmgen_bdinvert.utils import check_device, silence_host


def leave(error):
    def main(argv):
        raise error

    return main


def caught(call, *args):
    with pytest.raises(Exception) as info:
        call(*args)
    return info.value


class TestRunTool:
    @pytest.mark.parametrize(('returned', 'code'), [(None, 0), (0, 0), (1, 1)])
    def test_the_tool_says_the_exit_code(self, returned, code, capsys):
        with pytest.raises(SystemExit) as info:
            run_tool(lambda argv: returned)
        assert info.value.code == code
        assert capsys.readouterr().err == ''

    def test_arguments_are_passed_on(self):
        seen = []
        with pytest.raises(SystemExit):
            run_tool(seen.append, ['a', '--b'])
        assert seen == [['a', '--b']]

    @pytest.mark.parametrize(
        ('error', 'line'),
        [
            (ValueError('it must be so, but got\n  this'), 'it must be so, but got this'),
            (FileNotFoundError('There is no x.'), 'There is no x.'),
            (FileNotFoundError(2, 'No such file or directory', 'x.py'), "'x.py': No such file"),
            (ImportError('mmcv is missing'), 'mmcv is missing'),
            (KeyError('num_steps'), "the setting 'num_steps' is missing"),
            (ValueError(), 'ValueError'),
            (torch.cuda.OutOfMemoryError('CUDA …'), 'the GPU is out of memory'),
            (MemoryError(), 'the memory of this machine does not suffice: work on less at a time'),
            (MemoryError('Unable to allocate 4 PiB'), 'the memory of this machine does not suff'),
            (
                RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
                'the memory of this machine does not suffice',
            ),
        ],
    )
    def test_a_users_error_is_one_line_and_code_2(self, error, line, capsys):
        with pytest.raises(SystemExit) as info:
            run_tool(leave(error))
        out, err = capsys.readouterr()
        assert info.value.code == 2 and out == ''
        assert err.startswith(f'error: {line}') and err.count('\n') == 1

    def test_an_interruption_is_code_130(self, capsys):
        with pytest.raises(SystemExit) as info:
            run_tool(leave(KeyboardInterrupt()))
        assert info.value.code == 130
        assert capsys.readouterr().err == 'error: interrupted\n'

    @pytest.mark.parametrize('error', [RuntimeError('shape'), AssertionError(), IndexError()])
    def test_our_own_mistakes_keep_their_traceback(self, error):
        with pytest.raises(type(error)):
            run_tool(leave(error))

    def test_the_traceback_of_a_users_error_can_be_had(self, monkeypatch):
        monkeypatch.setenv('MMGEN_BDINVERT_DEBUG', '1')
        with pytest.raises(ValueError, match='why'):
            run_tool(leave(ValueError('why')))


class TestOneSentence:
    def test_an_unknown_type_of_a_config(self):
        error = caught(MODELS.build, dict(type='NoSuchModel'))
        text = one_sentence(error)
        assert text.startswith("the type 'NoSuchModel' of the config is not in the registry mmgen")
        assert 'http' not in text and '\n' not in text

    @pytest.mark.parametrize(
        ('text', 'named'),
        [
            ('x = (', 'syntax error in a config: '),
            ("_base_ = ['./none.py']", 'none.py'),
            ('x = y', "name 'y' is not defined"),
        ],
    )
    def test_configs_that_mmengine_cannot_read(self, tmp_path, text, named):
        (tmp_path / 'c.py').write_text(text)
        sentence = one_sentence(caught(Config.fromfile, tmp_path / 'c.py'))
        assert named in sentence and '\n' not in sentence

    def test_a_config_that_is_not_there(self, tmp_path):
        sentence = one_sentence(caught(Config.fromfile, tmp_path / 'none.py'))
        assert 'none.py' in sentence and '\n' not in sentence


class TestToolParser:
    def parse(self, *args):
        parser = ToolParser(prog='tool')
        parser.add_argument('--steps', type=int)
        parser.add_cfg_options()
        return parser.parse_args(args)

    def test_options_have_their_types(self):
        options = self.parse('--cfg-options', 'a.b=3', 'c=x', 'd=[1,2]', 'c=y=z').cfg_options
        assert options == {'a.b': '3', 'c': 'y=z', 'd': '[1,2]'}

    @pytest.mark.parametrize(
        'args',
        [
            ('--no-such',),
            ('--steps', 'x'),
            ('--cfg-options', 'a'),
            ('--cfg-options', '=3'),
        ],
    )
    def test_a_wrong_command_is_one_line_and_code_2(self, args, capsys):
        with pytest.raises(SystemExit) as info:
            self.parse(*args)
        err = capsys.readouterr().err
        assert info.value.code == 2
        assert err.startswith('error: ') and err.endswith('see tool --help\n')
        assert err.count('\n') == 1

    @pytest.mark.parametrize('module', ['benchmarks.quality', 'benchmarks.scaling'])
    def test_a_module_is_named_as_it_was_started(self, module):
        command = [sys.executable, '-m', module, '--no-such']
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert ended.stderr.endswith(f'; see python -m {module} --help\n')


class TestCheckDevice:
    def test_what_is_there(self):
        assert check_device('cpu') == torch.device('cpu')
        assert check_device(torch.device('cpu')) == torch.device('cpu')
        assert check_device(None).type == ('cuda' if torch.cuda.is_available() else 'cpu')

    @pytest.mark.parametrize(
        'device', ['gpu', 'cpu:x', 'cuda:99', 'meta', 'hpu', 'privateuseone', 'xla', 'vulkan', '']
    )
    def test_what_is_not(self, device):
        with pytest.raises(ValueError, match=f"device '{device}' is not available here: take cpu"):
            check_device(device)


def test_the_hosts_news_stay_off_the_screen(capfd):
    logger = MMLogger.get_current_instance()
    level = logger.level
    try:
        with silence_host():
            print('Switch to evaluation style mode')
            print_log('Loaded all tensors', 'current', logging.WARNING)
        print_log('One image was stopped', 'current', logging.WARNING)
        print('shown')
        assert capfd.readouterr().out == 'shown\n'
    finally:
        logger.setLevel(level)
