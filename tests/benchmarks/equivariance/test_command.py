# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""benchmarks/equivariance/__main__.py as a user runs it, inside this process."""

import csv

import pytest
import torch
from mmengine.config import Config

from benchmarks.equivariance.measure import measure_equivariance
from benchmarks.equivariance.report import equivariance_markdown


@pytest.fixture(scope='module')
def config(tmp_path_factory, make_generator, generator_config):
    folder = tmp_path_factory.mktemp('equivariance')
    torch.save(make_generator(out_size=64).generator.state_dict(), folder / 'generator.pth')
    part = dict(
        type='BaseDetailGenerator',
        generator=generator_config(64),
        checkpoint=str(folder / 'generator.pth'),
    )
    perceptual = dict(type='LPIPSLoss', net='squeeze', backbone='random')
    model = dict(type='RegularizedInverter', generator=part, losses=dict(perceptual=perceptual))
    Config(dict(model=model)).dump(folder / 'tiny.py')
    return folder / 'tiny.py'


@pytest.fixture()
def run(run_in_process, monkeypatch):
    monkeypatch.setenv('COLUMNS', '200')
    return run_in_process('benchmarks.equivariance.__main__')


def test_a_report_of_two_base_sizes(run, config, make_generator, tmp_path):
    options = ('--motions', 'shift', '--num-samples', 4, '--seed', 3, '--sampling', 'bilinear')
    code, out, _ = run(config, '--out-dir', tmp_path / 'out', *options, '--device', 'cpu')
    assert code == 0 and 'shift 0.0625' in out and 'exact' in out
    files = [f'equivariance.{ending}' for ending in ('csv', 'md', 'png')]
    assert sorted(path.name for path in (tmp_path / 'out').glob('[!.]*')) == files
    rows = []
    for size in (8, 16):
        rows += measure_equivariance(
            make_generator(size, 64),
            {'shift': (1 / 32, 1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4)},
            num_samples=4,
            seed=3,
            mode='bilinear',
        )
    written = (tmp_path / 'out' / 'equivariance.md').read_text('utf-8')
    assert written == equivariance_markdown(rows)


def test_the_perceptual_distance_is_that_of_the_config(run, config, tmp_path):
    options = ('--motions', 'shear', '--num-samples', 4, '--base-sizes', 16, '--perceptual')
    assert run(config, '--out-dir', tmp_path, *options)[0] == 0
    with open(tmp_path / 'equivariance.csv') as file:
        assert all(float(row['perceptual']) > 0 for row in csv.DictReader(file))


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--base-sizes', 12], ['base_size must be one of [8, 16, 32]', 'but got 12']),
        (['--motions', 'bend'], ['bend', 'shift']),
        (['--num-samples', 2], ['4 samples or more, but got 2']),
        (['--device', 'gpu'], ["'gpu' is not available"]),
        (['--perceptual', '--cfg-options', 'model.losses='], ['model.losses.perceptual']),
    ],
)
def test_a_wrong_command_is_one_sentence(run, config, tmp_path, options, words):
    code, out, err = run(config, '--out-dir', tmp_path / 'out', *options)
    errors = [line for line in err.splitlines() if line.startswith('error: ')]
    assert code == 2 and len(errors) == 1 and all(word in errors[0] for word in words), err
    assert not list(tmp_path.glob('out/[!.]*'))
