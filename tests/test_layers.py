# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Who imports whom: a lower room never imports a higher one, and nothing goes in a circle."""

from pathlib import Path

import grimp
import networkx
import pytest

ROOT = Path(__file__).parents[1]
# From the highest room to the lowest; those of one line do not import each other.
LAYERS = [
    'studio | report',
    'apis',
    'jobs',
    'engine',
    'editing | converters | datasets | evaluation | photos',
    'visualization',
    'models',
    'structures',
    'io | geometry',
    'utils',
    'compat | version',
]
MODELS = [
    'joint_encoder_trainer',
    'encoder_trainer',
    'inverters',
    'losses',
    'generators',
    'acceleration',
]
PACKAGES = ('bdinvert_cli', 'mmgen_bdinvert', 'benchmarks', 'projects')
INSTALLED = ('bdinvert_cli', 'mmgen_bdinvert')


@pytest.fixture(scope='module')
def graph():
    return grimp.build_graph(*PACKAGES, include_external_packages=False)


def test_every_room_has_a_layer():
    rooms = {path.stem for path in (ROOT / 'mmgen_bdinvert').iterdir()} - {
        *('__init__', '__pycache__', '.mim', 'assets', 'py'),
    }
    assert rooms == {room for layer in LAYERS for room in layer.split(' | ')}


@pytest.mark.parametrize(
    ('layers', 'container'), [(LAYERS, 'mmgen_bdinvert'), (MODELS, 'mmgen_bdinvert.models')]
)
def test_no_lower_room_imports_a_higher_one(layers, container, graph):
    broken = graph.find_illegal_dependencies_for_layers(
        [grimp.Layer(*layer.split(' | ')) for layer in layers], containers={container}
    )
    assert {(found.importer, found.imported) for found in broken} == set()


def test_nothing_goes_in_a_circle(graph):
    edges = [
        (module, other)
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
    ]
    circles = networkx.strongly_connected_components(networkx.DiGraph(edges))
    assert [sorted(circle) for circle in circles if len(circle) > 1] == []


def test_the_package_imports_nothing_that_is_not_installed(graph):
    for module in graph.modules:
        if module.startswith('mmgen_bdinvert'):
            imported = graph.find_modules_directly_imported_by(module)
            assert not [name for name in imported if not name.startswith(INSTALLED)], module


def test_the_command_imports_nothing_of_the_package(graph):
    """It has to answer before torch is imported."""
    for module in graph.modules:
        if module.startswith('bdinvert_cli'):
            imported = graph.find_modules_directly_imported_by(module)
            assert not [name for name in imported if not name.startswith('bdinvert_cli')], module


def test_no_file_is_long():
    folders = (*PACKAGES, 'bdinvert_cli', 'tools')
    files = [path for folder in folders for path in (ROOT / folder).rglob('*.py')]
    long = [path for path in files if len(path.read_text(encoding='utf-8').splitlines()) > 300]
    assert long == []
