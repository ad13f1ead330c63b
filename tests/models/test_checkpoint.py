# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import random

import pytest
import torch
from safetensors.torch import save_file

from mmgen_bdinvert.apis import load_config
from mmgen_bdinvert.io import DownloadError, file_digest
from mmgen_bdinvert.models import BaseDetailGenerator, checkpoint
from mmgen_bdinvert.models.checkpoint import ENCODER_PREFIXES, load_weights, read_state_dict

URL = 'https://example.org/weights/stylegan2-ffhq-20210327-bce9310c.pth'


@pytest.fixture()
def trained(make_stylegan2):
    """Return the weights that every checkpoint below holds as those to be used."""
    return {k: v.clone() for k, v in make_stylegan2(seed=1).state_dict().items()}


@pytest.fixture()
def other(make_stylegan2):
    return make_stylegan2(seed=2).state_dict()


def prefixed(prefix, weights):
    return {f'{prefix}{k}': v for k, v in weights.items()}


def same(module, weights):
    state = module.state_dict()
    return set(state) == set(weights) and all(torch.equal(state[k], weights[k]) for k in weights)


def content_of(kind, trained, other):
    plain = prefixed('generator.', other)
    disc = {'discriminator.convs.0.weight': torch.zeros(2)}
    return {
        'mmgen 1.x': dict(
            meta=dict(iter=5),
            state_dict={
                **plain,
                **disc,
                **prefixed('generator_ema.module.', trained),
                'generator_ema.steps': torch.tensor(5),
            },
        ),
        'mmgen 0.x': dict(state_dict={**disc, **plain, **prefixed('generator_ema.', trained)}),
        'without EMA': dict(state_dict={**disc, **prefixed('generator.', trained)}),
        'wrapped': prefixed('module.', trained),
        'bare': trained,
        'bare state_dict': dict(state_dict=trained, epoch=3),
    }[kind]


@pytest.mark.parametrize(
    'kind', ['mmgen 1.x', 'mmgen 0.x', 'without EMA', 'wrapped', 'bare', 'bare state_dict']
)
def test_every_format_gives_the_same_weights(make_stylegan2, tmp_path, trained, other, kind):
    path = tmp_path / 'weights.pth'
    torch.save(content_of(kind, trained, other), path)
    module = make_stylegan2()
    assert load_weights(module, path) == len(trained)
    assert same(module, trained)
    generator = BaseDetailGenerator(make_stylegan2(), 8, checkpoint=str(path))
    assert same(generator.generator, trained)


@pytest.mark.parametrize('prefix', ['', 'generator_ema.'])
def test_safetensors(make_stylegan2, tmp_path, trained, prefix):
    save_file(prefixed(prefix, trained), tmp_path / 'weights.safetensors')
    module = make_stylegan2()
    assert load_weights(module, tmp_path / 'weights.safetensors') == len(trained)
    assert same(module, trained)


def test_half_precision_is_loaded_in_the_modules_own(make_stylegan2, tmp_path, trained):
    half = {k: v.half() for k, v in trained.items()}
    torch.save(half, tmp_path / 'half.pth')
    module = make_stylegan2()
    load_weights(module, tmp_path / 'half.pth')
    assert same(module, {k: v.float() for k, v in half.items()})
    assert {v.dtype for v in module.state_dict().values()} == {torch.float32}


def refused(module, path, message, error=ValueError, **kwargs):
    """Check the message, that it is one line, and that the module keeps its weights."""
    before = {k: v.clone() for k, v in module.state_dict().items()}
    with pytest.raises(error, match=message) as caught:
        load_weights(module, path, **kwargs)
    assert type(caught.value) is error and '\n' not in str(caught.value)
    assert same(module, before)


def test_a_checkpoint_of_another_size_is_refused(make_stylegan2, tmp_path):
    path = tmp_path / 'big.pth'
    torch.save(prefixed('generator_ema.', make_stylegan2(64).state_dict()), path)
    message = (
        r'big.pth does not fit this generator: \d+ of \d+ tensors match; '
        r'unexpected \(\d+\): injected_noise_7, injected_noise_8, convs.6.conv.weight_orig, ….*'
        r'Give the checkpoint that belongs to the configured architecture\.'
    )
    refused(make_stylegan2(), path, message)


def test_the_first_mismatches_are_named_and_counted(make_stylegan2, tmp_path, trained):
    path = tmp_path / 'odd.pth'
    weights = dict(trained)
    total = len(weights)
    weights['extra.a'] = weights['extra.b'] = torch.zeros(1)
    for i in range(4):
        weights.pop(f'injected_noise_{i}')
    weights['to_rgb1.bias'] = torch.zeros(1, 4, 1, 1)
    torch.save(weights, path)
    refused(
        make_stylegan2(),
        path,
        rf'{total - 5} of {total} tensors match; '
        r'other shape \(1\): to_rgb1.bias is \(1, 4, 1, 1\) instead of \(1, 3, 1, 1\); '
        r'missing \(4\): injected_noise_0, injected_noise_1, injected_noise_2, …; '
        r'unexpected \(2\): extra.a, extra.b\.',
    )


