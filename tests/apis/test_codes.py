# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgen_bdinvert.apis import (
    edit,
    edit_files,
    find_codes,
    recorded_config,
    render,
    transform,
)
from mmgen_bdinvert.apis.codes import code_sources, edit_projection
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.io import OutputError, load_projections, read_image, tensor_to_image
from mmgen_bdinvert.jobs import ImageOutcome, Manifest
from mmgen_bdinvert.jobs.packed import ShardWriter
from mmgen_bdinvert.structures import LatentCode

UP = torch.ones(16)


@pytest.fixture()
def results(tmp_path, code, tiny_config):
    """What an inversion of two images leaves, as far as edits need it."""
    folder = tmp_path / 'results'
    for i, name in enumerate(('a', 'b.jpeg')):
        (folder / name).mkdir(parents=True)
        code[i].save(folder / name / 'code.safetensors')
    settings = {'model': Config.fromfile(tiny_config).model.to_dict()}
    (folder / 'settings.json').write_text(json.dumps(settings))
    return folder


@pytest.fixture()
def projected(tmp_path, inverter, sample_w_plus):
    """A project_result.pt of two images, with w+ and with w, as mmgen's projector leaves it."""
    network = inverter.generator.generator
    rng, content = torch.Generator().manual_seed(0), OrderedDict()
    w_plus = sample_w_plus(inverter.generator)
    for name, latent in (('in/a.png', w_plus[0]), ('in/b.png', w_plus[1, 0])):
        sizes = [getattr(network, f'injected_noise_{i}').shape for i in range(7)]
        noises = [torch.randn(size, generator=rng) for size in sizes]
        styles = [latent[None]]
        image = network(styles, input_is_latent=True, injected_noise=noises)[0].detach()
        content[name] = {'img': image, 'latent': latent, 'injected_noise': noises}
    torch.save(content, tmp_path / 'project_result.pt')
    return tmp_path / 'project_result.pt'


class TestProjections:
    def test_one_source_an_image(self, projected, inverter, sample_w_plus):
        sources = code_sources(find_codes(projected))
        assert [source.name_source for source in sources] == [Path('in/a.png'), Path('in/b.png')]
        generator, w_plus = inverter.generator, sample_w_plus(inverter.generator)
        expected = torch.stack([w_plus[0], w_plus[1, :1].expand(8, 16)])[:, 2:]
        for i, source in enumerate(sources):
            code = source.load(generator)
            generator.check_code(code)
            assert torch.equal(code.detail, expected[i : i + 1])

    def test_a_code_renders_what_was_projected(self, projected, inverter, tmp_path):
        """It was another picture: noise maps and the coarse blocks' colours were dropped."""
        for source in code_sources([projected]):
            code = source.load(inverter.generator)
            code.save(tmp_path / 'code.safetensors')
            code = LatentCode.load(tmp_path / 'code.safetensors', inverter.generator)
            image = inverter.generator.render(code)[0]
            torch.testing.assert_close(image, source.projection.image, rtol=1e-4, atol=1e-5)
            nearly = edit(inverter, code, UP, 1e-6)
            expected = tensor_to_image(source.projection.image, 'bgr').astype(int)
            assert abs(render(inverter, nearly)[0] - expected).max() <= 1

    def test_nothing_edited_gives_back_what_was_projected(self, projected, inverter):
        for source in code_sources([projected]):
            code = source.load(inverter.generator)
            back = edit_projection(inverter.generator, source.projection, code)
            torch.testing.assert_close(back.image, source.projection.image)
            if source.projection.latent.ndim == 2:
                assert torch.equal(back.latent, source.projection.latent)

    def test_edits_go_to_the_w_plus_and_its_image(self, projected, inverter, tmp_path):
        out, generator = tmp_path / 'out', inverter.generator
        outcomes = edit_files(
            inverter, projected.parent, out, directions=[Direction(UP)], strengths=[1, 2]
        )
        assert [(o.name, o.status) for o in outcomes] == [('a', 'done'), ('b', 'done')]
        (before,) = (s.projection for s in code_sources([projected])[:1])
        for strength in (1, 2):
            found = load_projections(out / 'a' / f'project_result_{strength}.pt')
            assert list(found) == ['in/a.png']
            after = found['in/a.png']
            expected = before.latent.clone()
            expected[2:] += strength  # the detail code begins at layer 2
            assert torch.equal(after.latent, expected)
            image = generator.generator(
                [expected[None]], input_is_latent=True, injected_noise=list(before.noises)
            )[0]
            torch.testing.assert_close(after.image, image)
            saved = LatentCode.load(out / 'a' / f'code_{strength}.safetensors', generator)
            assert torch.equal(saved.detail[0], expected[2:])

    def test_moved_ones_are_codes_only(self, projected, inverter, tmp_path):
        move, out = GeometricTransform(shift=(0.25, 0.0)), tmp_path / 'out'
        edit_files(inverter, projected, out, move=move)
        assert not list(out.glob('*/*.pt'))
        saved = LatentCode.load(out / 'b' / 'code.safetensors', inverter.generator)
        code = code_sources([projected])[1].load(inverter.generator)
        torch.testing.assert_close(saved.base, transform(inverter, code, move).base)
        picture = read_image(out / 'b' / 'edited.png')
        assert (picture == render(inverter, saved)[0]).all()

    def test_edited_codes_of_projections_can_be_edited_again(self, projected, inverter, tmp_path):
        edit_files(inverter, projected, tmp_path / 'once', directions=[Direction(UP)])
        again = find_codes(tmp_path / 'once')
        assert [path.name for path in again] == 2 * ['code.safetensors']
        code = LatentCode.load(again[0], inverter.generator)
        once = code_sources([projected])[0].load(inverter.generator)
        assert torch.equal(code.detail, edit(inverter, once, UP).detail)

    def test_a_bad_file_is_noted(self, projected, inverter, tmp_path):
        (tmp_path / 'bad.pt').write_bytes(b'x')
        outcomes = edit_files(
            inverter, [tmp_path / 'bad.pt', projected], tmp_path / 'out', directions=[Direction(UP)]
        )
        assert [o.status for o in outcomes] == ['failed', 'done', 'done']
        assert 'not a readable file of codes' in outcomes[0].reason

    def test_projections_of_another_generator(self, projected, make_generator, inverter, tmp_path):
        outcomes = edit_files(
            make_generator(8, 64), projected, tmp_path / 'out', directions=[Direction(UP)]
        )
        assert all(o.status == 'failed' for o in outcomes)
        assert 'A projection of this generator has noises of' in outcomes[0].reason
        (source, _) = code_sources([projected])
        code = source.load(inverter.generator)
        content = torch.load(projected, weights_only=True)
        content['in/a.png']['injected_noise'].pop()
        torch.save(content, projected)
        (source, _) = code_sources([projected])
        with pytest.raises(ValueError, match='this generator has noises of'):
            edit_projection(inverter.generator, source.projection, code)


