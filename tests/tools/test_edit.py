# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""tools/edit.py as a user runs it: as a process where that matters, else inside this one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.apis import align, edit, render, transform
from mmgen_bdinvert.geometry import GeometricTransform, PerspectiveTransform, compose
from mmgen_bdinvert.io import read_image
from mmgen_bdinvert.structures import LatentCode
from tests.fixtures.forked import run_forked

VECTOR = torch.linspace(-1, 1, 16)


@pytest.fixture(scope='module')
def generator(make_generator):
    """N = 8 layers; the detail code has 2 to 7."""
    return make_generator()


@pytest.fixture(scope='module')
def codes(generator, sample_w_plus):
    return generator.split(sample_w_plus(generator))


@pytest.fixture()
def results(tmp_path, generator, codes, generator_config):
    """What tools/invert.py leaves, as far as tools/edit.py needs it, and a direction."""
    folder = tmp_path / 'results'
    for i, name in enumerate(('a', 'b')):
        (folder / name).mkdir(parents=True)
        codes[i].save(folder / name / 'code.safetensors')
    torch.save(generator.generator.state_dict(), tmp_path / 'generator.pth')
    part = dict(
        type='BaseDetailGenerator',
        generator=generator_config(),
        base_size=8,
        checkpoint=str(tmp_path / 'generator.pth'),
    )
    model = dict(type='RegularizedInverter', generator=part)
    (folder / 'settings.json').write_text(json.dumps({'model': model}))
    Config(dict(model=model)).dump(folder / 'config.py')
    torch.save(VECTOR[None], tmp_path / 'smile.pt')
    return folder


@pytest.fixture()
def run(run_in_process):
    return run_in_process('edit')


def process(*args):
    return run_forked('edit', *args)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != '.')


def is_one_error(err, *words):
    lines = err.splitlines()
    return len(lines) == 1 and lines[0].startswith('error: ') and all(w in lines[0] for w in words)


