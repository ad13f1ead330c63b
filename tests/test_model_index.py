# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The model index names what is there, in the form that mim and Papers with Code read."""

from pathlib import Path

import modelindex
import pytest

from mmgen_bdinvert.apis import load_config

ROOT = Path(__file__).parents[1]
if not (ROOT / 'model-index.yml').exists():
    pytest.skip('needs the source tree', allow_module_level=True)


@pytest.fixture(scope='module')
def index():
    """Load the index, and check it against its form."""
    index = modelindex.load(str(ROOT / 'model-index.yml'))
    assert index.check(silent=True) == []
    return index


def test_models_are_in_a_collection_that_is_there(index):
    collections = {collection.name for collection in index.collections}
    assert collections == {'BDInvert'}
    assert {model.in_collection for model in index.models} == collections
    (collection,) = index.collections
    assert collection.data['Paper']['URL'] == 'https://arxiv.org/abs/2108.08998'


def test_models_name_their_own_config_and_weights(index):
    names = [model.name for model in index.models]
    assert len(set(names)) == len(names) == 4
    for model in index.models:
        config = ROOT / model.config
        assert config.stem == model.name
        weights = load_config(str(config)).model.encoder.checkpoint
        assert model.weights == weights.replace('asset://', 'mmgen_bdinvert/assets/')
        assert (ROOT / model.weights).is_file()


def test_every_encoder_that_travels_is_in_the_index(index):
    shipped = (ROOT / 'mmgen_bdinvert/assets').glob('toon*/encoder_*.safetensors')
    assert {path.relative_to(ROOT).as_posix() for path in shipped} == {
        model.weights for model in index.models
    }
