# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Run the examples of the docstrings, with a tiny model of random weights as the shipped one."""

import doctest
import importlib

import pytest
import torch
from PIL import Image

from mmgen_bdinvert import apis
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.structures import LatentCode
from mmgen_bdinvert.utils import silence_host


@pytest.fixture(scope='module')
def config(make_config):
    return make_config(base_size=16, out_size=64, num_steps=1)


@pytest.mark.parametrize(
    'module',
    ['apis.inference', 'apis.motion', 'jobs.invert_files', 'apis.edit_batch', 'apis.directions'],
)
def test_examples(module, config, tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture()).save('photo.png')
    inverter = apis.init_inverter(config, device='cpu')
    code = apis.invert(inverter, 'photo.png').code
    code.save('code.safetensors')
    if module == 'apis.edit_batch':
        apis.invert_files(inverter, 'photo.png', 'results')

    def stand_in(build):
        def call(name, **kwargs):
            with silence_host():  # mmgen prints while a generator is built
                return build(config, **kwargs)

        return call

    names = dict(
        GeometricTransform=GeometricTransform,
        LatentCode=LatentCode,
        code=code,
        generator=inverter.generator,
        inverter=inverter,
        torch=torch,
        init_inverter=stand_in(apis.init_inverter),
        init_generator=stand_in(apis.init_generator),
    )
    where = importlib.import_module(f'mmgen_bdinvert.{module}')
    results = doctest.testmod(where, extraglobs=names, report=True)
    assert results.attempted > 0
    assert results.failed == 0


def test_every_function_of_the_api_has_an_example():
    functions = """init_inverter invert render transform align edit invert_files edit_files
        find_directions""".split()
    for name in functions:
        assert '>>> ' in getattr(apis, name).__doc__, name


def test_the_api_is_what_it_says():
    assert sorted(apis.__all__) == apis.__all__
    assert all(hasattr(apis, name) for name in apis.__all__)
