# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.

import numpy as np
import pytest

from tests.fixtures.forked import run_forked


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Write P-norm+ statistics of the authors' format."""
    path = tmp_path_factory.mktemp('pnorm')
    np.save(path / 'mean_latent.npy', np.zeros(4, np.float32))
    np.save(path / 'eigen_values.npy', np.array([1, 3, 2, 4], np.float32))
    np.save(path / 'eigen_vectors.npy', np.eye(4, dtype=np.float32))
    return path


def run(*args):
    return run_forked('convert', *args)


def test_it_tells_what_it_did_and_the_line_for_a_config(tmp_path, folder):
    out = tmp_path / 'new' / 's.safetensors'
    done = run(folder, out, '--from', 'bdinvert-pnorm')
    assert (done.returncode, done.stderr) == (0, '')
    assert 'Used 3 of 3 tensors' in done.stdout
    assert f"\nstatistics=dict(type='LatentStatistics', path='{out}')\n" in done.stdout
    assert out.is_file()


def test_a_wrong_format_is_one_sentence(tmp_path, folder):
    done = run(folder, tmp_path / 's.safetensors', '--from', 'nvidia')
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr.count('\n') == 1 and done.stderr.startswith('error: ')
    assert done.stderr.endswith('so try --from bdinvert-pnorm.\n')
    assert list(tmp_path.iterdir()) == []


@pytest.fixture()
def run_here(run_in_process):
    return run_in_process('convert')


def test_codes_go_to_other_programs(run_here, tmp_path, make_generator, sample_w_plus):
    generator = make_generator()
    code = generator.whole_code(sample_w_plus(generator, 1))
    code.detach().save(tmp_path / 'code.safetensors')
    out = tmp_path / 'new' / 'photo.npz'
    done, said, error = run_here(tmp_path / 'code.safetensors', out, '--from', 'codes')
    assert (done, said, error) == (0, f'Wrote {out}.\n', '')
    assert np.array_equal(np.load(out)['w'], code.w_plus.detach().numpy())
    done, _, error = run_here(out, tmp_path / 'x.safetensors', '--from', 'codes')
    assert done == 2 and 'OUT must end in .npy, .npz, .pt, but got' in error
    done, _, error = run_here(out, tmp_path / 'x.safetensors', '--from', 'nvidia')
    assert done == 2 and error.count('\n') == 1
    done, _, error = run_here(out, tmp_path / 'x.npy', '--from', 'codes', '--label', 1)
    assert done == 2 and '--label belongs to nvidia, but the format is codes' in error
    (tmp_path / 'x.npy').write_bytes(b'of the user')
    done, _, error = run_here(out, tmp_path / 'x.npy', '--from', 'codes')
    assert done == 2 and (tmp_path / 'x.npy').read_bytes() == b'of the user'


def test_a_class_and_drawn_noise_are_said(run_here, tmp_path, monkeypatch):
    said = []

    class Done:
        used, set_aside, tensors = 1, {}, {}
        facts = {'label': '3', 'noise_seed': '0'}

        def config_line(self, path):
            return 'generator=…'

    def convert_file(*args, **options):
        said.append(options['label'])
        return Done()

    monkeypatch.setattr('mmgen_bdinvert.converters.convert_file', convert_file)
    (tmp_path / 'g.pkl').touch()
    words = (tmp_path / 'g.pkl', tmp_path / 'g.safetensors', '--from', 'nvidia', '--label', 3)
    done, out, _ = run_here(*words)
    assert done == 0 and said == [3]
    assert 'The result makes class 3 alone.' in out
    assert 'The source has no noise maps: they are drawn, from the seed 0.' in out
