# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Codes of other programs give the images of those programs, and go back to them."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import edit_files, find_codes
from mmgen_bdinvert.apis.codes import code_sources, load_codes
from mmgen_bdinvert.converters import convert_codes
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.structures import LatentCode

UP = torch.ones(16)


@pytest.fixture()
def generator(inverter):
    return inverter.generator


@pytest.fixture()
def w_plus(generator, sample_w_plus):
    return sample_w_plus(generator, count=2)


def files(w_plus, folder):
    """Write each layout of an array of w+, or of w; return the file and how many it holds."""
    arrays, w = w_plus.numpy(), w_plus[:1, :1].repeat(1, w_plus.shape[1], 1)
    (folder / 'photo').mkdir()
    steps = [[np.zeros_like(a), a] for a in arrays]  # ReStyle keeps each iteration
    torch.save(w_plus, folder / 'latents.pt')
    torch.save(w_plus[:1].half(), folder / 'half.pt')
    torch.save(torch.nn.Parameter(w), folder / 'photo' / '0.pt')
    torch.save(w_plus[1], folder / 'one.pt')
    torch.save(w_plus[:1, 0], folder / 'w.pt')
    np.save(folder / 'latents.npy', {'b.jpg': steps[0], 'a.jpg': steps[1]})
    np.save(folder / 'hyper.npy', dict(zip('ab', arrays)))
    np.savez(folder / 'projected_w.npz', w=arrays[:1])
    np.savez(folder / 'dlatents.npz', dlatents=arrays[:1])
    return {
        'latents.pt': (['latents_0', 'latents_1'], w_plus),
        'half.pt': (['half'], w_plus[:1].half().float()),
        'photo/0.pt': (['photo'], w),
        'one.pt': (['one'], w_plus[1:]),
        'w.pt': (['w'], w),
        'latents.npy': (['b.jpg', 'a.jpg'], w_plus),
        'hyper.npy': (['a', 'b'], w_plus),
        'projected_w.npz': (['projected_w'], w_plus[:1]),
        'dlatents.npz': (['dlatents'], w_plus[:1]),
    }


def test_each_layout_gives_the_image_of_the_whole_generator(tmp_path, generator, w_plus):
    for name, (names, wanted) in files(w_plus, tmp_path).items():
        sources = code_sources(find_codes(tmp_path / name))
        assert [str(s.name_source) for s in sources] == names, name
        code = load_codes([tmp_path / name], generator)
        with torch.no_grad():
            whole = generator.synthesis(wanted)
            torch.testing.assert_close(generator.render(code), whole, atol=1e-4, rtol=0)
        assert torch.equal(code.w_plus, wanted), name
        assert code_sources([tmp_path / name])[0].is_written_back is False


def test_folders_stand_for_the_files_that_programs_name_so(tmp_path, w_plus):
    files(w_plus, tmp_path)
    names = ['latents.pt', 'latents.npy', 'projected_w.npz']
    assert find_codes(tmp_path) == [tmp_path / name for name in names]
    assert find_codes(tmp_path / 'photo') == [tmp_path / 'photo' / '0.pt']


def test_rosinalitys_projector(tmp_path, generator, w_plus):
    rng, network = torch.Generator().manual_seed(0), generator.generator
    shapes = [getattr(network, f'injected_noise_{i}').shape for i in range(7)]
    noises = [torch.randn(shape, generator=rng) for shape in shapes]
    with torch.no_grad():
        image = network([w_plus[:1]], input_is_latent=True, injected_noise=noises)
    entry = {'img': image[0].flip(0), 'latent': w_plus[0], 'noise': noises}
    torch.save({'in/a.png': entry}, tmp_path / 'a.pt')
    code = load_codes([tmp_path / 'a.pt'], generator)
    with torch.no_grad():
        torch.testing.assert_close(generator.render(code), image, atol=1e-4, rtol=0)
    edit_files(generator, tmp_path / 'a.pt', tmp_path / 'out', directions=[Direction(UP)])
    back = torch.load(tmp_path / 'out' / 'a' / 'project_result.pt', weights_only=True)
    assert type(back) is OrderedDict and list(back) == ['in/a.png']


class TestPairOfTheAuthors:
    @pytest.fixture(params=[True, False], ids=['with batch', 'without'])
    def pair(self, tmp_path, generator, w_plus, request):
        code = generator.split(w_plus[:1])
        for folder, value in (('basecode', code.base), ('detailcode', w_plus[:1])):
            (tmp_path / f'invert_{folder}').mkdir()
            value = value if request.param else value[0]
            np.save(tmp_path / f'invert_{folder}' / 'photo.npy', value.numpy())
        return tmp_path, code

    def test_it_renders_by_the_base_code(self, pair, generator):
        folder, wanted = pair
        assert find_codes(folder) == [folder / 'invert_basecode' / 'photo.npy']
        for name in ('basecode', 'detailcode'):
            code = load_codes([folder / f'invert_{name}' / 'photo.npy'], generator)
            assert torch.equal(code.base, wanted.base) and torch.equal(code.detail, wanted.detail)
            assert code.colours is None and code.w_plus is None

    def test_it_is_written_back(self, pair, generator, tmp_path):
        folder, wanted = pair
        wanted.save(tmp_path / 'code.safetensors')
        written = convert_codes(tmp_path / 'code.safetensors', tmp_path / 'new' / 'x.npy')
        assert written == [
            tmp_path / 'new' / f'invert_{n}code' / 'x.npy' for n in ('base', 'detail')
        ]
        detail = np.load(written[1])
        assert detail.shape == (1, generator.num_latents, 16)
        assert not detail[:, : generator.first_detail].any()
        again = load_codes(find_codes(tmp_path / 'new'), generator)
        assert torch.equal(again.base, wanted.base) and torch.equal(again.detail, wanted.detail)

    def test_half_of_it_is_refused(self, pair, generator):
        folder, _ = pair
        (folder / 'invert_detailcode' / 'photo.npy').unlink()
        with pytest.raises(FileNotFoundError, match='invert_detailcode/photo.npy'):
            load_codes([folder / 'invert_basecode' / 'photo.npy'], generator)


