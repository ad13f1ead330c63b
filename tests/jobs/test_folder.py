# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy
import json
import subprocess
import sys

import pytest

from mmgen_bdinvert.io import OutputError
from mmgen_bdinvert.jobs import Manifest, locked_folder, remember_settings, settings_of

HOLD = """
import sys, time
from mmgen_bdinvert.jobs import locked_folder
with locked_folder(sys.argv[1]):
    print('held', flush=True)
    time.sleep(600)
"""


def test_a_folder_is_held_until_its_process_is_killed(tmp_path):
    command = [sys.executable, '-c', HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == 'held\n'
        with pytest.raises(OutputError, match="another run is writing to '.*'; wait for its end"):
            with locked_folder(tmp_path):
                pass
        other.kill()
    with locked_folder(tmp_path):
        assert (tmp_path / '.lock-0').exists()


def test_ranks_hold_a_folder_together(tmp_path):
    with locked_folder(tmp_path, 0), locked_folder(tmp_path, 1):
        assert sorted(p.name for p in tmp_path.iterdir()) == ['.lock-0', '.lock-1']


class TestSettings:
    @pytest.fixture()
    def used(self, tmp_path):
        """Return a folder with results of given settings."""

        def make(settings):
            remember_settings(tmp_path, settings)
            with Manifest(tmp_path) as manifest:
                manifest.add('start', rank=0)
            return tmp_path

        return make

    def test_the_same_go_on(self, used):
        settings = {'fit': 'crop', 'weights': 'a', 'model': {'num_steps': 3}}
        folder = used(settings)
        remember_settings(folder, settings)
        assert (folder / 'manifest' / '0.jsonl').exists()

    @pytest.mark.parametrize(
        ('change', 'words'),
        [
            ({'fit': 'pad'}, "fit was 'crop' and is 'pad'"),
            ({'weights': 'b'}, 'the weights of a network are no longer the same'),
            ({'weights': 'b', 'model': {'a': {'b': 2}}}, 'model.a.b was 1 and is 2'),
            ({'model': {'a': {'b': 1}, 'd': {}}}, 'model.d was None and is {}'),
            ({'model': {'a': {'b': 1, 'c': 3}}}, 'model.a.c was None and is 3'),
        ],
    )
    def test_others_are_refused_unless_a_restart_is_asked_for(self, used, change, words):
        settings = {'fit': 'crop', 'weights': 'a', 'model': {'a': {'b': 1}}}
        folder = used(settings)
        with pytest.raises(ValueError, match='made with other settings') as info:
            remember_settings(folder, {**settings, **change})
        assert words in str(info.value) and '\n' not in str(info.value)
        assert json.loads((folder / 'settings.json').read_text()) == settings
        remember_settings(folder, {**settings, **change}, restart=True)
        assert json.loads((folder / 'settings.json').read_text()) == {**settings, **change}
        assert not (folder / 'manifest' / '0.jsonl').exists()

    def test_a_folder_without_results_takes_any(self, tmp_path):
        remember_settings(tmp_path, {'fit': 'crop'})
        remember_settings(tmp_path, {'fit': 'pad'})
        assert json.loads((tmp_path / 'settings.json').read_text()) == {'fit': 'pad'}

    def test_weights_and_config_are_part_of_them(self, make_inverter):
        inverter = make_inverter()
        before = settings_of(inverter, fit='crop')
        assert before == settings_of(make_inverter(), fit='crop')
        for change in ('encoder', 'statistics'):
            other = copy.deepcopy(inverter)
            module = getattr(other, change)
            tensor = next(t for t in module.state_dict().values() if t.is_floating_point())
            tensor.view(-1)[0] += 1
            after = settings_of(other, fit='crop')
            assert after['weights'] != before['weights'], change
