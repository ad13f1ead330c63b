# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``tools/latent_stats.py``, as a user runs it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmgen.registry import MODULES
from safetensors.torch import save_file

from bdinvert_cli.running import run_tool
from mmgen_bdinvert.apis.statistics import generator_from_config, measure_whiteness
from mmgen_bdinvert.engine import read_config
from mmgen_bdinvert.models import BaseDetailGenerator, LatentStatistics
from mmgen_bdinvert.models.checkpoint import load_weights
from tests.fixtures.forked import run_forked

ROOT = Path(__file__).parents[2]
GENERATOR = dict(
    type='NarrowStyleGANv2Generator',
    out_size=32,
    style_channels=16,
    num_mlps=2,
    channels={4: 8, 8: 8, 16: 8, 32: 8},
)
# The perceptual loss asks for a file that is not there: it must never be built.
INVERSION = f"""
_base_ = ['{ROOT}/configs/_base_/inversion.py']
model = dict(
    generator=dict(
        type='BaseDetailGenerator', base_size=16, checkpoint='CHECKPOINT', generator={GENERATOR}
    ),
    encoder=dict(type='BaseCodeEncoder', base_channels=8, checkpoint='no_such_encoder.pth'),
    statistics=dict(type='LatentStatistics', path='no_such_statistics.safetensors'),
    losses=dict(perceptual=dict(backbone='no_such_backbone.pth')),
)
"""
GAN = f"""
default_scope = 'mmgen'
model = dict(
    type='StyleGAN2',
    data_preprocessor=dict(type='GANDataPreprocessor'),
    generator={GENERATOR},
    discriminator=dict(type='StyleGAN2Discriminator', in_size=32),
)
"""


def load_tool(name):
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


