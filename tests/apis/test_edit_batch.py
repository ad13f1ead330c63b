# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import (
    align,
    edit,
    edit_files,
    find_codes,
    init_generator,
    recorded_config,
    render,
    straighten,
    transform,
)
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform, inverse, transform_image
from mmgen_bdinvert.io import OutputError, read_image
from mmgen_bdinvert.structures import LatentCode

MOVE = GeometricTransform(shift=(0.25, 0.0), rotate=30)
UP, ALONG = torch.ones(16), torch.linspace(-1, 1, 16)


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


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != '.')


class TestEditFiles:
    def test_a_motion(self, inverter, code, results, tmp_path):
        out = tmp_path / 'out'
        outcomes = edit_files(inverter.generator, results, out, move=MOVE)
        assert [(o.name, o.status) for o in outcomes] == [('a', 'done'), ('b.jpeg', 'done')]
        assert names(out) == ['a', 'b.jpeg', 'contact_sheet.png']
        assert names(out / 'a') == ['code.safetensors', 'comparison.png', 'edited.png']
        for i, name in enumerate(('a', 'b.jpeg')):
            expected = transform(inverter, code[i], MOVE)
            saved = LatentCode.load(out / name / 'code.safetensors', inverter.generator)
            assert torch.equal(saved.base, expected.base)
            assert torch.equal(saved.detail, code[i].detail)
            picture = read_image(out / name / 'edited.png')
            assert np.array_equal(picture, render(inverter, expected)[0])

    def test_directions_are_added_up_for_each_strength(self, inverter, code, results, tmp_path):
        Direction(ALONG, name='along').save(tmp_path / 'along.safetensors')
        directions = [Direction(UP, name='up'), tmp_path / 'along.safetensors']
        out = tmp_path / 'out'
        edit_files(
            inverter,
            results / 'a',
            out,
            directions=directions,
            strengths=[-2, 0.5, -2.0],
            layers=[4],
            move=MOVE,
        )
        assert names(out / 'a') == [
            'code_-2.safetensors',
            'code_0.5.safetensors',
            'comparison.png',
            'edited_-2.png',
            'edited_0.5.png',
        ]
        for strength in (-2.0, 0.5):
            saved = LatentCode.load(out / 'a' / f'code_{strength:g}.safetensors')
            expected = edit(inverter, code[0], UP, strength, [4])
            expected = edit(inverter, expected, ALONG, strength, [4])
            assert torch.equal(saved.detail, expected.detail)
            assert torch.equal(saved.base, transform(inverter, code[0], MOVE).base)
            picture = read_image(out / 'a' / f'edited_{strength:g}.png')
            assert np.array_equal(picture, render(inverter, saved)[0])

    def test_a_factor_of_its_own(self, inverter, code, results, tmp_path):
        up, along = Direction(UP, name='up'), Direction(ALONG, name='along', layers=[5])
        directions = [2 * up, -0.5 * along]
        edit_files(inverter, results / 'a', tmp_path / 'out', directions=directions, strengths=[3])
        saved = LatentCode.load(tmp_path / 'out' / 'a' / 'code.safetensors')
        expected = edit(inverter, edit(inverter, code[0], UP, 6), ALONG, -1.5, [5])
        torch.testing.assert_close(saved.detail, expected.detail)

    def test_aligned(self, inverter, code, results, tmp_path):
        out = tmp_path / 'out'
        edit_files(
            inverter,
            results / 'a',
            out,
            directions=[Direction(UP, name='up')],
            move=MOVE,
            align=True,
            padding_mode='mean',
            sampling='bilinear',
        )
        assert names(out / 'a') == ['code.safetensors', 'comparison.png', 'edited.png']
        saved = LatentCode.load(out / 'a' / 'code.safetensors')
        aligned = align(inverter, code[0], MOVE, padding_mode='mean', mode='bilinear')
        assert torch.equal(saved.base, aligned.base)
        assert torch.equal(saved.detail, code[0].detail + UP)

    def test_aligned_and_completed(self, inverter, code, results, tmp_path):
        out, settings = tmp_path / 'out', dict(move=MOVE, align=True, complete=True)
        edit_files(inverter, results / 'a', out, directions=[Direction(UP)], **settings)
        saved = LatentCode.load(out / 'a' / 'code.safetensors')
        assert torch.equal(saved.base, straighten(inverter, code[0], MOVE).base)
        assert torch.equal(saved.detail, code[0].detail + UP)

    def test_aligned_and_back(self, inverter, code, results, tmp_path):
        out, settings = tmp_path / 'out', dict(move=MOVE, align=True, and_back=True)
        directions = [Direction(UP, name='up')]
        edit_files(
            inverter, results, out, directions=directions, strengths=[1, 2], layers=[4], **settings
        )
        kinds = ('aligned', 'edited', 'unwarped')
        expected = [f'{kind}_{s}.png' for kind in kinds for s in (1, 2)]
        expected += ['code_1.safetensors', 'code_2.safetensors', 'comparison.png']
        assert names(out / 'b.jpeg') == sorted(expected)
        for strength in (1, 2):
            saved = LatentCode.load(out / 'b.jpeg' / f'code_{strength}.safetensors')
            in_place = edit(inverter, code[1], UP, strength, [4])
            assert torch.equal(saved.base, code[1].base)  # not sampled at all
            assert torch.equal(saved.detail, in_place.detail)
            aligned, edited, unwarped = (
                read_image(out / 'b.jpeg' / f'{kind}_{strength}.png') for kind in kinds
            )
            assert np.array_equal(aligned, render(inverter, align(inverter, in_place, MOVE))[0])
            assert np.array_equal(edited, render(inverter, in_place)[0])
            pixels = torch.from_numpy(edited).permute(2, 0, 1)[None].double()
            expected = transform_image(pixels, inverse(MOVE), mode='bicubic').clamp(0, 255)
            expected = expected[0].permute(1, 2, 0).numpy()
            assert np.abs(unwarped - expected).max() < 1  # rounded once
        eight = Image.open(out / 'contact_sheet.png').width  # before, aligned, 2 of each kind
        edit_files(inverter, results, out, directions=directions, **settings)
        assert eight - Image.open(out / 'contact_sheet.png').width == 3 * 200

    def test_a_bad_code_is_noted_and_the_others_go_on(self, inverter, results, tmp_path):
        (results / 'a' / 'code.safetensors').write_bytes(b'no code')
        seen, out = [], tmp_path / 'out'
        outcomes = edit_files(inverter, results, out, move=MOVE, on_code=seen.append)
        assert [o.status for o in outcomes] == ['failed', 'done'] and outcomes == seen
        assert 'is not a readable latent code' in outcomes[0].reason
        assert names(out) == ['b.jpeg', 'config.py', 'contact_sheet.png', 'settings.json']

    def test_a_code_of_another_generator_fails(self, results, tmp_path, make_generator):
        outcomes = edit_files(make_generator(seed=4), results, tmp_path / 'out', move=MOVE)
        assert [o.status for o in outcomes] == ['failed', 'failed']
        assert 'another generator' in outcomes[0].reason

    def test_a_batch_of_codes_in_one_file_fails(self, inverter, code, tmp_path):
        code.save(tmp_path / 'two.safetensors')
        outcomes = edit_files(inverter, tmp_path / 'two.safetensors', tmp_path / 'out', move=MOVE)
        assert 'the code of one image, but holds 2' in outcomes[0].reason

    def test_edited_codes_can_be_edited_again(self, tiny_config, results, tmp_path):
        generator = init_generator(tiny_config, 'cpu')
        once, twice = tmp_path / 'once', tmp_path / 'twice'
        edit_files(generator, results, once, directions=[Direction(UP)], strengths=[1, 2])
        recorded = recorded_config(find_codes(once)).model.to_dict()
        assert recorded == json.loads(json.dumps(generator.cfg.model.to_dict()))
        outcomes = edit_files(generator, once, twice, move=MOVE)
        assert [o.name for o in outcomes] == ['a_1', 'a_2', 'b.jpeg_1', 'b.jpeg_2']

    def test_the_codes_are_never_overwritten(self, inverter, results):
        before = (results / 'a' / 'code.safetensors').read_bytes()
        with pytest.raises(OutputError, match='would overwrite the input'):
            edit_files(inverter, results, results, move=MOVE)
        assert (results / 'a' / 'code.safetensors').read_bytes() == before

    @pytest.mark.parametrize(
        ('settings', 'message'),
        [
            ({}, 'nothing to do'),
            ({'move': GeometricTransform(rotate=360)}, 'nothing to do'),
            ({'move': MOVE, 'align': True, 'and_back': True}, 'needs align and a direction'),
            ({'move': MOVE, 'complete': True}, 'it needs align'),
            ({'directions': [Direction(UP)], 'align': True, 'complete': True}, 'a motion to undo'),
            (
                {'move': MOVE, 'align': True, 'complete': True, 'sampling': 'bilinear'},
                'sampling do not apply',
            ),
            ({'directions': [Direction(UP)], 'and_back': True}, 'needs align and a direction'),
            ({'directions': [Direction(UP)], 'strengths': []}, 'At least one strength'),
            ({'directions': [Direction(UP)], 'layers': [1]}, 'w.? layers 2 to 7'),
            ({'directions': [Direction(torch.ones(8))]}, r'shape \(1, 8\), but this generator'),
        ],
    )
    def test_a_wrong_call_writes_nothing(self, inverter, results, tmp_path, settings, message):
        with pytest.raises(ValueError, match=message):
            edit_files(inverter, results, tmp_path / 'out', **settings)
        assert not (tmp_path / 'out').exists()

    def test_the_sheet_has_a_column_for_each_step(self, inverter, results, tmp_path):
        out = tmp_path / 'out'
        edit_files(inverter, results, out, move=MOVE)
        two = Image.open(out / 'contact_sheet.png').width
        edit_files(inverter, results, out, move=MOVE, directions=[Direction(UP)], strengths=[1, 2])
        four = Image.open(out / 'contact_sheet.png').width
        assert four - two == 2 * 200  # tiles of 192 and their gaps of 8
