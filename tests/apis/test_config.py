# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.apis import (
    PRESETS,
    find_config,
    init_generator,
    init_inverter,
    load_config,
    shipped_configs,
)
from mmgen_bdinvert.models.inverters.presets import preset_settings

ROOT = Path(__file__).parents[2]


class TestFindConfig:
    @pytest.mark.parametrize('name', ['bdinvert_inv_toon64', 'bdinvert_inv_toon64.py'])
    def test_a_shipped_config_by_name_from_anywhere(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        path = find_config(name)
        assert path.read_text() == (ROOT / 'configs/bdinvert_inv_toon64.py').read_text()

    def test_a_file_goes_before_a_shipped_one(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / 'bdinvert_inv_toon64.py').write_text('')
        assert find_config('bdinvert_inv_toon64.py').read_text() == ''

    def test_a_folder_of_that_name_is_no_config(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / 'bdinvert_inv_toon64').mkdir()
        assert find_config('bdinvert_inv_toon64').is_file()

    def test_a_typo_gets_a_suggestion(self):
        with pytest.raises(
            FileNotFoundError,
            match="tom64': did you mean bdinvert_inv_toon64?",
        ):
            find_config('bdinvert_inv_tom64')

    def test_a_name_is_looked_up_only_without_a_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='There is no config'):
            find_config(tmp_path / 'bdinvert_inv_toon64.py')

    def test_base_files_are_no_configs(self):
        assert {'bdinvert_inv_toon64', 'bdinvert_inv_toon64_8x8'} <= set(shipped_configs())
        assert not [name for name in shipped_configs() if '_base_' in name or 'inversion' in name]
        assert not [name for name in shipped_configs() if name.rpartition('/')[2].startswith('_')]

    def test_configs_in_folders_have_the_folder_in_their_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert load_config('baselines/w_plus').model.type == 'WPlusInverter'
        assert find_config('directions/sefa_toon64').name == 'sefa_toon64.py'


class TestLoadConfig:
    def test_options_override_and_a_given_config_stays_as_it_is(self, tiny_config):
        given = Config.fromfile(tiny_config)
        cfg = load_config(given, {'model.num_steps': 7, 'model.losses.pixel.loss_weight': 2.0})
        assert (cfg.model.num_steps, cfg.model.losses.pixel.loss_weight) == (7, 2.0)
        assert given.model.num_steps == 3
        assert load_config(str(tiny_config), {'model.num_steps': 7}).model.num_steps == 7

    @pytest.mark.parametrize('key', ['num_steps', 'generator.base_size', 'modell.num_steps'])
    def test_an_option_that_nothing_reads_is_refused(self, tiny_config, key):
        with pytest.raises(ValueError, match=f"as model.<name>=<value>, but got '{key}'"):
            load_config(tiny_config, {key: 8})

    def test_an_option_that_does_not_fit(self, tiny_config):
        for config in (tiny_config, Config.fromfile(tiny_config)):
            with pytest.raises(ValueError, match='options do not fit'):
                load_config(config, {'model.num_steps.x': 8})

    def test_a_config_without_a_model(self, tmp_path):
        (tmp_path / 'c.py').write_text('x = 1\n')
        for config in (tmp_path / 'c.py', Config(dict(x=1))):
            with pytest.raises(ValueError, match='has no model'):
                load_config(config)

    @pytest.mark.parametrize('text', ['model = dict(', '1 / 0', "_base_ = ['./none.py']"])
    def test_a_config_that_cannot_be_read_is_one_sentence(self, tmp_path, text):
        (tmp_path / 'c.py').write_text(text)
        with pytest.raises(ValueError, match=r'c\.py cannot be read as a config') as info:
            load_config(tmp_path / 'c.py')
        assert '\n' not in str(info.value)