TOOL = load_tool('latent_stats')


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Make a generator whose latents are neither centred nor round, and two configs."""
    folder = tmp_path_factory.mktemp('project')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = MODULES.build(GENERATOR)
        for parameter in generator.style_mapping.parameters():
            if parameter.ndim == 1:
                parameter.data.normal_(0, 30)  # biases act a hundredth of their value
    save_file(generator.state_dict(), folder / 'generator.safetensors')
    averaged = {f'generator_ema.module.{k}': v for k, v in generator.state_dict().items()}
    torch.save({'state_dict': averaged, 'meta': {}}, folder / 'gan.pth')
    text = INVERSION.replace('CHECKPOINT', str(folder / 'generator.safetensors'))
    (folder / 'inv.py').write_text(text)
    (folder / 'gan.py').write_text(GAN)
    return folder


@pytest.fixture()
def call(capsys):
    """Run the tool in this process; return its exit code, stdout and the last line on stderr."""

    def run(*args):
        try:
            code = run_tool(TOOL.main, [*map(str, args)])
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        return code, out, err.strip().splitlines()[-1] if err.strip() else ''

    return run


def shell(*args):
    return run_forked('latent-stats', *args)


@pytest.fixture(scope='module')
def fitted(project):
    """Run the tool in a process of its own."""
    out = project / 'made' / 'statistics.safetensors'
    done = shell(project / 'inv.py', out, '--num-samples', 20000, '--batch-size', 1000)
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_statistics_are_those_of_the_mapped_samples(project, fitted):
    generator = BaseDetailGenerator(MODULES.build(GENERATOR), base_size=8)
    load_weights(generator.generator, project / 'generator.safetensors')
    statistics = LatentStatistics(fitted[0], fingerprint=generator.fingerprint)
    assert statistics.num_samples == 20000
    # The definition, on all samples at once, drawn in the blocks that the class documents.
    rng = torch.Generator().manual_seed(0)
    z = torch.cat([torch.randn(4096, 16, generator=rng) for _ in range(5)])[:20000]
    with torch.no_grad():
        w = generator.mapping(z).double()
    x = torch.where(w < 0, 5 * w, w)
    torch.testing.assert_close(statistics.mean.double(), x.mean(0), rtol=1e-5, atol=1e-6)
    values = torch.linalg.eigvalsh(x.T.cov()).flip(0)
    torch.testing.assert_close(statistics.eigenvalues.double(), values, rtol=1e-5, atol=1e-7)
    v = statistics.whiten(w)
    assert v.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(v.T.cov(), torch.eye(16).to(v), rtol=0, atol=1e-3)
    assert not list(fitted[0].parent.glob('.*.tmp*'))  # no temporary file is left


def test_the_tool_says_what_it_measured(project, fitted):
    out, done = fitted
    statistics = LatentStatistics(out)
    low, high = map(
        float, re.search(r'Eigenvalues from (\S+) to (\S+), 0 of 16', done.stdout).groups()
    )
    assert low == pytest.approx(float(statistics.eigenvalues[-1]), rel=5e-3)
    assert high == pytest.approx(float(statistics.eigenvalues[0]), rel=5e-3)
    numbers = re.search(r'within ±(\S+) .* variances (\S+) to (\S+) ', done.stdout).groups()
    mean, small, large = map(float, numbers)
    generator = generator_from_config(read_config(project / 'inv.py'))
    rng = torch.Generator().manual_seed(1)  # the seed after that of the fit
    z = torch.cat([torch.randn(n, 16, generator=rng) for n in [4096] * 4 + [3616]])
    v = statistics.whiten(generator.mapping(z))
    assert mean == pytest.approx(v.mean(0).abs().max().item(), abs=6e-4)
    assert small == pytest.approx(v.var(0).min().item(), abs=6e-4)
    assert large == pytest.approx(v.var(0).max().item(), abs=6e-4)
    assert mean < 0.04 and 0.95 < small < 1 < large < 1.05
    assert '20,000 samples' in done.stdout
    assert '20.0k/20.0k' in done.stderr  # the progress bar


def test_a_plain_gan_config_gives_the_same_with_its_checkpoint(project, fitted, call, tmp_path):
    out = tmp_path / 's.safetensors'
    args = ['--num-samples', 20000, '--checkpoint', project / 'gan.pth']
    assert call(project / 'gan.py', out, *args)[0] == 0
    ours, theirs = LatentStatistics(out), LatentStatistics(fitted[0])
    assert ours.fingerprint == theirs.fingerprint != ''
    for name, tensor in theirs.state_dict().items():  # other batches round otherwise
        torch.testing.assert_close(ours.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)
    # Another seed is another estimate of the same thing.
    assert call(project / 'gan.py', out, *args, '--seed', 5)[0] == 0
    ours = LatentStatistics(out)
    assert not torch.equal(ours.eigenvalues, theirs.eigenvalues)
    torch.testing.assert_close(ours.eigenvalues, theirs.eigenvalues, rtol=0.1, atol=1e-4)


def test_random_weights_are_those_that_the_runner_gives(project):
    options = {'model.generator.checkpoint': None, 'randomness.seed': 3}
    cfg = read_config(project / 'inv.py', options)
    init_default_scope('mmgen')
    set_random_seed(3)
    expected = MODULES.build(cfg.model.generator).fingerprint
    state = torch.get_rng_state()
    assert generator_from_config(cfg).fingerprint == expected
    assert torch.equal(torch.get_rng_state(), state)
    set_random_seed(4)
    assert generator_from_config(cfg).fingerprint == expected


def test_components_under_the_floor_are_counted_apart():
    class Flat:
        """A mapping whose second coordinate hardly varies."""

        device, style_dim = torch.device('cpu'), 2

        def mapping(self, z):
            return (z * torch.tensor([1.0, 1e-6])).clamp_min(0)

    rng = torch.Generator().manual_seed(0)
    fitted = LatentStatistics.fit(Flat().mapping, 2, generator=rng, num_samples=20000)
    white = measure_whiteness(fitted, Flat())
    assert white.floored == 1
    assert 0.9 < white.smallest_variance <= white.largest_variance < 1.1


def test_wrong_input_is_one_sentence(project, call, tmp_path):
    def error(*args):
        code, out, line = call(*args)
        assert (code, out) == (2, '')
        assert line.startswith('error: ')
        return line

    inv, gan, out = project / 'inv.py', project / 'gan.py', tmp_path / 's.safetensors'
    assert 'names no weights' in error(gan, out) and '--checkpoint' in error(gan, out)
    assert "There is no config '" in error(tmp_path / 'no.py', out)
    assert 'did not make it' in error(inv, tmp_path)
    (tmp_path / 'file').touch()
    assert 'file' in error(inv, tmp_path / 'file' / 's.safetensors')
    assert '--num-samples must be 2 or more' in error(inv, out, '--num-samples', 1)
    assert "device 'abacus'" in error(inv, out, '--device', 'abacus')
    missing = error(inv, out, '--checkpoint', tmp_path / 'no.pth')
    assert 'no.pth' in missing and 'check the path' in missing
    wrong = ['--cfg-options', 'model.generator.generator.style_channels=8']
    assert 'does not fit this generator' in error(inv, out, *wrong)
    (tmp_path / 'corrupt.safetensors').write_bytes(b'no tensors')
    assert 'corrupt.safetensors' in error(
        inv, out, '--checkpoint', tmp_path / 'corrupt.safetensors'
    )
    assert not out.exists()


def test_an_unwritable_output_is_found_out_before_the_work(project, tmp_path):
    (tmp_path / 'file').touch()
    done = shell(project / 'inv.py', tmp_path / 'file' / 's.safetensors')
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr and 'samples:' not in done.stderr
    (line,) = [s for s in done.stderr.splitlines() if s.startswith('error: ')]
    assert 'is a file; choose another folder' in line


def test_too_few_samples_are_warned_of(project, call, tmp_path):
    code, out, warning = call(project / 'inv.py', tmp_path / 's.safetensors', '--num-samples', 17)
    assert code == 0
    assert warning == 'warning: too few samples for this generator, give more --num-samples'
    assert '17 samples' in out


def test_yardsticks_are_added_for_each_base_size(project, call):
    text = (project / 'inv.py').read_text().replace("'no_such_encoder.pth'", 'None')
    text = text.replace(
        "perceptual=dict(backbone='no_such_backbone.pth')",
        "perceptual=dict(net='squeeze', backbone='random')",
    )
    out = project / 'yardsticks.safetensors'
    for size in (16, 8):
        config = project / f'inv{size}.py'
        config.write_text(
            f'{text}model.update(num_steps=1)\n'.replace(
                'base_size=16', f'base_size={size}'
            ).replace("'BaseCodeEncoder'", f"'BaseCodeEncoder', base_size={size}, widths=(4, 6, 8)")
        )
        code, _, _ = call(
            config, out, '--num-samples', 4096, '--verdict-samples', 8, '--device', 'cpu'
        )
        assert code == 0
    yardsticks = LatentStatistics(out).yardsticks
    assert {size: tuple(value.shape) for size, value in yardsticks.items()} == {
        8: (8, 3),
        16: (8, 3),
    }
    assert call(project / 'gan.py', project / 'x.safetensors', '--verdict-samples', 3)[0] == 2
    # A config of a GAN inverts nothing.
    config = [project / 'gan.py', project / 'x.safetensors', '--checkpoint', project / 'gan.pth']
    code, _, line = call(*config, '--num-samples', 4096, '--verdict-samples', 8)
    assert code == 2 and 'inverts nothing' in line and not (project / 'x.safetensors').exists()
