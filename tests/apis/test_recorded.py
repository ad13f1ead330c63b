# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Recorded settings are data: nothing that a folder names is run."""

import json

import pytest

from mmgen_bdinvert.apis import init_generator, invert_files, recorded_config


@pytest.fixture()
def shared(tmp_path):
    """A folder of somebody else, with what may be a code in it."""
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'code.safetensors').touch()
    return tmp_path


def recorded(folder, model):
    (folder / 'settings.json').write_text(json.dumps({'model': model}))
    return recorded_config([folder / 'a' / 'code.safetensors'])


def test_what_an_inversion_recorded_builds_its_generator(inverter, photos, tmp_path):
    invert_files(inverter, photos / 'p0.png', tmp_path / 'out')
    config = recorded_config([tmp_path / 'out' / 'p0' / 'code.safetensors'])
    built = init_generator(config, 'cpu')
    assert built.fingerprint == inverter.generator.fingerprint


def test_a_config_beside_a_code_is_not_run(shared):
    for folder in (shared, shared / 'a'):
        (folder / 'config.py').write_text(f'open({str(shared / "canary")!r}, "w")\nmodel = dict()')
    with pytest.raises(FileNotFoundError, match=r'not run unasked: name the config .*--config'):
        recorded_config([shared / 'a' / 'code.safetensors'])
    assert not (shared / 'canary').exists()


@pytest.mark.parametrize(
    'generator',
    [
        {'type': 'os.mkdir', 'path': 'canary'},
        {'type': 'subprocess.getoutput', 'cmd': 'mkdir canary'},
        {'type': 'antigravity'},
        {'type': 'BaseDetailGenerator', 'generator': {'type': 'builtins.exec'}},
        {'type': 'BaseDetailGenerator', '_scope_': 'evil'},
        {'type': 'BaseDetailGenerator', 'generator': [{'type': 'os.system'}]},
        {'type': 'BaseDetailGenerator', 'generator': {'pretrained': {'ckpt_path': 'x.pth'}}},
        {'type': ['os.mkdir']},
        {'type': {'a': 1}},
    ],
)
def test_only_what_is_registered_is_taken(shared, monkeypatch, generator):
    monkeypatch.chdir(shared)
    with pytest.raises(ValueError, match='cannot be used .*--config') as info:
        recorded(shared, {'type': 'RegularizedInverter', 'generator': generator})
    assert '\n' not in str(info.value) and not (shared / 'canary').exists()


@pytest.mark.parametrize(
    'text', ['', '{', '[]', '{"model": 3}', '{"model": null}', '[' * 10**5, '{"model":' * 10**5]
)
def test_settings_of_no_sense_are_one_sentence(shared, text):
    (shared / 'settings.json').write_text(text)
    with pytest.raises(ValueError, match='cannot be used') as info:
        recorded_config([shared / 'a' / 'code.safetensors'])
    assert '\n' not in str(info.value)


def test_codes_of_two_models_are_refused(shared, inverter):
    model = json.loads(json.dumps(inverter.cfg.model.to_dict()))
    (shared / 'b').mkdir()
    (shared / 'b' / 'settings.json').write_text(json.dumps({'model': {**model, 'num_steps': 4}}))
    recorded(shared, model)
    with pytest.raises(ValueError, match='Codes of one config are edited at a time'):
        recorded_config([shared / x / 'code.safetensors' for x in 'ab'])
