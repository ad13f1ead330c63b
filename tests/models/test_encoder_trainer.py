# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch
from mmgen.registry import MODELS
from torch import nn

from mmgen_bdinvert.geometry import transform_base, transform_image
from mmgen_bdinvert.models import BaseCodeEncoderTrainer

SEEDS = torch.tensor([3, 1_000_000_007, 11])
TWO_LOSSES = dict(pixel=dict(type='PixelMSELoss'), heavy=dict(type='PixelMSELoss', loss_weight=2.5))


@pytest.fixture()
def make_trainer(make_generator, make_encoder):
    def make(**kwargs):
        return BaseCodeEncoderTrainer(
            make_generator(), make_encoder(), **{'losses': TWO_LOSSES, **kwargs}
        )

    return make


def pairs(trainer, seeds, psi=0.7, layers=8):
    """Make w+ and images by the formulas of the paper, one seed after the other."""
    generator = trainer.generator
    w_plus = []
    for seed in seeds.tolist():
        z = torch.randn(generator.style_dim, generator=torch.Generator().manual_seed(seed))
        w = generator.generator.style_mapping(z[None])[0]
        mean = generator.mean_latent
        head = mean + psi * (w - mean)
        rows = [head if i < layers else w for i in range(generator.num_latents)]
        w_plus.append(torch.stack(rows))
    w_plus = torch.stack(w_plus)
    images = generator.generator([w_plus], input_is_latent=True, randomize_noise=False)
    return w_plus, images


@pytest.mark.parametrize('settings', [dict(), dict(truncation=0.3, truncation_layers=2)])
def test_seeds_decide_the_images(make_trainer, settings):
    trainer = make_trainer(**settings)
    psi, layers = settings.get('truncation', 0.7), settings.get('truncation_layers', 8)
    with torch.no_grad():
        expected = pairs(trainer, SEEDS, psi, layers)
    torch.manual_seed(4)  # of no influence
    for ours, theirs in zip(trainer.sample(SEEDS), expected):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    one = trainer.sample(SEEDS[1:2])[1]
    torch.testing.assert_close(one, expected[1][1:2], rtol=0, atol=1e-5)


def test_losses_by_name_equal_their_formula(make_trainer):
    trainer = make_trainer(truncation_layers=3).train()
    encoder = copy.deepcopy(trainer.encoder)  # it has batch statistics, which a step moves
    with torch.no_grad():
        w_plus, images = pairs(trainer, SEEDS, layers=3)
        base = encoder.model(
            nn.functional.interpolate(
                images.flip(1), 64, mode='bilinear', antialias=True, align_corners=False
            )
        )
        error = (trainer.generator(base, w_plus[:, 2:]) - images).square().mean()
    losses = trainer(SEEDS, mode='loss')
    assert list(losses) == ['loss_pixel', 'loss_heavy']
    torch.testing.assert_close(losses['loss_pixel'], error, rtol=1e-4, atol=0)
    torch.testing.assert_close(losses['loss_heavy'], 2.5 * error, rtol=1e-4, atol=0)
    assert error > 0.01


def test_only_the_encoder_learns(make_trainer):
    trainer = make_trainer().train()
    sum(trainer(SEEDS, mode='loss').values()).backward()
    assert all(p.grad is not None and p.grad.any() for p in trainer.encoder.model[-1].parameters())
    assert all(p.grad is None for p in trainer.generator.parameters())
    assert {name.partition('.')[0] for name in trainer.state_dict()} == {'encoder'}
    assert {id(p) for p in trainer.parameters()} == {id(p) for p in trainer.encoder.parameters()}
    assert not trainer.generator.training and trainer.encoder.training


def test_moves_reach_the_generator_outside_the_tree(make_trainer):
    trainer = make_trainer().double()
    assert next(trainer.generator.parameters()).dtype == torch.float64


def test_predictions_show_rgb_and_the_distance_of_the_base_code(make_trainer):
    trainer = make_trainer().eval()
    with torch.no_grad():
        samples = trainer.val_step({'inputs': SEEDS.tolist()})
        w_plus, images = pairs(trainer, SEEDS)
        base = trainer.encoder(images.flip(1))
        rendered = trainer.generator(base, w_plus[:, 2:]).flip(1)
        distance = (base - trainer.generator.split(w_plus).base).square().mean((1, 2, 3))
    assert len(samples) == 3
    for i, sample in enumerate(samples):
        torch.testing.assert_close(sample.target, images[i].flip(0), rtol=0, atol=1e-5)
        torch.testing.assert_close(sample.reconstruction, rendered[i], rtol=0, atol=1e-4)
        torch.testing.assert_close(sample.base_distance, distance[i], rtol=1e-4, atol=0)
    tensor = trainer(SEEDS)
    torch.testing.assert_close(tensor.flip(1), rendered, rtol=0, atol=1e-4)


def test_encoder_is_bound_to_the_generator(make_trainer, make_generator):
    encoder = make_trainer().encoder
    encoder.check_generator(make_generator())
    with pytest.raises(ValueError, match='trained for another generator'):
        BaseCodeEncoderTrainer(make_generator(seed=1), encoder, losses=TWO_LOSSES)


