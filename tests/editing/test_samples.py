# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.editing import Direction, draw_latents, edit_effect
from mmgen_bdinvert.editing.samples import in_deviations, sample_codes, score_samples


@pytest.fixture(scope='module')
def generator(make_generator):
    """N = 8 layers of width 16; the detail code has 2 to 7."""
    return make_generator()


def reds(images):
    """Mean of the red and of the blue channel."""
    return {'red': images[:, 0].mean((1, 2)), 'blue': images[:, 2].mean((1, 2))}


def test_more_latents_do_not_change_the_first_ones(generator):
    few, many = draw_latents(generator, 5, seed=3), draw_latents(generator, 150, seed=3)
    assert few.shape == (5, 16) and torch.equal(few, many[:5])
    assert not torch.equal(few, draw_latents(generator, 5, seed=4))
    assert many.unique(dim=0).shape == many.shape  # the blocks differ
    with pytest.raises(ValueError, match='two samples or more, but got 1'):
        draw_latents(generator, 1)


def test_codes_are_those_of_the_style_vectors(generator):
    w = draw_latents(generator, 5)
    parts = list(sample_codes(generator, w, batch_size=2))
    assert [len(part) for part in parts] == [2, 2, 1]
    whole = generator.split(generator.to_w_plus(w))
    torch.testing.assert_close(torch.cat([p.base for p in parts]), whole.base)
    assert torch.equal(torch.cat([p.detail for p in parts]), whole.detail)


def test_mixed_codes_take_the_base_of_the_sample_before(generator):
    w = draw_latents(generator, 4)
    (code,) = sample_codes(generator, w, mixed=True)
    whole = generator.split(generator.to_w_plus(w))
    torch.testing.assert_close(code.base, whole.base[[3, 0, 1, 2]])
    assert torch.equal(code.detail, whole.detail)


def test_scores_are_of_rgb_images_in_their_range(generator):
    w, calls = draw_latents(generator, 5), []
    codes = sample_codes(generator, w, batch_size=2)
    scores = score_samples(
        generator, codes, reds, total=5, progress=lambda *call: calls.append(call)
    )
    code = generator.split(generator.to_w_plus(w))
    images = generator(code.base, code.detail).clamp(-1, 1)  # BGR
    torch.testing.assert_close(scores['red'], images[:, 2].mean((1, 2)))
    torch.testing.assert_close(scores['blue'], images[:, 0].mean((1, 2)))
    assert calls == [(2, 5), (4, 5), (5, 5)]


def test_a_labeller_gives_one_score_an_image(generator):
    codes = sample_codes(generator, draw_latents(generator, 2))
    with pytest.raises(ValueError, match=r"each of the 2 images, but for 'x' it gave .*\(2, 1\)"):
        score_samples(generator, codes, lambda images: {'x': images.new_zeros(2, 1)})


def test_the_length_of_a_direction_is_the_deviation_along_it():
    w = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 2, 5.0])
    vector = in_deviations(torch.tensor([0.0, 7.0, 0.0]), w + 3)
    torch.testing.assert_close(vector, torch.tensor([0.0, 2.0, 0.0]), rtol=0.05, atol=0)
    vector = in_deviations(torch.tensor([1.0, 1.0, 0.0]), w)
    assert float(vector.norm()) == pytest.approx((5 / 2) ** 0.5, rel=0.05)


def test_the_effect_is_that_of_the_detail_code(generator):
    w = draw_latents(generator, 20, seed=1)
    direction = Direction(torch.randn(16, generator=torch.Generator().manual_seed(0)))
    effect = edit_effect(generator, direction, reds, w, strength=0.5)
    code = generator.split(generator.to_w_plus(w))
    more, less = (
        generator(code.base, code.detail + s * direction.vector).clamp(-1, 1)[:, 2].mean((1, 2))
        for s in (0.5, -0.5)
    )
    assert effect['red'] == pytest.approx(float((more - less).mean()), rel=1e-4)
    assert set(effect) == {'red', 'blue'}