class TestProcess:
    def test_everything_at_once(self, results, codes, generator, tmp_path):
        out = tmp_path / 'out'
        done = process(
            *(results, '--out-dir', out, '--direction', tmp_path / 'smile.pt'),
            *('--strength', -1, 2.5, '--layers', '3-4', 7),
            *('--shift', -0.25, 0.1, '--rotate', -30, '--scale', 0.8, '--flip'),
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ''
        assert done.stdout == f'2 of 2 codes edited. Results: {out}\n'
        assert names(out) == ['a', 'b', 'config.py', 'contact_sheet.png', 'settings.json']
        move = GeometricTransform((-0.25, 0.1), -30, 0.8, True)
        for strength in (-1.0, 2.5):
            expected = transform(generator, codes[0], move)
            expected = edit(generator, expected, VECTOR, strength, [3, 4, 7])
            saved = LatentCode.load(out / 'a' / f'code_{strength:g}.safetensors', generator)
            assert torch.equal(saved.base, expected.base)
            assert torch.equal(saved.detail, expected.detail)
            picture = read_image(out / 'a' / f'edited_{strength:g}.png').astype(int)
            assert np.abs(picture - render(generator, expected)[0]).max() <= 1

    def test_a_photo_is_aligned_and_brought_back(self, results, codes, generator, tmp_path):
        out = tmp_path / 'out'
        done = process(
            *(results, '--out-dir', out, '--direction', tmp_path / 'smile.pt'),
            *('--align', '--and-back', '--shear', 10, '--perspective', *'0 0 1 .1 1 1 0 1'.split()),
            *('--padding-mode', 'mean', '--sampling', 'bilinear'),
        )
        assert done.returncode == 0 and done.stderr == '', done.stderr
        corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        tilt = PerspectiveTransform(corners, [[-1, -1], [1, -0.8], [1, 1], [-1, 1]])
        motion = compose(GeometricTransform(shear=10), tilt)
        edited = edit(generator, codes[0], VECTOR)
        options = dict(padding_mode='mean', mode='bilinear')
        for name, expected in (
            ('edited', edited),
            ('aligned', align(generator, edited, motion, **options)),
        ):
            picture = read_image(out / 'a' / f'{name}.png').astype(int)
            assert np.abs(picture - render(generator, expected)[0]).max() <= 1
        saved = LatentCode.load(out / 'a' / 'code.safetensors', generator)
        assert torch.equal(saved.base, edited.base)

    def test_a_bad_code_among_good_ones(self, results, tmp_path):
        (results / 'a' / 'code.safetensors').write_bytes(b'no code')
        out = tmp_path / 'out'
        done = process(results, '--out-dir', out, '--flip')
        assert done.returncode == 1
        assert is_one_error(done.stderr, 'is not a readable latent code')
        assert names(out) == ['b', 'config.py', 'contact_sheet.png', 'settings.json']
        assert names(out / 'b') == ['code.safetensors', 'comparison.png', 'edited.png']

    def test_a_wrong_command(self, results, tmp_path):
        done = process(results, '--out-dir', tmp_path / 'out')
        assert done.returncode == 2 and done.stdout == ''
        assert is_one_error(done.stderr, 'nothing to do')
        assert not (tmp_path / 'out').exists()


def test_the_strength_is_one_unless_said(run, results, codes, tmp_path):
    out = tmp_path / 'out'
    code, *_ = run(results / 'a', '--out-dir', out, '--direction', tmp_path / 'smile.pt')
    assert code == 0
    saved = LatentCode.load(out / 'a' / 'code.safetensors')
    assert torch.equal(saved.detail, codes[0].detail + VECTOR)
    assert torch.equal(saved.base, codes[0].base)


def test_directions_with_factors_and_layers_of_their_own(run, results, codes, tmp_path):
    torch.save(torch.ones(8, 16), tmp_path / 'age.pt')
    out = tmp_path / 'out'
    code, _, err = run(
        *(results / 'a', '--out-dir', out, '--strength', '-1:1:3', '--layers', '3-5'),
        *('--direction', f'{tmp_path / "smile.pt"}@2,6-7', '-0.5', tmp_path / 'age.pt'),
    )
    assert code == 0, err
    for strength in (-1, 0, 1):
        saved = LatentCode.load(out / 'a' / f'code_{strength}.safetensors')
        expected = codes[0].detail.clone()
        expected[:, [0, 4, 5]] -= 0.5 * strength * VECTOR
        expected[:, [1, 2, 3]] += strength
        torch.testing.assert_close(saved.detail, expected)


def test_w_plus_codes_of_the_projector_of_mmgen(run, results, generator, sample_w_plus, tmp_path):
    w_plus = sample_w_plus(generator)[0]
    sizes = [getattr(generator.generator, f'injected_noise_{i}').shape for i in range(7)]
    entry = dict(
        img=torch.zeros(3, 32, 32), latent=w_plus, injected_noise=[torch.zeros(s) for s in sizes]
    )
    torch.save({'me.png': entry}, tmp_path / 'project_result.pt')
    more = ('--direction', tmp_path / 'smile.pt', '--config', results / 'config.py')
    code, out, err = run(tmp_path / 'project_result.pt', '--out-dir', tmp_path / 'out', *more)
    assert code == 0 and out.startswith('1 of 1 codes edited'), err
    written = torch.load(tmp_path / 'out' / 'me' / 'project_result.pt', weights_only=True)
    expected = w_plus.clone()
    expected[2:] += VECTOR
    assert torch.equal(written['me.png']['latent'], expected)


def test_a_code_away_from_its_run_needs_a_config(run, results, codes, tmp_path):
    codes[0].save(tmp_path / 'mine.safetensors')
    more = ('--out-dir', tmp_path / 'out', '--flip')
    code, _, err = run(tmp_path / 'mine.safetensors', *more)
    assert code == 2 and is_one_error(err, 'no settings.json', 'mine.safetensors', '--config')
    config = results / 'config.py'
    assert run(tmp_path / 'mine.safetensors', *more, '--config', config)[0] == 0
    assert names(tmp_path / 'out' / 'mine') == ['code.safetensors', 'comparison.png', 'edited.png']


@pytest.mark.parametrize(
    ('more', 'words'),
    [
        (['--direction', 'none.pt'], ['none.pt', 'check the path']),
        (['--direction', 'text.pt'], ['text.pt', 'not a readable array']),
        (['--direction', 'wide.npy'], ["'wide'", '(1, 17)', '(1, 16) or (8, 16)']),
        (['--direction', 'smile.pt', '--strength', 'nan'], ['strength', 'finite']),
        (['--direction', 'smile.pt', '--strength', 'much'], ['strength', "'much'"]),
        (['--direction', 'smile.pt', '--layers', '1-3'], ['layers 2 to 7', 'but got 1']),
        (['--direction', 'smile.pt', '--layers', 'x'], ['Layers', "'x'", '4-7']),
        (['--direction', 'smile.pt@1-3'], ['layers 2 to 7', 'but got 1']),
        (['--direction', '2', 'smile.pt'], ["'2' is first"]),
        (['--direction', 'smile.pt', '--strength=-1:1'], ['start:stop:count', "'-1:1'"]),
        (['--direction', 'smile.pt', '--layers', '5-3'], ["'5-3'"]),
        (['--strength', '2'], ['--strength and --layers belong to a --direction']),
        (['--scale', '0'], ['scale must be above 0, but got 0']),
        (['--align'], ['--align undoes the motion of the photo', 'no motion']),
        (['--align', '--flip', '--and-back'], ['nothing to bring back']),
        (['--flip', '--complete'], ['--complete belongs to --align']),
        (
            ['--align', '--flip', '--complete', '--padding-mode', 'mean'],
            ['--complete moves no base code'],
        ),
        (
            ['--align', '--flip', '--complete'],
            ['--complete needs an inverter with a base-code encoder'],
        ),
        (['--flip', '--sampling', 'nearest'], ['--sampling', 'nearest']),
        (['--shift', '0.1'], ['--shift', 'expected 2 arguments']),
        (['--rotate', 'inf'], ['rotate must be a finite number']),
        (['--flip', '--sheer', '2'], ['--sheer']),
        (['--flip', '--device', 'gpu'], ["'gpu' is not available"]),
        (['--flip', '--config', 'none.py'], ['none.py']),
        (['--flip', '--out-dir', 'file'], ['file', 'choose another folder']),
        (['--flip', '--out-dir', 'results'], ['is not empty', 'add --into-existing']),
        (['--flip', '--out-dir', 'results', '--into-existing'], ['would overwrite the input']),
        (['--flip', '--out-dir', ''], ['an argument is empty']),
    ],
)
def test_a_wrong_command_is_one_sentence(run, results, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    Path('text.pt').write_text('text')
    Path('file').touch()
    np.save('wide.npy', np.ones(17))
    before = names(results / 'a')
    code, out, err = run('results', '--out-dir', 'out', *more)
    assert (code, out) == (2, '')
    assert is_one_error(err, *words), err
    assert names(results / 'a') == before


@pytest.mark.parametrize('code', ['none.safetensors', 'empty', 'results/config.py'])
def test_what_is_no_code(run, results, tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    Path('empty').mkdir()
    status, _, err = run(code, '--out-dir', 'out', '--flip', '--config', 'results/config.py')
    assert status == (1 if code.endswith('.py') else 2)
    assert is_one_error(err, code)


def test_codes_after_a_damaged_one_are_edited(run, results, tmp_path, damage):
    damage(results / 'a/code.safetensors')
    code, out, err = run(results, '--out-dir', tmp_path / 'out', '--rotate', 5)
    assert (code, out.splitlines()[-1][:21]) == (1, '1 of 2 codes edited. ')
    assert is_one_error(err, 'a/code.safetensors')
    assert (tmp_path / 'out/b/edited.png').is_file() and not (tmp_path / 'out/a').exists()


def test_codes_of_every_real_kind_are_edited_in_float32(run, results, codes, generator, tmp_path):
    for name, dtype in (('a', torch.float64), ('b', torch.bfloat16)):
        codes[0].to(dtype).save(results / name / 'code.safetensors')
    assert run(results, '--out-dir', tmp_path / 'out', '--rotate', 5)[0] == 0
    expected = transform(generator, codes[0], GeometricTransform(rotate=5))
    saved = LatentCode.load(tmp_path / 'out/a/code.safetensors', generator)
    assert torch.equal(saved.base, expected.base)
