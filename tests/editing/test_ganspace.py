# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from sklearn.decomposition import PCA

from mmgen_bdinvert.editing import GANSpace, draw_latents


@pytest.fixture(scope='module')
def generator(make_generator):
    return make_generator()


def test_directions_are_the_principal_components_of_w(generator):
    found = GANSpace(count=3, num_samples=20_000, layers=[4, 5]).find(generator, seed=1)
    assert [d.name for d in found] == ['pc0', 'pc1', 'pc2']
    w = draw_latents(generator, 20_000, seed=2)
    reference = PCA(3).fit(w.double().numpy())
    for i, direction in enumerate(found):
        vector = direction.vector[0].double()
        cosine = vector @ torch.from_numpy(reference.components_[i]) / vector.norm()
        assert abs(cosine) > 0.99
        # strength 1 is one standard deviation
        assert float(vector.norm()) == pytest.approx(
            reference.explained_variance_[i] ** 0.5, rel=0.03
        )
        share = float(direction.notes['explained_variance'])
        assert share == pytest.approx(reference.explained_variance_ratio_[i], abs=0.01)
        assert direction.fingerprint == generator.fingerprint and direction.layers == (4, 5)
        assert direction.places(generator) == [2, 3]


def test_counts_that_cannot_be(generator):
    with pytest.raises(ValueError, match='count is a whole number of at least 1, but got 0'):
        GANSpace(count=0)
    with pytest.raises(ValueError, match='16 components, but got count=17'):
        GANSpace(count=17).find(generator)