class TestBack:
    @pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt'])
    def test_an_edited_w_plus_goes_back(self, tmp_path, generator, w_plus, suffix):
        torch.save(w_plus[:1], tmp_path / 'latents.pt')
        edit_files(generator, tmp_path / 'latents.pt', tmp_path / 'out', directions=[Direction(UP)])
        out = tmp_path / f'back{suffix}'
        convert_codes(tmp_path / 'out' / 'latents', out)
        content = torch.load(out) if suffix == '.pt' else np.load(out)
        got = torch.as_tensor(content['w'] if suffix == '.npz' else content)
        wanted = w_plus[:1].clone()
        wanted[:, generator.first_detail :] += 1
        torch.testing.assert_close(got, wanted, atol=1e-6, rtol=0)
        assert torch.equal(load_codes([out], generator).w_plus, got)

    @pytest.mark.parametrize('suffix', ['.npz', '.pt'])
    def test_a_moved_code_goes_back_as_base_and_detail(self, tmp_path, generator, w_plus, suffix):
        torch.save(w_plus[:1], tmp_path / 'latents.pt')
        move = GeometricTransform(shift=(0.25, 0.0))
        edit_files(generator, tmp_path / 'latents.pt', tmp_path / 'out', move=move)
        saved = LatentCode.load(tmp_path / 'out' / 'latents' / 'code.safetensors')
        assert saved.w_plus is None  # no w+ can hold motion
        convert_codes(tmp_path / 'out' / 'latents', tmp_path / f'b{suffix}')
        again = load_codes([tmp_path / f'b{suffix}'], generator)
        assert torch.equal(again.base, saved.base) and torch.equal(again.detail, saved.detail)

    def test_from_one_program_to_another(self, tmp_path, w_plus):
        np.save(tmp_path / 'latents.npy', {'a.jpg': [w_plus[0].numpy()], 'b': [w_plus[1].numpy()]})
        convert_codes(tmp_path / 'latents.npy', tmp_path / 'all.pt')
        assert torch.equal(torch.load(tmp_path / 'all.pt'), w_plus)
        with pytest.raises(ValueError, match='Codes are written to .npy, .npz, .pt, but got'):
            convert_codes(tmp_path / 'latents.npy', tmp_path / 'all.safetensors')
        np.save(tmp_path / 'mixed.npy', {'a': w_plus[0].numpy(), 'b': w_plus[0, :1].numpy()})
        with pytest.raises(ValueError, match='several kinds, which no array has room for'):
            convert_codes(tmp_path / 'mixed.npy', tmp_path / 'mixed.pt')

    def test_what_no_array_holds_is_said(self, tmp_path, generator, w_plus):
        noise = {'injected_noise_0': torch.ones(1, 1, 1, 4, 4)}
        generator.whole_code(w_plus[:1], noise).detach().save(tmp_path / 'code.safetensors')
        notes = []
        convert_codes(tmp_path / 'code.safetensors', tmp_path / 'w.npz', notes.append)
        assert len(notes) == 1 and 'noise maps are not written' in notes[0]


class TestRefused:
    def check(self, path, generator, match):
        with pytest.raises(ValueError, match=match):
            load_codes([path], generator)

    def test_codes_of_another_generator(self, tmp_path, generator):
        torch.save(torch.zeros(1, 18, 512), tmp_path / 'latents.pt')
        self.check(tmp_path / 'latents.pt', generator, r'latents.pt does not fit: w_plus has')
        np.savez(tmp_path / 'c.npz', base=np.zeros((1, 3, 4, 4)), detail=np.zeros((1, 8, 16)))
        self.check(tmp_path / 'c.npz', generator, 'c.npz does not fit: .* base and detail shapes')

    def test_what_holds_no_codes(self, tmp_path, generator):
        for content, match in (
            (torch.zeros(2, 3, 4, 5), 'must hold w'),
            (torch.zeros(0, 16), 'must hold w'),
            (torch.tensor([float('nan')] * 16), 'not finite'),
            ({'a': 3}, 'must hold arrays of codes, but got int'),
            ({'a': torch.zeros(2, 8, 16)}, "holds 2 codes for 'a', not one"),
            ([1], 'holds no codes, but a list'),
        ):
            torch.save(content, tmp_path / 'x.pt')
            self.check(tmp_path / 'x.pt', generator, match)

    def test_no_code_in_a_pickled_array_is_run(self, tmp_path, generator):
        class Evil:
            def __reduce__(self):
                return open, (str(tmp_path / 'was_here'), 'w')

        for content in (Evil(), {'a': Evil()}, {'a': [Evil()]}):
            np.save(tmp_path / 'latents.npy', np.array(content, dtype=object))
            self.check(tmp_path / 'latents.npy', generator, 'is refused: it asks for _?io.open')
        assert not (tmp_path / 'was_here').exists()
        np.save(tmp_path / 'latents.npy', {'a': np.array(['text'])})
        self.check(tmp_path / 'latents.npy', generator, 'an array in it holds no numbers')
