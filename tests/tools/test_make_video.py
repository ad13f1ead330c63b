# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from mmgen_bdinvert.apis import edit, render
from mmgen_bdinvert.editing import Direction

VECTOR = torch.linspace(-1, 1, 16)


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


@pytest.fixture(scope='module')
def codes(generator, sample_w_plus):
    return generator.split(sample_w_plus(generator))


@pytest.fixture(scope='module')
def results(tmp_path_factory, generator, codes, generator_config):
    """Return what tools/invert.py leaves, as far as the tool needs it, and a direction."""
    root = tmp_path_factory.mktemp('run')
    for i, name in enumerate(('a', 'b')):
        (root / 'results' / name).mkdir(parents=True)
        codes[i].save(root / 'results' / name / 'code.safetensors')
    torch.save(generator.generator.state_dict(), root / 'generator.pth')
    part = dict(
        type='BaseDetailGenerator',
        generator=generator_config(),
        base_size=8,
        checkpoint=str(root / 'generator.pth'),
    )
    settings = {'model': dict(type='RegularizedInverter', generator=part)}
    (root / 'results' / 'settings.json').write_text(json.dumps(settings))
    torch.save(VECTOR[None], root / 'smile.pt')
    return root / 'results'


@pytest.fixture()
def run(run_in_process):
    return run_in_process('make_video')


def read(path):
    with Image.open(path) as video:
        return [np.array(frame.convert('RGB')) for frame in ImageSequence.Iterator(video)]


def gap(frame, picture):
    """Return the mean difference between a picture and the pixels of a frame that stand for it."""
    pixels = frame.reshape(32, 6, 32, 6, 3).mean((1, 3))
    return np.abs(pixels - picture).mean()


def test_strengths_with_a_motion(run, results, generator, codes, tmp_path):
    code, out, err = run(
        *(results / 'a', '--out-file', tmp_path / 'video.webp', '--frames', 5, '--fps', 10),
        *('--direction', results.parent / 'smile.pt', '--strength', '-2:2:3', '--rotate', -90),
    )
    assert (code, err) == (0, '')
    assert out == f'Video: {tmp_path / "video.webp"}\n'
    frames = read(tmp_path / 'video.webp')
    assert len(frames) == 5
    expected = render(generator, edit(generator, codes[0], Direction(VECTOR), -2))[0]
    assert gap(frames[0], expected) < 6 < 20 < gap(frames[4], expected)


def test_a_folder_is_passed_from_code_to_code(run, results, generator, codes, tmp_path):
    assert run(results, '--out-file', tmp_path / 'video.gif', '--frames', 3)[0] == 0
    frames = read(tmp_path / 'video.gif')
    one, two = render(generator, codes)
    assert gap(frames[0], one) < 6 < 20 < gap(frames[-1], one)
    assert gap(frames[-1], two) < 6


@pytest.mark.parametrize(
    'words, message',
    [
        ([], 'nothing to show'),
        (['--flip'], 'a flip, which has nothing in between'),
        (['--rotate', '5', '--frames', '1'], 'frames is a whole number of at least 2'),
        (['--rotate', '5', '--fps', '0'], 'frames a second, but got 0'),
        (['--rotate', '5', '--batch-size', '0'], '--batch-size must be 1 or more'),
        (['--rotate', '5', '--align', '--and-back'], '--and-back belongs to tools/edit.py'),
        (['--strength', '2'], '--strength and --layers belong to a --direction'),
        (['--rotate', '5', '--out-file', 'video.avi'], 'ends in .mp4, .gif, .webp'),
        (['--rotate', '5', '--out-file', 'none/video.gif'], 'cannot write'),
    ],
)
def test_one_sentence_about_a_wrong_call(run, results, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(results / 'a', '--out-file', 'video.gif', *words)
    assert (code, out) == (2, '')
    assert err.startswith('error: ') and message in err and err.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_codes_that_are_damaged_are_left_out(run, results, generator, codes, tmp_path, damage):
    folder = tmp_path / 'results'
    shutil.copytree(results, folder)
    damage(folder / 'a/code.safetensors')
    words = ('--rotate', 30, '--frames', 2, '--out-file', tmp_path / 'video.gif')
    code, out, err = run(folder, *words)
    assert (code, out) == (1, f'Video: {tmp_path / "video.gif"}\n')
    assert err.startswith('error: ') and 'a/code.safetensors' in err and err.count('\n') == 1
    assert gap(read(tmp_path / 'video.gif')[0], render(generator, codes[1])[0]) < 6
    code, out, err = run(folder / 'a', *words)
    assert (code, out) == (2, '') and err.splitlines()[
        -1
    ] == 'error: None of the codes can be used.'


def test_codes_of_another_program_are_shown(run, results, generator, sample_w_plus, tmp_path):
    w_plus = sample_w_plus(generator)
    np.save(tmp_path / 'latents.npy', {n: [w.numpy()] for n, w in zip(('a.jpg', 'b.jpg'), w_plus)})
    shutil.copy(results / 'settings.json', tmp_path)
    words = ('--frames', 2, '--out-file', tmp_path / 'video.gif')
    assert run(tmp_path / 'latents.npy', *words)[0] == 0
    pictures = render(generator, generator.whole_code(w_plus))
    for frame, picture in zip(read(tmp_path / 'video.gif'), pictures):
        assert gap(frame, picture) < 6
