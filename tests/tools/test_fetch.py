# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""``bdinvert fetch``: what it says before and after, and where configs find the files."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch

from bdinvert_cli.catalogue import CATALOGUE, DIRECTIONS, known_file, known_places
from mmgen_bdinvert.apis import load_config
from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.io import cache_folder, local_path
from mmgen_bdinvert.models import BaseCodeEncoder, LatentStatistics
from mmgen_bdinvert.models.checkpoint import read_state_dict

WIDTH = 8


@pytest.fixture()
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'torch/hub/checkpoints'


@pytest.fixture()
def fetch(run_in_process, hub):
    return run_in_process('fetch')


@pytest.fixture()
def publish(serve, monkeypatch):
    """Return a function that puts a catalogue of one bundle in the place of the real one."""

    def publish(name, contents, **changes):
        """Serve the files of a bundle with contents of ours; return their servers by name."""
        bundle, servers, files = CATALOGUE[name], {}, []
        for file in bundle.files:
            if file.name in contents:
                content = contents[file.name]
                servers[file.name] = serve(content)
                digest = hashlib.sha256(content).hexdigest()
                known = dict(url=servers[file.name].url, size=len(content), sha256=digest)
                file = dataclasses.replace(file, **{**known, **changes})
            files.append(file)
        files = tuple(file for file in files if file.name in contents or file.by_hand)
        monkeypatch.setitem(CATALOGUE, name, dataclasses.replace(bundle, files=files))
        return servers

    return publish


def array(values, tmp_path):
    np.save(tmp_path / 'array.npy', values.astype(np.float32))
    return (tmp_path / 'array.npy').read_bytes()


def tensor(values, tmp_path):
    torch.save(values, tmp_path / 'tensor.pt')
    return (tmp_path / 'tensor.pt').read_bytes()


@pytest.fixture()
def authors(publish, tmp_path):
    """Serve small files of the formats that the authors publish."""
    rng = np.random.default_rng(0)
    names = ('age', 'pose', 'smile')
    return publish(
        'ffhq-authors',
        {
            'mean_latent': array(rng.normal(size=WIDTH), tmp_path),
            'eigen_values': array(np.linspace(2, 1, WIDTH), tmp_path),
            'eigen_vectors': array(np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0], tmp_path),
            **{name: tensor(torch.ones(1, WIDTH), tmp_path) for name in names},
        },
    )


def test_size_licence_and_digest_are_said_before_and_after(fetch, publish, hub):
    servers = publish('ffhq', dict(generator=b'weights', vgg16=b'network'))
    code, out, err = fetch('ffhq')
    assert code == 0, err
    before, _, after = out.partition('\ngenerator: ')
    digest = hashlib.sha256(b'weights').hexdigest()
    for part in ('7 bytes', 'License-NC', digest, servers['generator'].url, str(hub)):
        assert part in before
    assert f'7 bytes, SHA-256 {digest}, as announced' in after
    assert local_path('fetched://ffhq/generator').read_bytes() == b'weights'
    assert local_path('fetched://ffhq/vgg16') == hub / 'vgg16-397923af.pth'
    code, out, _ = fetch('ffhq')
    assert code == 0 and f'{hub / "vgg16-397923af.pth"}, there' in out
    assert [len(server.ranges) for server in servers.values()] == [1, 1]


def test_what_is_not_known_beforehand_is_said_to_be_so(fetch, publish):
    publish('ffhq', dict(generator=b'weights', vgg16=b'network'), size=None, sha256='')
    code, out, _ = fetch('ffhq')
    assert code == 0
    assert 'size not known beforehand' in out and 'SHA-256 not known beforehand' in out
    assert f'{hashlib.sha256(b"network").hexdigest()}, which was not known beforehand' in out


def test_the_first_digits_of_a_digest_are_said_to_be_only_that(fetch, publish):
    digest = hashlib.sha256(b'weights').hexdigest()
    publish('ffhq', dict(generator=b'weights'), sha256=digest[:8])
    assert f'{digest}, as announced in the first 32 bits' in fetch('ffhq')[1]


