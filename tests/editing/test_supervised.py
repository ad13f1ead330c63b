# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.editing import InterFaceGAN, Regression, draw_latents


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


@pytest.fixture(scope='module')
def labeller():
    """The config of a labeller as a user registers one: mean of the red and blue channels."""

    @MODULES.register_module(name='RedAndBlue', force=True)
    class RedAndBlue:
        def __call__(self, images):
            return {'red': images[:, 0].mean((1, 2)), 'blue': images[:, 2].mean((1, 2))}

    yield dict(type='RedAndBlue')
    MODULES.module_dict.pop('RedAndBlue')


def brightness(generator, w, places, base=None):
    code = generator.split(generator.to_w_plus(w))
    base = code.base if base is None else base
    return generator.to_rgb(generator(base, code.detail)).clamp(-1, 1)[:, places].mean((1, 2))


class TestLabeller:
    def test_a_registered_labeller(self, generator, labeller):
        found = Regression(labeller=labeller, num_samples=300).find(generator, seed=5)
        assert [d.name for d in found] == ['red', 'blue']
        red = found[0]
        assert red.method == 'Regression' and red.fingerprint == generator.fingerprint
        assert red.notes['samples'] == '300' and red.notes['seed'] == '5'
        assert float(red.notes['effect']) > 0.5
        assert red.notes['side_effect'].startswith('blue ')
        w = draw_latents(generator, 50, seed=9)
        more, less = (brightness(generator, w + s * red.vector, 0) for s in (1, -1))
        assert (more > less).double().mean() > 0.9

    def test_mixed_samples_learn_what_the_detail_code_does(self, generator):
        """A score of the base code alone cannot be learnt from the detail codes."""
        w = draw_latents(generator, 400)
        bases = generator.split(generator.to_w_plus(w)).base.mean((1, 2, 3))

        class OfTheBase:
            def __init__(self):
                self.done = 0

            def __call__(self, images):
                scores = self.bases[self.done : self.done + len(images)]
                self.done += len(images)
                return {'base': scores if len(scores) == len(images) else images.mean((1, 2, 3))}

        accuracies = {}
        for mixed in (False, True):
            labeller = OfTheBase()
            labeller.bases = bases.roll(1) if mixed else bases
            finder = InterFaceGAN(labeller=labeller, num_samples=400, mixed=mixed)
            (direction,) = finder.find(generator)
            accuracies[mixed] = float(direction.notes['held_out_accuracy'])
            assert ('mixed' in direction.notes) == mixed
        assert accuracies[False] > 0.85 and accuracies[True] < 0.7


class TestLabels:
    def table(self, path, values):
        lines = [f'{i},{value}' for i, value in enumerate(values)]
        path.write_text('\n'.join(['index,tall', *lines]))
        return path

    def test_labels_of_drawn_samples(self, generator, tmp_path):
        w = draw_latents(generator, 500, seed=2)
        normal = torch.randn(16, generator=torch.Generator().manual_seed(0))
        labels = (w @ normal > (w @ normal).median()).int().tolist()
        table = self.table(tmp_path / 'l.csv', labels)
        (direction,) = InterFaceGAN(labels=table, num_samples=500).find(generator, seed=2)
        assert direction.name == 'tall' and direction.method == 'InterFaceGAN'
        assert float(direction.notes['held_out_accuracy']) > 0.9
        assert 'effect' not in direction.notes
        (other,) = InterFaceGAN(labels=table, num_samples=500).find(generator, seed=3)
        assert float(other.notes['held_out_accuracy']) < 0.7  # the labels are not of these samples

    def test_latents_of_ones_own(self, generator, tmp_path):
        w = torch.randn(200, 16, generator=torch.Generator().manual_seed(1))
        np.save(tmp_path / 'w.npy', w.double().numpy())
        table = self.table(tmp_path / 'l.csv', w[:, 3].tolist())
        finder = Regression(labels=table, latents=tmp_path / 'w.npy')
        (direction,) = finder.find(generator)
        assert direction.vector[0].argmax() == 3 and direction.vector[0, 3] > 0.8
        assert direction.notes['samples'] == '200' and 'seed' not in direction.notes

    def test_latents_that_do_not_fit(self, generator, tmp_path):
        table = self.table(tmp_path / 'l.csv', [0, 1])
        np.save(tmp_path / 'w.npy', np.ones((2, 8)))
        with pytest.raises(ValueError, match=r'vectors \(n, 16\), but got \(2, 8\)'):
            Regression(labels=table, latents=tmp_path / 'w.npy').find(generator)
        with pytest.raises(FileNotFoundError, match='no file of latents'):
            Regression(labels=table, latents=tmp_path / 'none.npy').find(generator)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({}, 'a labeller or from a file of labels: give one'),
        ({'labeller': print, 'labels': 'l.csv'}, 'give one'),
        ({'labeller': print, 'latents': 'w.npy'}, 'latents belong to a file of labels'),
        ({'labels': 'l.csv', 'mixed': True}, 'mixed samples are made for a labeller'),
    ],
)
def test_settings_that_do_not_go_together(settings, message):
    with pytest.raises(ValueError, match=message):
        Regression(**settings)
