# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgen_bdinvert.apis import (
    edit,
    init_generator,
    init_inverter,
    invert,
    render,
    transform,
)
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform, transform_base
from mmgen_bdinvert.io import image_to_tensor
from mmgen_bdinvert.models import RegularizedInverter, WPlusInverter

MOVE = GeometricTransform(shift=(0.25, -0.1), rotate=20, scale=0.8, flip=True)


class TestInitInverter:
    def test_it_holds_the_weights_of_the_config(self, tiny_config, make_generator, make_encoder):
        inverter = init_inverter(str(tiny_config), device='cpu')
        assert type(inverter) is RegularizedInverter
        assert inverter.generator.fingerprint == make_generator().fingerprint
        assert inverter.statistics.fingerprint == make_generator().fingerprint
        images = torch.rand(1, 3, 64, 64) * 2 - 1
        torch.testing.assert_close(inverter.encoder(images), make_encoder()(images))
        assert not inverter.training and not inverter.encoder.training
        assert inverter.cfg.model.num_steps == 3

    def test_the_checkpoint_replaces_the_encoder(self, tiny_config, tmp_path, make_encoder):
        other = make_encoder(seed=5)
        torch.save(other.state_dict(), tmp_path / 'other.pth')
        inverter = init_inverter(tiny_config, tmp_path / 'other.pth', 'cpu')
        for name, value in other.state_dict().items():
            assert torch.equal(inverter.encoder.state_dict()[name], value)
        assert inverter.cfg.model.encoder.checkpoint == str(tmp_path / 'other.pth')

    def test_options_and_a_config_object(self, tiny_config):
        given = Config.fromfile(tiny_config)
        inverter = init_inverter(given, device='cpu', cfg_options={'model.num_steps': 9})
        assert inverter.num_steps == 9
        assert given.model.num_steps == 3

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            ({'model.type': 'RegularisedInverter'}, "type 'RegularisedInverter' .* not in the reg"),
            (
                {'model.type': 'BaseCodeEncoderTrainer'},
                'which no BaseCodeEncoderTrainer takes',
            ),
            ({'model.num_stepz': 3}, 'unknown setting num_stepz, .*: did you mean num_steps?'),
            ({'model.encoder.nosuch': 3}, 'takes: known are base_channels, base_size, widths'),
            ({'model.losses.pixl.loss_weight': 3}, 'pixl has no type.*: did you mean pixel?'),
            ({'model.losses.pixel.type': 'PixelMSELos'}, 'registry .*: did you mean PixelMSELoss?'),
            ({'model.optimizer.lrr': 3}, 'Adam takes lr, betas, eps'),
            ({'model.losses.pixel.type': 'Pixel'}, "type 'Pixel' of the config"),
            ({'model.num_steps': -1}, 'num_steps is a whole number of at least 0, but got -1'),
            ({'model.generator.base_size': 16}, 'The encoder gives base codes of shape'),
            ({'model.encoder.widths': (4, 6, 9)}, 'encoder.pth does not fit this encoder'),
        ],
    )
    def test_a_wrong_setting_is_one_sentence(self, tiny_config, options, message):
        with pytest.raises(ValueError, match=message) as info:
            init_inverter(tiny_config, device='cpu', cfg_options=options)
        assert '\n' not in str(info.value)

    def test_a_config_that_inverts_nothing(self):
        with pytest.raises(ValueError, match='a BaseCodeEncoderTrainer, which inverts nothing'):
            init_inverter('bdinvert_enc_toon64', device='cpu')

    def test_parts_of_another_generator_are_refused(self, tiny_config, make_config):
        other = Config.fromfile(make_config(seed=3)).model
        for part, message in (('encoder', 'trained for another'), ('statistics', 'another gen')):
            cfg = Config.fromfile(tiny_config)
            cfg.model[part] = other[part]
            with pytest.raises(ValueError, match=message):
                init_inverter(cfg, device='cpu')

    def test_a_missing_checkpoint_is_named(self, tiny_config):
        with pytest.raises(FileNotFoundError, match=r'nowhere\.pth'):
            init_inverter(tiny_config, 'nowhere.pth', 'cpu')

    @pytest.mark.parametrize('device', ['gpu', 'cuda:99', ''])
    def test_a_device_that_is_not_there(self, tiny_config, device):
        with pytest.raises(ValueError, match=f"device '{device}' is not available here"):
            init_inverter(tiny_config, device=device)

    def test_a_model_without_an_encoder_takes_no_checkpoint(self, tiny_config):
        cfg = Config.fromfile(tiny_config)
        losses = dict(pixel=dict(type='PixelMSELoss'), perceptual=None)
        cfg.model = dict(type='WPlusInverter', generator=cfg.model.generator, losses=losses)
        assert type(init_inverter(cfg, device='cpu')) is WPlusInverter
        with pytest.raises(ValueError, match='has none, only a WPlusInverter'):
            init_inverter(cfg, 'encoder.pth', 'cpu')