@pytest.mark.parametrize(('name', 'size', 'first'), [('', 16, 4), ('_8x8', 8, 2)])
def test_the_toon_configs_build_with_weights_of_their_shapes(
    name, size, first, tmp_path, fit_statistics
):
    """With other weights than the shipped ones, which have tests of their own."""
    random = {'model.generator.checkpoint': None}
    generator = init_generator(f'bdinvert_inv_toon64{name}', 'cpu', random)
    assert (generator.resolution, generator.base_shape) == (64, (128, size, size))
    assert (generator.first_detail, generator.num_latents) == (first, 10)
    torch.save(generator.generator.state_dict(), tmp_path / 'g.pth')
    fit_statistics(generator, 512).save(tmp_path / 's.safetensors')
    options = {
        'model.generator.checkpoint': str(tmp_path / 'g.pth'),
        'model.encoder.checkpoint': None,
        'model.statistics.path': str(tmp_path / 's.safetensors'),
    }
    inverter = init_inverter(f'bdinvert_inv_toon64{name}', device='cpu', cfg_options=options)
    assert set(inverter.losses) == {'pixel', 'perceptual', 'base', 'detail'}
    assert inverter.losses['perceptual'].loss_weight == 10
    cfg = load_config(f'bdinvert_inv_toon64{name}')
    assert cfg.model.encoder.checkpoint.endswith(f'encoder_{size}x{size}.safetensors')
    assert cfg.test_dataloader.dataset.size == 64


DETAIL_ENCODER = dict(type='DetailCodeEncoder', num_detail=8, style_dim=128)


@pytest.mark.parametrize('preset', PRESETS)
def test_a_preset_replaces_the_schedule_alone(preset):
    own = load_config('bdinvert_inv_toon128')
    cfg = load_config(own, None, preset)
    assert ('detail_encoder' in cfg.model) == (preset != 'paper')  # as before there was one
    for name, value in preset_settings(preset, predicts=True).items():
        if value is None:
            del own.model[name]
        else:
            assert cfg.model[name] == value
            own.model[name] = value
    assert own.model == cfg.model
    assert Config.fromstring(cfg.pretty_text, '.py').model == cfg.model  # as it is recorded


def test_fast_takes_half_the_steps_from_a_prediction():
    steps = [
        load_config(f'bdinvert_inv_{name}', None, 'fast').model.num_steps
        for name in ('toon64', 'toon128')
    ]
    assert steps == [PRESETS['fast']['num_steps'], 105]  # toon64 has no detail encoder


def test_options_go_before_a_preset():
    options = {'model.num_steps': 7, 'model.optimizer.lr': 0.5}
    cfg = load_config(load_config('bdinvert_inv_toon64'), options, 'fast')
    assert (cfg.model.num_steps, cfg.model.optimizer.lr, cfg.model.keep_best) == (7, 0.5, True)
    assert 'lr' not in PRESETS['fast']['optimizer']


def test_an_option_may_bring_what_a_preset_needs():
    options = {f'model.detail_encoder.{name}': value for name, value in DETAIL_ENCODER.items()}
    cfg = load_config('bdinvert_inv_toon64', options, 'instant')
    assert (cfg.model.num_steps, cfg.model.detail_encoder) == (0, DETAIL_ENCODER)


def test_wrong_presets_are_one_sentence():
    known = 'paper, fast, draft, quick, instant'
    with pytest.raises(ValueError, match=f"preset is one of {known}, but got 'quickly'"):
        load_config('bdinvert_inv_toon64', None, 'quickly')
    for preset in ('quick', 'instant'):
        with pytest.raises(ValueError, match=f"preset '{preset}' needs a detail encoder"):
            load_config('bdinvert_inv_toon64', None, preset)
    config = load_config('bdinvert_inv_toon64')
    config.model.statistics = None
    with pytest.raises(ValueError, match="preset 'fast' needs the latent statistics"):
        load_config(config, None, 'fast')
    assert load_config(config, None, 'paper').model.num_steps == 1200
    with pytest.raises(
        ValueError, match='is for a RegularizedInverter, but the config has a WPlus'
    ):
        load_config(ROOT / 'configs/baselines/w_plus.py', None, 'fast')
