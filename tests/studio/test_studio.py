# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import init_generator
from mmgen_bdinvert.editing import Direction
from mmgen_bdinvert.geometry import GeometricTransform
from mmgen_bdinvert.io import read_image, tensor_to_image
from mmgen_bdinvert.studio import Edit, Studio, saving, shipped_directions

EDIT = Edit(move=GeometricTransform((0.2, 0.0), 10), strengths=(1.0, -0.5))


def test_prepared_squares_come_as_they_are(studio, photos):
    photo = studio.read_photo(photos[0])
    assert photo.prepared and np.array_equal(photo.square, read_image(photos[0], 32))


@pytest.mark.parametrize('content', [b'no image', b''])
def test_what_is_no_photo_is_named_without_its_folder(studio, tmp_path, content):
    path = tmp_path / 'notes.png'
    path.write_bytes(content)
    with pytest.raises(ValueError) as info:
        studio.read_photo(path)
    assert 'notes.png' in str(info.value) and str(tmp_path) not in str(info.value)


def test_the_edited_code_is_saved_and_read_back(studio, session, tmp_path):
    session = replace(session, edit=EDIT)
    path = tmp_path / 'code.safetensors'
    saving.to_code(studio, session, path)
    again = studio.opened(session, None, studio.read_code(path))
    assert np.array_equal(studio.picture(again), studio.picture(session))
    assert np.array_equal(again.reconstruction, studio.picture(session))
    assert again.edit.is_nothing and again.past == ()


def test_codes_of_other_generators_are_refused(studio, make_generator, sample_w_plus, tmp_path):
    other, path = make_generator(seed=7), tmp_path / 'other.safetensors'
    other.split(sample_w_plus(other, 1)).save(path)
    with pytest.raises(ValueError, match=r'^other.safetensors was made with another generator'):
        studio.read_code(path)


def test_codes_of_several_images_and_other_files_are_refused(
    studio, inverter, sample_w_plus, tmp_path
):
    path = tmp_path / 'two.safetensors'
    inverter.generator.split(sample_w_plus(inverter.generator, 2)).save(path)
    with pytest.raises(ValueError, match=r'^two.safetensors must hold the code of one image'):
        studio.read_code(path)
    path.write_bytes(b'nonsense')
    with pytest.raises(ValueError, match=r'^two.safetensors is not a readable latent code'):
        studio.read_code(path)


def test_the_guide_draws_the_edges_of_the_mean_face(studio, inverter):
    generator = inverter.generator
    with torch.no_grad():
        image = generator.synthesis(generator.mean_latent.expand(1, generator.num_latents, -1))
    grey = tensor_to_image(image, generator.channel_order).mean(2)
    right, down = grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]
    edges = np.hypot(right, down)
    guide = studio.guide()
    assert guide.shape == (32, 32, 4) and len(np.unique(guide[..., :3].reshape(-1, 3), axis=0)) == 1
    alpha = guide[1:-1, 1:-1, 3].astype(float)
    assert (alpha[edges > np.percentile(edges, 99)] == 255).all()
    partial = (alpha > 20) & (alpha < 255)
    ratio = alpha[partial] / edges[partial]
    assert ratio.std() / ratio.mean() < 0.05  # as opaque as the edge is strong


def test_directions_have_names_and_fit_the_generator(studio, inverter):
    assert studio.controls == [('long beard', 'direction'), ('direction 2', 'direction')]
    with pytest.raises(ValueError, match='made with another generator'):
        Studio(inverter, [Direction(torch.ones(16), 'age', fingerprint='0' * 64)])


def test_codes_of_other_programs_are_read(studio, inverter, sample_w_plus, tmp_path):
    generator = inverter.generator
    w_plus = sample_w_plus(generator, 2)
    np.savez(tmp_path / 'projected_w.npz', w=w_plus[:1].numpy())
    code = studio.read_code(tmp_path / 'projected_w.npz')
    with torch.no_grad():
        wanted = generator.synthesis(w_plus[:1])
        torch.testing.assert_close(generator.render(code), wanted, atol=1e-4, rtol=0)
    torch.save(w_plus, tmp_path / 'latents.pt')
    with pytest.raises(ValueError, match=r'^latents.pt must hold the code of one image, but hol'):
        studio.read_code(tmp_path / 'latents.pt')
    torch.save([1], tmp_path / 'latents.pt')
    with pytest.raises(ValueError, match=r'^latents.pt holds no codes, but a list'):
        studio.read_code(tmp_path / 'latents.pt')


def test_the_directions_of_a_domain_are_found_by_its_generator(inverter):
    found = shipped_directions(init_generator('bdinvert_inv_toon128', device='cpu'))
    assert [direction.name for direction in found] == [
        *('black_hair', 'blond_hair', 'closed_eyes', 'dark_skin', 'laughing'),
        *('no_beard', 'pale_skin', 'wide_eyes'),
        'beard',
        'clothes_lightness',
        'eyes_open',
        'hair_lightness',
        'laugh',
        'skin_lightness',
    ]
    assert shipped_directions(inverter.generator) == []
