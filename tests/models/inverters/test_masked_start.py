# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What a mask hides is not what the encoders predict a code from."""

import pytest
import torch

from mmgen_bdinvert.apis import init_inverter, load_config
from mmgen_bdinvert.evaluation import masked_rmse
from mmgen_bdinvert.models.inverters.targets import inpainted


@pytest.mark.parametrize('side', [32, 512])
def test_hidden_pixels_are_filled_from_around(side):
    rng = torch.Generator().manual_seed(0)
    images = (
        torch.rand(2, 3, side, side, generator=rng) * 0.2
        + torch.tensor([-0.9, 0.7])[:, None, None, None]
    )
    mask = torch.ones(2, 1, side, side)
    mask[0, :, side // 4 : side // 2, side // 4 :] = 0  # up to the border
    mask[0, :, side // 2, side // 4 :] = 0.5  # its soft edge
    hidden = mask.expand_as(images) < 1
    covered = torch.where(hidden, torch.ones_like(images), images)
    filled = inpainted(covered, mask)
    assert torch.equal(filled[~hidden], images[~hidden])
    assert torch.equal(filled[1], images[1])
    assert -0.92 < filled[hidden].min() and filled[hidden].max() < -0.68
    assert torch.equal(inpainted(images, mask), filled), 'whatever is hidden'


def test_an_image_of_which_nothing_counts_stays_finite():
    images = torch.full((1, 3, 16, 16), 0.5)
    assert inpainted(images, torch.zeros(1, 1, 16, 16)).isfinite().all()


def test_the_better_prediction_of_what_counts_is_taken(make_inverter, sample_w_plus):
    inverter = make_inverter(num_steps=0)
    generator = inverter.generator
    images = generator.synthesis(sample_w_plus(generator, count=6, seed=5)).clamp(-1, 1).detach()
    side = generator.resolution
    mask = torch.ones(6, 1, side, side)
    mask[:5, ..., : side // 2] = 0
    filled = inpainted(images, mask)
    with torch.no_grad():
        bases = [inverter.encoder(x.flip(1)) for x in (images, filled)]
        mean = generator.mean_latent.expand(6, generator.num_detail, 16)
        errors = [(mask * (generator(b, mean) - images)).square().mean((1, 2, 3)) for b in bases]
    better = errors[1] < errors[0]
    assert better.any() and not better.all()
    code = inverter.invert(images, mask=mask).code
    assert torch.equal(code.base, torch.where(better.view(-1, 1, 1, 1), bases[1], bases[0]))


def test_known_details_take_images_as_they_are(make_inverter, sample_w_plus):
    inverter = make_inverter(num_steps=0)
    generator = inverter.generator
    images = generator.synthesis(sample_w_plus(generator, count=2, seed=5)).clamp(-1, 1).detach()
    held = inverter.with_detail(generator.mean_latent.expand(2, generator.num_detail, 16))
    mask = torch.full((2, 1, *images.shape[-2:]), 0.5)  # less sure, not hidden
    assert torch.equal(held.invert(images, mask=mask).code.base, inverter.encoder(images.flip(1)))


def test_a_covered_face_is_predicted_from_the_rest():
    pytest.importorskip('dicebear')
    from benchmarks.occlusion import covered_faces
    from benchmarks.quality.faces import DrawnFaces

    config = load_config('bdinvert_inv_toon128', preset='instant')
    inverter = init_inverter(config, device='cpu')
    drawn = DrawnFaces(4, 128)
    truth = torch.stack([drawn.face('shifted', i).image for i in range(4)])
    photos, seen = covered_faces(truth)
    errors = {}
    for name, mask in (('all', None), ('seen', seen)):
        found = inverter.invert(inverter.generator.to_rgb(photos), mask=mask).reconstruction
        rgb = inverter.generator.to_rgb(found).detach().clamp(-1, 1)
        errors[name] = [masked_rmse(rgb, truth, part).mean() for part in (seen > 0, seen == 0)]
    assert errors['seen'][0] < 0.9 * errors['all'][0]
    assert errors['seen'][1] < 0.7 * errors['all'][1]