def test_a_file_without_the_part_is_refused(make_encoder, tmp_path, trained):
    torch.save(prefixed('generator.', trained), tmp_path / 'gan.pth')
    message = 'does not fit this encoder: 0 of .* unexpected .*: generator.'
    refused(
        make_encoder(), tmp_path / 'gan.pth', message, prefixes=ENCODER_PREFIXES, what='encoder'
    )


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_are_not_finite_are_refused(make_stylegan2, tmp_path, trained, value):
    trained['to_rgb1.bias'].view(-1)[1] = value
    torch.save(trained, tmp_path / 'nan.pth')
    refused(
        make_stylegan2(),
        tmp_path / 'nan.pth',
        'to_rgb1.bias holds values that are not finite',
    )


@pytest.mark.parametrize(
    ('name', 'data'),
    [
        ('empty.pth', b''),
        ('empty.safetensors', b''),
        ('text.pth', b'hello world'),
        ('photo.pth', b'\x89PNG\r\n\x1a\n' + b'x' * 50),
        ('noise.safetensors', b'\x10' * 64),
    ],
)
def test_files_of_another_kind_are_refused(make_stylegan2, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    message = f'{name} is not a readable checkpoint: it is empty, damaged or another kind of file'
    refused(make_stylegan2(), tmp_path / name, message)


@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
@pytest.mark.parametrize('name', ['new.pth', 'legacy.pth', 'x.safetensors'])
def test_damaged_files_never_raise_anything_else(tmp_path, name):
    tensors = {'a': torch.randn(3, 3), 'b': torch.zeros(2)}
    whole = tmp_path / name
    if name.endswith('.safetensors'):
        save_file(tensors, whole)
    else:
        torch.save(tensors, whole, _use_new_zipfile_serialization=name == 'new.pth')
    data, rng = whole.read_bytes(), random.Random(0)
    damaged = tmp_path / f'damaged{whole.suffix}'
    failures = 0
    for _ in range(150):
        text = bytearray(data[: rng.randrange(len(data))] if rng.random() < 0.3 else data)
        for _ in range(rng.randrange(1, 6) if text else 0):
            text[rng.randrange(len(text))] = rng.randrange(256)
        damaged.write_bytes(text)
        try:
            read_state_dict(damaged)  # changed values inside a tensor cannot be noticed
        except ValueError as error:
            assert type(error) is ValueError and damaged.name in str(error)
            failures += 1
    assert failures > 30


def test_a_file_without_tensors_is_refused(make_stylegan2, tmp_path):
    for content in ({'state_dict': {}}, {'epoch': 1}, [torch.zeros(1)], 3):
        torch.save(content, tmp_path / 'none.pth')
        refused(make_stylegan2(), tmp_path / 'none.pth', 'none.pth holds no state dict: no tensor')


def test_a_missing_file_is_named(make_stylegan2, tmp_path):
    for path in (tmp_path / 'no.pth', tmp_path, 'asset://toon64/no.safetensors'):
        refused(
            make_stylegan2(),
            path,
            'There is no checkpoint file .*: check the path',
            (FileNotFoundError),
        )


def test_an_address_is_downloaded_once(make_stylegan2, tmp_path, monkeypatch, trained, serve):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    torch.save(trained, tmp_path / 'trained.pth')
    server = serve((tmp_path / 'trained.pth').read_bytes())
    digest = file_digest(tmp_path / 'trained.pth')[:8]
    url = server.url.replace('weights', f'weights-{digest}')
    for _ in range(2):
        module = make_stylegan2()
        load_weights(module, url)
        assert same(module, trained)
    assert server.ranges == [None]


def test_the_digest_in_a_name_is_checked(make_stylegan2, tmp_path, monkeypatch, serve):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    url = serve(b'something').url.replace('weights', 'weights-bce9310c')
    message = 'another file than weights-bce9310c.pth.*should be bce9310c….*path as checkpoint='
    refused(make_stylegan2(), url, message, DownloadError)


def test_an_address_that_cannot_be_reached_says_what_to_do(make_stylegan2, tmp_path, monkeypatch):
    def fail(url, path, **known):
        raise DownloadError(f'{path.name} could not be downloaded from {url} (no route to host)')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(checkpoint, 'download_file', fail)
    message = (
        r'stylegan2-ffhq-20210327-bce9310c.pth could not be downloaded from https://example.org/.*'
        r'no route to host.*path as checkpoint= .*, or place it at .*/hub/checkpoints/stylegan2'
    )
    refused(make_stylegan2(), URL, message, DownloadError)
    with pytest.raises(FileNotFoundError, match=message):
        BaseDetailGenerator(make_stylegan2(), 8, checkpoint=URL)
    url = load_config('bdinvert_inv_ffhq').model.generator.checkpoint
    message = 'could not be.*: fetch it with `bdinvert fetch ffhq` once .*, or download it on'
    refused(make_stylegan2(), url, message, DownloadError)
