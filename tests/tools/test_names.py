# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What has a name is called by it; a wrong name is answered with the right ones."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bdinvert_cli import options
from bdinvert_cli.configs import DOMAIN_VARIABLE, find_config, set_domain
from mmgen_bdinvert.apis import edit, edit_files, init_generator, load_config
from mmgen_bdinvert.editing import Direction, load_direction, named_directions
from mmgen_bdinvert.io import local_path, read_image
from mmgen_bdinvert.structures import LatentCode

TOY = 'bdinvert_inv_toon64'


@pytest.fixture(scope='module')
def toy():
    return init_generator(TOY, device='cpu')


@pytest.fixture()
def results(toy, tmp_path):
    """A code of the embedded generator, with the record that an inversion leaves."""
    folder = tmp_path / 'results/photo'
    folder.mkdir(parents=True)
    toy.split(toy.mean_latent.expand(1, toy.num_latents, -1)).save(folder / 'code.safetensors')
    model = json.loads(json.dumps(toy.cfg.model.to_dict()))
    (folder.parent / 'settings.json').write_text(json.dumps({'model': model}))
    return folder


class TestDirections:
    def test_the_help_lists_those_of_the_embedded_generators(self):
        for domain, names in options.DIRECTIONS.items():
            generator = load_config(f'bdinvert_inv_{domain}').model.generator
            assert tuple(named_directions(generator)) == names

    @pytest.mark.parametrize('name', ['edit', 'make_video'])
    def test_the_help_says_so(self, name, run_in_process):
        text = ' '.join(run_in_process(name)('--help')[1].split())
        assert 'toon128: beard, black_hair' in text and 'toon64: clothes_light' in text

    def test_a_name_is_the_file(self, results, run_in_process, tmp_path):
        file = local_path('asset://toon64/skin_lightness.safetensors')
        pictures = []
        for number, word in enumerate(('skin_lightness', file)):
            out = tmp_path / str(number)
            args = (results, '--direction', word, 2, '--out-dir', out, '--device', 'cpu')
            code, _, err = run_in_process('edit')(*args)
            assert code == 0, err
            pictures.append(read_image(out / 'photo/edited.png'))
        assert np.array_equal(*pictures)

    @pytest.mark.parametrize(
        ('word', 'said'),
        [
            ('skin_lightnes', 'did you mean skin_lightness?'),
            ('nose', 'has clothes_lightness, hair_lightness, skin_lightness; or give a file'),
            ('beard@4-5', "no direction 'beard'"),
        ],
    )
    def test_a_wrong_name(self, word, said, results, run_in_process, tmp_path):
        for tool, out in (('edit', '--out-dir'), ('make_video', '--out-file')):
            target = tmp_path / 'out.gif'
            code, _, err = run_in_process(tool)(results, '--direction', word, out, target)
            assert code == 2 and err.count('\n') == 1 and said in err
            assert not target.exists()

    def test_in_python(self, toy, results, tmp_path):
        code = LatentCode.load(results / 'code.safetensors', toy)
        file = local_path('asset://toon64/hair_lightness.safetensors')
        assert torch.equal(edit(toy, code, 'hair_lightness').detail, edit(toy, code, file).detail)
        (outcome,) = edit_files(toy, results, tmp_path / 'out', directions=['hair_lightness'])
        assert outcome.status == 'done'
        with pytest.raises(FileNotFoundError, match='did you mean hair_lightness?'):
            edit(toy, code, 'hair_lightnes')

    def test_those_beside_a_generator_of_ones_own(self, tmp_path):
        Direction(torch.ones(4)).save(tmp_path / 'smile.safetensors')
        shutil.copy(local_path('asset://toon64/statistics.safetensors'), tmp_path)
        (tmp_path / 'notes.safetensors').write_text('no tensors')
        found = named_directions(dict(checkpoint=str(tmp_path / 'generator.pth')))
        assert found == {'smile': tmp_path / 'smile.safetensors'}

    def test_fetched_ones_belong_to_the_generator_of_the_release(self, tmp_path, monkeypatch):
        monkeypatch.setenv('TORCH_HOME', str(tmp_path))
        generator = load_config('bdinvert_inv_ffhq_authors').model.generator
        assert named_directions(generator) == {}
        folder = tmp_path / 'hub/checkpoints/ffhq-authors'
        folder.mkdir(parents=True)
        torch.save(torch.ones(1, 512), folder / 'smile.pt')
        assert named_directions(generator) == {'smile': folder / 'smile.pt'}
        assert load_direction(folder / 'smile.pt').vector.shape == (1, 512)
        other = dict(generator, checkpoint='https://example.org/other.pth')
        assert named_directions(other) == {} == named_directions(dict(generator, checkpoint=None))


