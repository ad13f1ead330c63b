# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from projects.toon_faces import (
    TOON_LABELS,
    ToonAttributes,
    attribute_accuracy,
    draw_face,
    train_toon_attributes,
)
from projects.toon_faces.attributes import augment_faces, away_and_back
from projects.toon_faces.labelled_faces import label_numbers

COPIES = {'labeller': 64, 'judge': 64, 'judge128': 128}  # sizes at which they read


def drawn(seeds, size=64):
    """Images (n, 3, size, size) in [-1, 1], and labels (n, A)."""
    faces = [draw_face(seed, size) for seed in seeds]
    images = torch.stack([torch.from_numpy(face).permute(2, 0, 1) for face, _ in faces])
    return images.float() / 127.5 - 1, torch.tensor([label_numbers(row) for _, row in faces])


@pytest.fixture(scope='module')
def fresh():
    """Faces that no copy has seen, at twice the size at which the first two read."""
    pytest.importorskip('dicebear')
    return drawn([f'never seen {i}' for i in range(60)], 128)


@pytest.fixture(scope='module', params=COPIES)
def shipped(request):
    return ToonAttributes(
        f'asset://toon_attributes/{request.param}.safetensors', COPIES[request.param]
    )


def test_logits_are_for_the_classes_of_the_labels(shipped):
    assert shipped.classes == {name: list(choices) for name, choices in TOON_LABELS.items()}
    for size in (32, 64, 200):
        logits = shipped(torch.zeros(2, 3, size, size))
        assert {k: tuple(v.shape) for k, v in logits.items()} == {
            name: (2, len(choices)) for name, choices in TOON_LABELS.items()
        }


def test_the_shipped_copies_read_faces_that_they_have_not_seen(shipped, fresh):
    accuracy = attribute_accuracy(shipped, *fresh)
    assert min(accuracy.values()) > 0.75, accuracy
    assert min(accuracy[name] for name in ('skinColor', 'hairColor', 'has_beard')) > 0.9, accuracy


def test_a_face_that_was_moved_and_brought_back_reads_the_same(shipped, fresh):
    images, labels = fresh
    move = GeometricTransform(shift=(0.1, -0.1), rotate=25, scale=0.8)
    back = transform_image(transform_image(images, move), torch.linalg.inv(move.matrix()))
    moved, accuracy = (attribute_accuracy(shipped, x, labels) for x in (back, images))
    for name in ('skinColor', 'hairColor', 'has_beard', 'mouth', 'eyes'):
        assert moved[name] > accuracy[name] - 0.12, (name, moved, accuracy)


def test_thin_mouths_are_told_apart_in_128_pixels(fresh):
    images, labels = fresh
    mouth = list(TOON_LABELS).index('mouth')
    lines = torch.tensor([TOON_LABELS['mouth'].index(name) for name in ('sad', 'smile')])
    thin = torch.isin(labels[:, mouth], lines)
    read = ToonAttributes('asset://toon_attributes/judge128.safetensors', 128)(images[thin])
    assert (read['mouth'].argmax(1) == labels[thin, mouth]).float().mean() > 0.8


def test_a_classifier_of_another_size_is_refused():
    with pytest.raises(ValueError, match='size is one of 64, 128, but got 100'):
        ToonAttributes(size=100)


def test_the_copies_are_different_networks():
    names = ('labeller', 'judge')
    one, two = (ToonAttributes(f'asset://toon_attributes/{name}.safetensors') for name in names)
    assert not torch.allclose(one.heads.weight, two.heads.weight, atol=1e-2)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r'takes images \(n, 3, H, W\), but got \(3, 64, 64\)'):
        ToonAttributes()(torch.zeros(3, 64, 64))


def test_training_learns_colours_and_ignores_labels_of_minus_one():
    rng = torch.Generator().manual_seed(0)
    labels = torch.full((256, len(TOON_LABELS)), -1)
    place = list(TOON_LABELS).index('has_beard')
    labels[:, place] = torch.randint(2, (256,), generator=rng)
    images = (labels[:, place] * 200).byte()[:, None, None, None].expand(256, 3, 64, 64)
    torch.manual_seed(0)
    model, seen = ToonAttributes(), []
    train_toon_attributes(
        model,
        images,
        labels,
        epochs=4,
        batch_size=32,
        on_step=lambda step, steps, loss: seen.append((step, steps, loss)),
    )
    assert [s[:2] for s in seen] == [(i + 1, 32) for i in range(32)]
    assert seen[-1][2] < 0.2 < seen[0][2]
    assert not model.training
    accuracy = attribute_accuracy(model, images[:64].float() / 127.5 - 1, labels[:64])
    assert accuracy['has_beard'] == 1


class TestAugmentation:
    def test_it_follows_from_the_generator_and_stays_in_range(self):
        images = torch.rand(8, 3, 64, 64) * 2 - 1
        one, two, three = (
            augment_faces(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
        )
        assert torch.equal(one, two) and not torch.equal(one, three)
        assert one.shape == images.shape and one.abs().max() <= 1

    def test_what_comes_back_is_in_its_place(self):
        """In the middle, which no motion takes out of the picture, only softness is left."""
        ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64).contiguous()
        rng = torch.Generator().manual_seed(0)
        some = [away_and_back(ramp, rng, always=False) for _ in range(12)]
        assert 0 < sum(torch.equal(result, ramp) for result in some) < 12
        results = [away_and_back(ramp, rng) for _ in range(12)]
        assert not any(torch.equal(result, ramp) for result in results)
        for result in results:
            middle = slice(28, 36)
            torch.testing.assert_close(
                result[..., middle, middle], ramp[..., middle, middle], atol=0.02, rtol=0
            )