class TestFindCodes:
    def test_files_images_and_runs(self, results):
        a, b = (results / name / 'code.safetensors' for name in ('a', 'b.jpeg'))
        assert find_codes(results) == [a, b]
        assert find_codes([results / 'b.jpeg', results]) == [b, a]
        assert find_codes(str(a)) == [a]

    def test_what_holds_no_code(self, tmp_path):
        (tmp_path / 'x').mkdir()
        with pytest.raises(ValueError, match='holds no code.safetensors'):
            find_codes(tmp_path)
        with pytest.raises(FileNotFoundError, match='does not exist'):
            find_codes(tmp_path / 'y')
        with pytest.raises(ValueError, match='At least one code'):
            find_codes([])


def test_packed_results_are_edited_as_folders_are(results, inverter, tmp_path):
    packed, writer = tmp_path / 'packed', ShardWriter(tmp_path / 'packed', 0, shard_bytes=1)
    packed.mkdir()
    with Manifest(packed) as manifest:  # one shard for each image
        for name in ('a', 'b.jpeg'):
            files = {'code.safetensors': (results / name / 'code.safetensors').read_bytes()}
            outcome = ImageOutcome(name, Path(f'/{name}'), 'done')
            manifest.add('image', **outcome.record(), **writer.add(name, files))
    shutil.copy(results / 'settings.json', packed)
    shards = find_codes(packed)
    assert [path.name for path in shards] == ['00000-00000.tar', '00000-00001.tar']
    assert recorded_config(shards).model == recorded_config(find_codes(results)).model
    for folder, out in ((results, 'one'), (packed, 'two')):
        done = edit_files(inverter, folder, tmp_path / out, directions=[Direction(UP)])
        assert [(o.name, o.status) for o in done] == [('a', 'done'), ('b.jpeg', 'done')]
    for name in ('a', 'b.jpeg'):
        one, two = (tmp_path / out / name / 'edited.png' for out in ('one', 'two'))
        assert one.read_bytes() == two.read_bytes()
    with pytest.raises(OutputError, match='is not empty, and not one that bdinvert edit made'):
        edit_files(inverter, packed, packed, directions=[Direction(UP)])
    (tmp_path / 'loose.tar').write_bytes(shards[0].read_bytes())  # no manifest speaks of it
    done = edit_files(inverter, tmp_path / 'loose.tar', tmp_path / 'no', directions=[Direction(UP)])
    assert done[0].status == 'failed' and 'loose.tar' in done[0].reason