class TestPictures:
    @pytest.mark.parametrize('name', ['photo.png', 'my photo.JPG', 'phone.heic'])
    def test_a_picture_is_no_code(self, name, run_in_process, tmp_path):
        Image.new('RGB', (8, 8)).save(tmp_path / name, format='PNG')
        for tool, out in (('edit', '--out-dir'), ('make_video', '--out-file')):
            args = (tmp_path / name, '--rotate', 5, out, tmp_path / 'out.gif')
            code, _, err = run_in_process(tool)(*args)
            assert code == 2 and err.count('\n') == 1
            assert 'is a picture and no code: invert it first (bdinvert invert CONFIG' in err

    def test_a_folder_of_pictures(self, run_in_process, photos, tmp_path):
        code, _, err = run_in_process('edit')(photos, '--rotate', 5, '--out-dir', tmp_path / 'out')
        assert code == 2 and 'invert its pictures first' in err


class TestConfigs:
    def test_did_you_mean(self):
        with pytest.raises(FileNotFoundError, match='did you mean bdinvert_inv_toon64?'):
            find_config('bdinvert_inv_toon46')
        with pytest.raises(FileNotFoundError, match='did you mean baselines/w_plus?'):
            find_config('baselines/wplus')
        with pytest.raises(FileNotFoundError, match='such as baselines/authors or '):
            find_config('zzz')

    def test_baselines_take_the_domain_by_an_option(self, monkeypatch):
        monkeypatch.delenv(DOMAIN_VARIABLE, raising=False)
        size = lambda: load_config('baselines/w_plus').model.generator.generator.out_size  # noqa: E731
        assert size() == 128
        monkeypatch.setenv(DOMAIN_VARIABLE, '')  # undone at the end, whatever set_domain does
        set_domain('baselines/w_plus', TOY)
        assert size() == 64
        set_domain('baselines/w_plus', 'bdinvert_inv_ffhq_authors')
        assert size() == 1024

    @pytest.mark.parametrize('tool', ['invert', 'test'])
    def test_the_tools_have_the_option(self, tool, run_in_process, tmp_path, monkeypatch):
        monkeypatch.setenv(DOMAIN_VARIABLE, '')
        where = ('--out-dir', tmp_path / 'out') if tool == 'invert' else ()
        images = [Path(__file__).parents[2] / 'demo/images'] if tool == 'invert' else []
        run = run_in_process(tool)
        code, _, err = run(TOY, *images, *where, '--domain', TOY)
        assert code == 2 and 'names its own generator' in err and err.count('\n') == 1
        code, _, err = run('baselines/w_plus', *images, *where, '--domain', 'bdinvert_inv_toon46')
        assert code == 2 and 'did you mean bdinvert_inv_toon64?' in err
        assert os.environ[DOMAIN_VARIABLE] == ''


def test_a_restart_is_named_as_the_option(photos, tiny_config, run_in_process, tmp_path):
    run = run_in_process('invert')
    args = (tiny_config, photos / 'p0.png', '--out-dir', tmp_path / 'out', '--device', 'cpu')
    assert run(*args)[0] == 0
    code, _, err = run(*args, '--steps', 1)
    assert code == 2 and re.search(r'or --restart \(restart=True\), which inverts', err)