def test_is_built_from_a_config(generator_config):
    config = dict(
        type='BaseCodeEncoderTrainer',
        generator=dict(type='BaseDetailGenerator', generator=generator_config(), base_size=16),
        encoder=dict(type='BaseCodeEncoder', base_channels=6, base_size=16, widths=(2, 2, 2)),
        losses=dict(perceptual=dict(type='LPIPSLoss', net='squeeze', backbone='random')),
    )
    trainer = MODELS.build(config)
    assert trainer.losses['perceptual'].loss_weight == 10
    assert trainer.truncation == 0.7 and trainer.truncation_layers == 8
    config['encoder']['base_channels'] = 8
    with pytest.raises(ValueError, match=r'\(8, 16, 16\) .* but the generator takes \(6, 16, 16\)'):
        MODELS.build(config)


def test_other_losses_and_modes_are_refused(make_trainer):
    losses = dict(detail=dict(type='PNormLoss'))
    with pytest.raises(ValueError, match=r"cannot compare 'detail', .* 'detail' \(PNormLoss\)"):
        make_trainer(losses=losses)
    with pytest.raises(ValueError, match="'loss', 'predict' or 'tensor', but got 'train'"):
        make_trainer()(SEEDS, mode='train')


MOVES = dict(shift=0.25, rotate=30.0, scale=(0.7, 1.4))


def test_moved_images_are_targets_and_inputs(make_trainer):
    trainer = make_trainer(moves=MOVES, moved_share=1.0).eval()
    motions = trainer.motions(SEEDS)
    assert [m.to_dict() for m in motions] == [m.to_dict() for m in trainer.motions(SEEDS)]
    assert len({m.rotate for m in motions}) == 3
    assert motions[1] == trainer.motions(SEEDS[1:2])[0]  # the seed decides, not its place
    with torch.no_grad():
        samples = trainer.val_step({'inputs': SEEDS.tolist()})
        w_plus, images = pairs(trainer, SEEDS)
        true_base = trainer.generator.split(w_plus).base
        for i, (sample, motion) in enumerate(zip(samples, motions)):
            target = transform_image(images[i : i + 1], motion).flip(1)
            base = trainer.encoder(target)
            output = trainer.generator(base, w_plus[i : i + 1, 2:]).flip(1)
            torch.testing.assert_close(sample.target, target[0], rtol=0, atol=1e-5)
            torch.testing.assert_close(sample.reconstruction, output[0], rtol=0, atol=1e-4)
            distance = (base - transform_base(true_base[i : i + 1], motion)).square().mean()
            torch.testing.assert_close(sample.base_distance, distance, rtol=1e-4, atol=0)


def test_base_codes_are_compared_with_moved_true_ones(make_trainer):
    losses = dict(base=dict(type='BaseCodeDistance', loss_weight=2.0))
    settings = dict(moves=MOVES, moved_share=1.0, losses=losses)
    trainer = make_trainer(swapped_share=1.0, **settings).eval()  # swaps keep the base code
    with torch.no_grad():
        distances = [s.base_distance for s in trainer.val_step({'inputs': SEEDS.tolist()})]
    loss = trainer(SEEDS, mode='loss')['loss_base']
    torch.testing.assert_close(loss, 2 * torch.stack(distances).mean(), rtol=1e-4, atol=0)
    loss.backward()
    assert any(p.grad.any() for p in trainer.encoder.parameters())


def test_a_share_of_the_images_is_moved(make_trainer):
    seeds = torch.arange(400)
    moved = [m is not None for m in make_trainer(moves=MOVES, moved_share=0.25).motions(seeds)]
    assert 0.15 < sum(moved) / 400 < 0.35
    aligned = make_trainer(moves=MOVES, moved_share=0.0)
    plain = make_trainer()
    assert aligned.motions(seeds) == plain.motions(seeds) == [None] * 400
    losses = [t(SEEDS, mode='loss')['loss_pixel'].item() for t in (aligned, plain)]
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match='moved_share is a finite number from 0 to 1, but got 2'):
        make_trainer(moves=MOVES, moved_share=2)


def test_swapped_images_have_the_detail_codes_of_their_neighbours(make_trainer):
    trainer = make_trainer(swapped_share=0.7).eval()  # two of three
    first = trainer.generator.first_detail
    w_plus, images = trainer.sample(SEEDS)
    mixed, targets = trainer.swapped(w_plus, images)
    assert torch.equal(mixed[:, :first], w_plus[:, :first])
    assert torch.equal(mixed[:2, first:], w_plus[1:, first:])
    assert torch.equal(mixed[2], w_plus[2]) and torch.equal(targets[2], images[2])
    with torch.no_grad():
        expected = trainer.generator.synthesis(mixed)
        base = trainer.encoder(trainer.generator.to_rgb(images))  # of the images as they were
        rendered = trainer.generator(base, mixed[:, first:])
        loss = trainer(SEEDS, mode='loss')['loss_pixel']
    torch.testing.assert_close(targets, expected, rtol=0, atol=1e-5)
    assert (targets[:2] - images[:2]).abs().max() > 1e-3
    torch.testing.assert_close(loss, (rendered - expected).square().mean(), rtol=1e-4, atol=1e-6)
    with pytest.raises(
        ValueError, match='swapped_share is a finite number from 0 to 1, but got 1.5'
    ):
        make_trainer(swapped_share=1.5)
