# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import copy

import pytest
import torch

from mmgen_bdinvert.geometry import transform_base, transform_image
from mmgen_bdinvert.models import DetailCodeEncoder, JointEncoderTrainer
from mmgen_bdinvert.models.visibility import visibility

SEEDS = torch.tensor([3, 1_000_000_007, 11, 40])
MOVES = dict(shift=0.25, rotate=45.0, scale=(0.6, 1.6))
LOSSES = dict(
    pixel=dict(type='PixelMSELoss', loss_weight=2.0),
    base=dict(type='BaseCodeDistance', loss_weight=3.0),
    frame=dict(type='FrameDistance', loss_weight=4.0),
    styles=dict(type='StyleVectorDistance', loss_weight=0.75),
    whitened=dict(type='WhitenedCodeDistance', loss_weight=0.5),
    detail=dict(type='PNormLoss', loss_weight=0.25),
)


class Pictures:
    """Four different photos."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rng = torch.Generator().manual_seed(index)
        return {'inputs': torch.randint(0, 256, (3, 32, 32), generator=rng, dtype=torch.uint8)}


@pytest.fixture()
def make_trainer(make_generator, make_encoder, fit_statistics):
    def make(**settings):
        generator = make_generator()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            detail = DetailCodeEncoder(generator.num_detail, 16, 32, (8, 16, 32), features=32)
        rng = torch.Generator().manual_seed(0)
        for layer in (detail.heads, detail.placing[-1]):
            layer.weight.data = 0.1 * torch.randn(layer.weight.shape, generator=rng)
        statistics = fit_statistics(generator)
        settings = {'losses': LOSSES, 'truncation': 1.0, **settings}
        return JointEncoderTrainer(generator, make_encoder(), detail, statistics, **settings)

    return make


def moved(maps, motions, move):
    return torch.cat([m if t is None else move(m, t) for m, t in zip(maps.split(1), motions)])


@pytest.mark.parametrize('settings', [dict(), dict(moves=MOVES), dict(swapped_share=0.5)])
@torch.no_grad()
def test_losses_equal_their_formula(make_trainer, settings):
    trainer = make_trainer(**settings).train()
    generator = trainer.generator
    encoder, detail_encoder = copy.deepcopy(trainer.encoder), copy.deepcopy(trainer.detail_encoder)
    losses = trainer(SEEDS, mode='loss')

    w_plus, images = trainer.sample(SEEDS)
    motions = trainer.motions(SEEDS)
    assert any(motions) == ('moves' in settings)
    seen = moved(images, motions, transform_image).flip(1)
    base, detail = encoder(seen), detail_encoder(seen)
    used, target = detail.clone(), seen
    if 'swapped_share' in settings:
        used[0], used[1] = detail[1], detail[2]
        mixed = w_plus.clone()
        mixed[0, 2:], mixed[1, 2:] = w_plus[1, 2:], w_plus[2, 2:]
        target = generator.quick_synthesis(mixed).flip(1)
    error = (generator(base, used).flip(1) - target).square().mean()
    torch.testing.assert_close(losses['loss_pixel'], 2 * error, rtol=1e-4, atol=0)
    truth = moved(generator.split(w_plus).base, motions, transform_base)
    expected = 3 * (base - truth).square().mean()
    torch.testing.assert_close(losses['loss_base'], expected, rtol=1e-4, atol=0)
    truth = torch.stack([torch.eye(3) if m is None else m.matrix().float() for m in motions])
    expected = 4 * (detail_encoder.locate(seen) - truth[:, :2]).square().mean()
    torch.testing.assert_close(losses['loss_frame'], expected, rtol=1e-4, atol=1e-9)
    variance = detail_encoder.deviation.square().mean()
    expected = 0.75 * (detail - w_plus[:, 2:]).square().mean() / variance
    torch.testing.assert_close(losses['loss_styles'], expected, rtol=1e-4, atol=0)
    whiten = trainer.statistics.whiten
    scale = visibility(generator, trainer.statistics)
    gap = scale * (whiten(detail) - whiten(w_plus[:, 2:]))
    expected = 0.5 * gap.square().mean()
    torch.testing.assert_close(losses['loss_whitened'], expected, rtol=1e-4, atol=0)
    expected = 0.25 * whiten(detail).square().mean()
    torch.testing.assert_close(losses['loss_detail'], expected, rtol=1e-4, atol=0)


@torch.no_grad()
def test_photos_are_the_first_part_of_a_batch_and_only_seen(make_trainer):
    trainer = make_trainer(photos=Pictures(), photo_share=0.25).eval()
    photo = trainer.photos_of(SEEDS[:1])
    rgb = torch.cat([photo, trainer.sample(SEEDS[1:])[1].flip(1)])
    output = trainer.generator(trainer.encoder(rgb), trainer.detail_encoder(rgb)).flip(1)
    losses = trainer(SEEDS, mode='loss')
    expected = 2 * (output - rgb).square().mean()
    torch.testing.assert_close(losses['loss_pixel'], expected, rtol=1e-4, atol=0)
    alone = make_trainer().eval()(SEEDS[1:], mode='loss')
    for name in ('loss_base', 'loss_frame', 'loss_styles', 'loss_whitened'):
        torch.testing.assert_close(losses[name], alone[name], rtol=1e-4, atol=0)


def test_both_encoders_learn_or_the_detail_encoder_alone(make_trainer):
    for tuned in (True, False):
        trainer = make_trainer(tune_encoder=tuned).train()
        assert trainer.encoder.training == tuned and trainer.detail_encoder.training
        sum(trainer(SEEDS, mode='loss').values()).backward()
        for part in (trainer.detail_encoder.stages[0], trainer.detail_encoder.locator[0]):
            assert part.weight.grad.any()
        assert all((p.grad is not None) == tuned for p in trainer.encoder.parameters())
        assert all(p.grad is None for p in trainer.generator.parameters())
        parts = {name.partition('.')[0] for name in trainer.state_dict()}
        assert parts == {'encoder', 'detail_encoder'}


def test_nothing_is_rendered_without_a_loss_on_images(make_trainer):
    trainer = make_trainer(losses={name: LOSSES[name] for name in ('frame', 'styles', 'whitened')})
    trainer.visible(trainer.sample(SEEDS)[0][:, 2:])  # measures the visibility, once
    trainer.encoder.forward = trainer.generator.forward = None  # not to be called
    losses = trainer(SEEDS, mode='loss')
    assert set(losses) == {'loss_frame', 'loss_styles', 'loss_whitened'}


def test_few_latents_are_rendered_once_and_moved_anew(make_trainer):
    trainer = make_trainer(latents=3, moves=MOVES, moved_share=1.0).eval()
    w_plus, images = trainer.sample(torch.arange(3))
    many = torch.arange(40)
    codes, shown = trainer.remembered(many)
    trainer.sample = None  # not to be called
    for code, picture in zip(codes, shown):
        which = int((w_plus - code).abs().sum((1, 2)).argmin())
        assert torch.equal(code, w_plus[which])
        assert (picture - images[which].clamp(-1, 1)).abs().max() < 1.01 / 255
    assert len({code.sum().item() for code in codes}) == 3
    assert len({motion.matrix()[0, 2].item() for motion in trainer.motions(many)}) == 40
    losses = [trainer(many[:4], mode='loss') for _ in range(2)]
    seen = moved(shown[:4], trainer.motions(many[:4]), transform_image).flip(1)
    truth = 0.75 / trainer.detail_encoder.deviation.square().mean()
    expected = truth * (trainer.detail_encoder(seen) - codes[:4, 2:]).square().mean()
    for found in losses:
        torch.testing.assert_close(found['loss_styles'], expected, rtol=1e-4, atol=0)
    with pytest.raises(ValueError, match='latents'):
        make_trainer(latents=0)


@torch.no_grad()
def test_all_photos_are_shown(make_trainer):
    trainer = make_trainer(photos=Pictures())
    every_eighth = trainer.photos_of(torch.arange(0, 320, 8))  # as the first of batches of eight
    assert len({photo.sum().item() for photo in every_eighth}) == 4


def test_photos_teach_the_detail_encoder_alone(make_trainer):
    trainer = make_trainer(photos=Pictures(), photo_share=1.0, losses={'pixel': LOSSES['pixel']})
    answers = {}
    for encoder in (trainer.encoder, trainer.detail_encoder):
        encoder.register_forward_hook(
            lambda of, images, answer: answers.update({of: answer}) or answer.retain_grad()
        )
    trainer(SEEDS, mode='loss')['loss_pixel'].backward()  # three photos, one generated image
    of_base, of_detail = (
        [part.any().item() for part in answers[encoder].grad]
        for encoder in (trainer.encoder, trainer.detail_encoder)
    )
    assert of_base == [False, False, False, True] and of_detail == [True] * 4


@torch.no_grad()
def test_predictions_are_of_generated_images(make_trainer):
    trainer = make_trainer(photos=Pictures()).eval()
    samples = trainer(SEEDS, mode='predict')
    images = trainer.sample(SEEDS)[1].flip(1)
    output = trainer(SEEDS).flip(1)
    for sample, image, rgb in zip(samples, images, output):
        assert torch.equal(sample.target, image) and torch.equal(sample.reconstruction, rgb)
    with pytest.raises(ValueError, match="mode is 'loss', 'predict' or 'tensor', but got 'x'"):
        trainer(SEEDS, mode='x')


def test_wrong_settings_are_refused(make_trainer, make_generator, fit_statistics):
    with pytest.raises(ValueError, match='photo_share'):
        make_trainer(photos=Pictures(), photo_share=1.5)
    with pytest.raises(ValueError, match='another generator'):
        trainer = make_trainer()
        other = fit_statistics(make_generator(seed=1))
        JointEncoderTrainer(trainer.generator, trainer.encoder, trainer.detail_encoder, other)


def test_a_motion_changes_the_trained_encoders_answer_little(make_trainer):
    """A moved image and its unmoved twin get closer codes than two different images."""
    moves = dict(shift=0.1, rotate=15.0, scale=(0.9, 1.1))
    trainer = make_trainer(moves=moves, moved_share=0.75)
    encoder = trainer.detail_encoder.train()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)

    def seen(seeds):
        return moved(trainer.sample(seeds)[1], trainer.motions(seeds), transform_image).flip(1)

    for step in range(100):  # the loss 'whitened' alone: rendering takes longer
        seeds = torch.arange(16 * step, 16 * step + 16)
        truth = trainer.visible(trainer.sample(seeds)[0][:, 2:])
        loss = (trainer.visible(encoder(seen(seeds))) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    encoder.eval()
    seeds, trainer.moved_share = torch.arange(10**9, 10**9 + 64), 1.0
    with torch.no_grad():
        twins = trainer.visible(encoder(seen(seeds)))
        codes = trainer.visible(encoder(trainer.sample(seeds)[1].flip(1)))
    between_twins = (codes - twins).square().mean()
    between_images = (codes - codes.roll(1, 0)).square().mean()
    assert between_images > 5 * between_twins
