# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The configuration reference, which is written from the code, leaves nothing out."""

import importlib.util
import inspect
from pathlib import Path

import pytest
from mmgen.registry import MODELS, MODULES

import mmgen_bdinvert  # noqa: F401
from mmgen_bdinvert.models import BaseCodeEncoder

DOCS = Path(__file__).parents[2] / 'docs'
if not DOCS.is_dir():
    pytest.skip('needs the documentation', allow_module_level=True)
pytest.importorskip('sphinx')

REGISTRIES = ('DATASETS', 'HOOKS', 'METRICS', 'MODELS', 'MODULES', 'OPTIMIZERS')


@pytest.fixture(scope='module')
def reference():
    """The Sphinx extension that writes it."""
    spec = importlib.util.spec_from_file_location('reference', DOCS / '_ext/reference.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('registry', REGISTRIES)
def test_every_setting_of_every_component_is_described(registry, reference):
    page = (DOCS / 'config_reference.md').read_text(encoding='utf-8')
    assert f'```{{registered-settings}} {registry}\n' in page
    components = reference.registered(registry)
    assert components
    for name, component in components.items():
        if getattr(component.__init__, '__module__', '').startswith('mmengine.'):
            continue  # mmengine describes them
        rows = reference.settings(component)  # KeyError: an argument is in no docstring
        taken = inspect.signature(component).parameters.values()
        named = {p.name for p in taken if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        assert named <= {row[0] for row in rows}, name
        assert all(row[1] and row[2] and row[3] for row in rows), name


def test_a_section(reference):
    lines = reference.settings_markdown('BaseCodeEncoder', BaseCodeEncoder).splitlines()
    assert lines[0] == '### BaseCodeEncoder'
    assert '| `base_channels` | int | required | Channels C of the base code. |' in lines
    assert (
        '| `base_size` | int | 16 | Side s of the base code; images are resized to 8s. |' in lines
    )


def test_settings_that_a_class_passes_on_are_listed(reference):
    keys = [row[0] for row in reference.settings(MODULES.get('InterFaceGAN'))]
    assert keys[:2] == ['fraction', 'conditions'] and 'labeller' in keys


@pytest.mark.parametrize(
    ('name', 'first', 'steps'),
    [
        ('RegularizedInverter', ['generator', 'encoder', 'detail_encoder'], '1200'),
        ('WPlusInverter', ['generator', 'losses', 'one_style'], '1200'),
        ('NoiseProjector', ['generator', 'optimizer', 'num_steps'], '1000'),
        ('PivotalTuningInverter', ['pivot', 'losses', 'locality_weight'], '350'),
    ],
)
def test_the_settings_of_all_inverters_are_listed_with_each(name, first, steps, reference):
    rows = {row[0]: row for row in reference.settings(MODELS.get(name))}
    assert list(rows)[:3] == first
    shared = {'statistics', 'optimizer', 'num_steps', 'data_preprocessor', 'keep_best', 'amp'}
    assert shared <= set(rows) and ('generator' in rows) == (name != 'PivotalTuningInverter')
    assert rows['num_steps'][2] == steps and rows['amp'][2] == 'False'


def test_the_help_of_a_tool_is_shown_as_a_user_sees_it(reference):
    shown = reference.tool_help('latent_stats')
    assert shown.startswith('usage: bdinvert latent-stats ') and 'examples:' in shown