class TestInitGenerator:
    def test_it_needs_neither_encoder_nor_statistics(self, tiny_config, inverter):
        cfg = Config.fromfile(tiny_config)
        cfg.model = dict(type='RegularizedInverter', generator=cfg.model.generator)
        generator = init_generator(cfg, 'cpu')
        assert generator.fingerprint == inverter.generator.fingerprint

    def test_a_config_without_a_generator(self, tiny_config):
        cfg = Config.fromfile(tiny_config)
        del cfg.model.generator
        with pytest.raises(ValueError, match=r'no model\.generator'):
            init_generator(cfg, 'cpu')


class TestInvert:
    def test_images_of_a_batch_invert_as_they_do_alone(self, inverter, picture):
        pictures = [picture(0), picture(1), picture(2)]
        together = invert(inverter, pictures)
        split = invert(inverter, pictures, batch_size=2)
        assert together.history['total'].shape == (4, 3)
        for i, rgb in enumerate(pictures):
            alone = invert(inverter, rgb)
            for many in (together, split):
                torch.testing.assert_close(many.code[i].base, alone.code.base)
                torch.testing.assert_close(many.code[i].detail, alone.code.detail)
                torch.testing.assert_close(many.reconstruction[i], alone.reconstruction[0])
                for name, values in alone.history.items():
                    torch.testing.assert_close(many.history[name][:, i], values[:, 0])

    def test_masks_say_what_counts(self, inverter, picture, tmp_path):
        pictures = [picture(0), picture(1), picture(2)]
        white = np.full(pictures[0].shape[:2], 255, np.uint8)
        half = white.copy()
        half[: len(half) // 2] = 0
        Image.fromarray(half).save(tmp_path / 'half.png')
        masks = [Image.fromarray(white), tmp_path / 'half.png', np.stack([half] * 3, 2)]
        found = invert(inverter, pictures, masks=masks, batch_size=2)
        plain = invert(inverter, pictures, batch_size=2)
        losses, unmasked = found.history['pixel'][-1], plain.history['pixel'][-1]
        torch.testing.assert_close(losses[0], unmasked[0])
        assert (losses[1:] < 0.8 * unmasked[1:]).all()
        side = inverter.generator.resolution
        tensor = torch.ones(1, 1, side, side)
        tensor[..., : side // 2, :] = 0
        for one in (tmp_path / 'half.png', tensor):
            same = invert(inverter, pictures[1:], masks=one)
            torch.testing.assert_close(same.code.base, found.code[1:].base)

    @pytest.mark.parametrize(
        ('masks', 'match'),
        [
            (torch.ones(2, 1, 8, 8), '3 images need one mask or 3, but got 2'),
            (torch.ones(3, 8, 8), r'shape \(n, 1, H, W\), but got \(3, 8, 8\)'),
            (torch.full((1, 1, 8, 8), 255.0), r'masks lies in \[0, 1\], but got \[255, 255\]'),
            ([], 'none'),
            (torch.ones(1, 1, 8, 9), r'its image of \d+x\d+ pixels, but got one of 9x8'),
            (np.zeros((20, 10, 3), np.uint8), 'but got one of 10x20'),
        ],
    )
    def test_masks_that_fit_no_images(self, inverter, picture, masks, match):
        with pytest.raises(ValueError, match=match):
            invert(inverter, [picture(0)] * 3, masks=masks)

    def test_the_same_call_gives_the_same_bits(self, inverter, picture):
        first, second = (invert(inverter, [picture(0), picture(1)]) for _ in range(2))
        assert torch.equal(first.code.base, second.code.base)
        assert torch.equal(first.code.detail, second.code.detail)

    def test_the_start_is_the_encoder_and_the_mean(self, inverter, picture):
        seen = []
        invert(inverter, picture(), callback=lambda *args: seen.append(args))
        assert [(step, total) for step, total, *_ in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
        with torch.no_grad():
            base = inverter.encoder(image_to_tensor(picture()))
            detail = inverter.generator.mean_latent.expand(1, inverter.generator.num_detail, -1)
            start = inverter.generator(base, detail)
        torch.testing.assert_close(seen[0][3], start)
        assert set(seen[0][2]) == {'pixel', 'perceptual', 'base', 'detail', 'total'}

    @pytest.mark.parametrize('order', ['bgr', 'rgb'])
    def test_red_stays_red(self, tiny_config, order):
        options = {
            'model.generator.channel_order': order,
            'model.losses': {'_delete_': True, 'pixel': {'type': 'PixelMSELoss'}},
            'model.optimizer': {'type': 'Adam', 'lr': 0.1},
            'model.num_steps': 60,
        }
        inverter = init_inverter(tiny_config, device='cpu', cfg_options=options)
        red = np.full((32, 32, 3), (230, 20, 20), dtype=np.uint8)
        (picture,) = render(inverter, invert(inverter, red).code)
        r, g, b = picture.reshape(-1, 3).mean(0)
        assert r > 200 and g < 60 and b < 60

    def test_a_code_renders_to_its_reconstruction(self, inverter, picture):
        result = invert(inverter, [picture(0), picture(1)])
        expected = (result.reconstruction.flip(1).clamp(-1, 1) + 1) * 127.5  # BGR to RGB
        for i, rendered in enumerate(render(inverter, result.code)):
            gap = torch.from_numpy(rendered).permute(2, 0, 1) - expected[i]  # [HWC] -> [CHW]
            assert gap.abs().max() <= 0.501

    @pytest.mark.parametrize('batch_size', [0, -1, 2.0])
    def test_a_batch_holds_one_image_or_more(self, inverter, picture, batch_size):
        with pytest.raises(ValueError, match='batch_size is a whole number of at least 1'):
            invert(inverter, picture(), batch_size=batch_size)


class TestRender:
    def test_batches_and_devices_change_nothing(self, inverter, code):
        one_by_one = render(inverter.generator, code, batch_size=1)
        for a, b in zip(render(inverter, code), one_by_one):
            assert a.dtype == np.uint8 and a.shape == (32, 32, 3)
            assert np.abs(a.astype(int) - b).max() <= 1

    def test_a_code_of_another_generator_is_refused(self, code, make_generator):
        other = make_generator(seed=9)
        for call in (
            lambda: render(other, code),
            lambda: transform(other, code, MOVE),
            lambda: edit(other, code, torch.ones(16)),
        ):
            with pytest.raises(ValueError, match='made with another generator'):
                call()

    def test_only_something_with_a_generator_renders(self, code):
        with pytest.raises(TypeError, match='but got Linear'):
            render(torch.nn.Linear(1, 1), code)


class TestTransform:
    def test_it_moves_the_base_code_alone(self, inverter, code):
        moved = transform(inverter, code, MOVE)
        assert torch.equal(moved.detail, code.detail)
        assert torch.equal(moved.base, transform_base(code.base, MOVE))
        assert not torch.equal(moved.base, code.base)
        assert moved.fingerprint == code.fingerprint

    def test_a_mirrored_base_code_is_reversed(self, inverter, code):
        moved = transform(inverter.generator, code, GeometricTransform(flip=True))
        torch.testing.assert_close(moved.base, code.base.flip(-1))

    def test_no_motion_changes_no_bit_and_shares_no_memory_of_the_base(self, inverter, code):
        moved = transform(inverter, code, GeometricTransform())
        assert torch.equal(moved.base, code.base)
        assert moved.base.data_ptr() != code.base.data_ptr()


class TestEdit:
    def test_it_changes_the_detail_code_alone(self, inverter, code):
        vector = torch.randn(16, generator=torch.Generator().manual_seed(0))
        edited = edit(inverter, code, vector, -1.5)
        assert torch.equal(edited.base, code.base)
        torch.testing.assert_close(edited.detail, code.detail - 1.5 * vector)
        assert not np.array_equal(render(inverter, edited)[0], render(inverter, code)[0])

    def test_rows_of_a_direction_are_layers_of_w_plus(self, inverter, code):
        rows = torch.arange(1.0, 9.0)[:, None].expand(8, 16)
        for direction in (rows, rows[None], Direction(rows)):
            edited = edit(inverter.generator, code, direction)
            change = (edited.detail - code.detail)[0, :, 0]  # layers 2 to 7
            torch.testing.assert_close(change, torch.tensor([3.0, 4, 5, 6, 7, 8]))

    def test_chosen_layers_change_and_no_other_bit(self, inverter, code):
        edited = edit(inverter, code, torch.ones(16), 2.0, layers=[3, 7, 3])
        torch.testing.assert_close(edited.detail[:, [1, 5]], code.detail[:, [1, 5]] + 2)
        assert torch.equal(edited.detail[:, [0, 2, 3, 4]], code.detail[:, [0, 2, 3, 4]])

    def test_strength_zero_changes_no_bit(self, inverter, code):
        assert torch.equal(edit(inverter, code, torch.ones(16), 0).detail, code.detail)

    def test_there_and_back(self, inverter, code):
        away = edit(inverter, code, torch.ones(16), 1.25)
        back = edit(inverter, away, torch.ones(16), -1.25)
        torch.testing.assert_close(back.detail, code.detail)

    def test_a_direction_from_a_file(self, inverter, code, tmp_path):
        torch.save(torch.ones(1, 16), tmp_path / 'd.pt')
        for path in (tmp_path / 'd.pt', str(tmp_path / 'd.pt')):
            torch.testing.assert_close(edit(inverter, code, path).detail, code.detail + 1)
        with pytest.raises(FileNotFoundError, match=r'none\.pt'):
            edit(inverter, code, tmp_path / 'none.pt')

    def test_geometry_and_edits_commute(self, inverter, code):
        one = edit(inverter, transform(inverter, code, MOVE), torch.ones(16))
        other = transform(inverter, edit(inverter, code, torch.ones(16)), MOVE)
        assert torch.equal(one.base, other.base) and torch.equal(one.detail, other.detail)

    def test_a_half_precision_code_keeps_its_type(self, inverter, code):
        half = replace(code, base=code.base.half(), detail=code.detail.half())
        assert edit(inverter, half, torch.ones(16)).detail.dtype == torch.float16

    @pytest.mark.parametrize(
        ('strength', 'error'), [(float('nan'), ValueError), ('1', TypeError), (True, TypeError)]
    )
    def test_strength_is_a_finite_number(self, inverter, code, strength, error):
        with pytest.raises(error, match='strength must be'):
            edit(inverter, code, torch.ones(16), strength)