@pytest.mark.parametrize('what', ['offline', 'another file', 'another length', 'lies there'])
def test_what_goes_wrong_is_one_sentence(what, fetch, publish, hub):
    servers = publish('ffhq', dict(generator=b'weights', vgg16=b'network'))
    server, path = servers['generator'], hub / CATALOGUE['ffhq'].files[0].place
    if what == 'offline':
        server.close()
    elif what == 'lies there':
        path.parent.mkdir(parents=True)
        path.write_bytes(b'of the user')
    else:
        server.content = b'strange' if what == 'another file' else b'longer than it'
    code, _, err = fetch('ffhq')
    assert code == 2 and err.startswith('error: ') and err.count('\n') == 1
    said = {
        'offline': 'could not be downloaded from http://127.0.0.1',
        'another file': 'another file than',
        'another length': 'announces 14 bytes instead of 7',
        'lies there': 'move it away',
    }
    assert said[what] in err
    assert (path.read_bytes() == b'of the user') if what == 'lies there' else not path.exists()


def test_the_authors_files_are_converted_where_configs_look(fetch, authors, hub, write_encoder):
    code, out, err = fetch('ffhq-authors')
    assert code == 2 and err.count('\n') == 1  # nobody may download the encoder but people
    wanted = hub / 'ffhq-authors/encoder.pth'
    assert 'https://github.com/kkang831/BDInvert_Release' in err and str(wanted) in err
    statistics = LatentStatistics('fetched://ffhq-authors/statistics')
    assert statistics.mean.shape == (WIDTH,)
    assert load_direction('fetched://ffhq-authors/smile').vector.shape == (1, WIDTH)
    with pytest.raises(FileNotFoundError, match='bdinvert fetch ffhq-authors'):
        read_state_dict('fetched://ffhq-authors/encoder', what='encoder')
    wanted.write_bytes(b'no encoder')
    code, _, err = fetch('ffhq-authors')
    assert code == 2 and 'encoder.pth' in err and err.count('\n') == 1
    write_encoder(wanted, channels=6)
    code, out, err = fetch('ffhq-authors')
    assert code == 0, err
    assert 'which was not known beforehand' in out
    encoder = BaseCodeEncoder(6, 16, (4, 5, 6), checkpoint='fetched://ffhq-authors/encoder')
    weight = torch.load(wanted, weights_only=True)['encoder']['model.0.weight']
    assert any(torch.equal(value, weight) for value in encoder.state_dict().values())
    assert [len(server.ranges) for server in authors.values()] == [1] * 6


def test_an_interrupted_fetch_goes_on(fetch, publish, hub):
    content = bytes(100_000)
    server = publish('ffhq', dict(generator=content))['generator']
    server.breaks_after = [60_000, 0]
    code, _, err = fetch('ffhq')
    assert code == 2 and 'broke off after 60,000 of 100,000 bytes' in err
    assert fetch('ffhq')[0] == 0
    assert server.ranges == [None, 'bytes=60000-', 'bytes=60000-']


def test_without_a_name_nothing_is_downloaded(fetch, publish):
    servers = publish('ffhq', dict(generator=b'weights'))
    code, out, _ = fetch()
    assert code == 0 and 'ffhq-authors: ' in out and not servers['generator'].ranges


def test_names_that_are_not_known(hub):
    with pytest.raises(ValueError, match='did you mean ffhq/generator?'):
        local_path('fetched://ffhq/generato')
    with pytest.raises(ValueError, match='known are ffhq/generator, ffhq/vgg16'):
        local_path('fetched://../../etc/passwd')


def test_the_catalogue_is_what_the_configs_use():
    model = load_config('bdinvert_inv_ffhq').model
    generator, network = CATALOGUE['ffhq'].files
    assert known_file(model.generator.checkpoint) == ('ffhq', generator)
    import torchvision

    assert network.url == torchvision.models.VGG16_Weights.IMAGENET1K_V1.url
    model = load_config('bdinvert_inv_ffhq_authors').model
    names = {f'fetched://{name}' for name in known_places()}
    assert {model.encoder.checkpoint, model.statistics.path} <= names
    assert {f'fetched://{name}' for group in DIRECTIONS.values() for name in group} <= names
    for bundle in CATALOGUE.values():
        for file in bundle.files:
            assert file.by_hand or len(file.sha256) == 64 or file.sha256 in file.url
    assert cache_folder() / generator.place == cache_folder() / generator.url.rpartition('/')[2]
