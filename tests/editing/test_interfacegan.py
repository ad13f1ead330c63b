# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import sys

import pytest
import torch

from mmgen_bdinvert.editing import InterFaceGAN
from mmgen_bdinvert.editing.interfacegan import boundary_normal, confident_samples, orthogonalise

NORMAL = torch.tensor([3.0, 0.0, -4.0, 0.0, 0.0]) / 5


def latents(count, seed=0, dim=5):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) + 2


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


class TestConfidentSamples:
    def test_both_ends_of_scores(self):
        scores = torch.tensor([0.3, -2.0, 5.0, 0.1, 4.0, -3.0, 0.2, 0.0, 0.4, 0.5])
        places, upper = confident_samples(scores, 0.2)
        assert places.tolist() == [1, 2, 4, 5]
        assert upper.tolist() == [False, True, True, False]

    def test_all_labels(self):
        places, upper = confident_samples(torch.tensor([1.0, 0.0, 1.0]), 0.01)
        assert places.tolist() == [0, 1, 2] and upper.tolist() == [True, False, True]


class TestBoundaryNormal:
    def test_the_normal_of_a_plane(self):
        w = latents(3000)
        upper = w @ NORMAL > 0.5  # not through the mean
        normal, accuracy = boundary_normal(w, upper)
        assert float(normal.norm()) == pytest.approx(1)
        assert cosine(normal, NORMAL) > 0.995
        assert accuracy > 0.98

    def test_the_accuracy_is_of_samples_that_were_held_out(self):
        """A hundred samples of 80 dimensions can be told apart whatever their labels."""
        w = latents(100, dim=80)
        upper = torch.arange(100) % 2 == 0
        assert abs(boundary_normal(w, upper)[1] - 0.5) < 0.25

    def test_rare_labels_count_as_much_as_the_others(self):
        w = latents(4000)
        noisy = w @ NORMAL + 0.5 * torch.randn(4000, generator=torch.Generator().manual_seed(1))
        upper = noisy > w.mean(0) @ NORMAL + 2
        assert upper.double().mean() < 0.06  # "never" would be right in 94 %
        normal, accuracy = boundary_normal(w, upper)
        assert cosine(normal, NORMAL) > 0.95 and 0.85 < accuracy < 0.99

    def test_a_side_with_too_few_samples(self):
        with pytest.raises(
            ValueError, match='four samples or more on either side, but got 7 and 3'
        ):
            boundary_normal(latents(10), torch.arange(10) > 6)

    def test_without_scikit_learn(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'sklearn.svm', None)
        with pytest.raises(ImportError, match=r'mmgen_bdinvert\[directions\]'):
            boundary_normal(latents(10), torch.arange(10) > 4)


class TestOrthogonalise:
    def test_the_rest_is_the_projection_off_their_span(self):
        vector, *others = latents(3, dim=6)
        rest = orthogonalise(vector, others)
        assert float(rest.norm()) == pytest.approx(1)
        for other in others:
            assert cosine(rest, other) == pytest.approx(0, abs=1e-6)
        span = torch.stack([vector, *others, rest])
        assert torch.linalg.matrix_rank(span, tol=1e-4) == 3  # nothing from elsewhere
        assert cosine(rest, vector) > 0

    def test_nothing_to_be_orthogonal_to(self):
        torch.testing.assert_close(orthogonalise(5 * NORMAL, []), NORMAL)

    def test_nothing_left(self):
        with pytest.raises(ValueError, match='lies in the span'):
            orthogonalise(NORMAL, [-2 * NORMAL])


@pytest.fixture(scope='module')
def data():
    """Latents, with scores along ``NORMAL`` and labels along another direction."""
    w = latents(2000) * torch.tensor([1.0, 1.0, 2.0, 1.0, 1.0])
    other = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    return w, {'a': w @ NORMAL, 'b': (w @ other > 4).float()}


class TestInterFaceGAN:
    def finder(self, **kwargs):
        return InterFaceGAN(labels='unused.csv', **kwargs)

    def test_strength_one_is_a_deviation_of_w(self, data):
        w, scores = data
        found = self.finder(fraction=0.3).fit(w, scores)[0]
        vector, facts = found.vector[0], found.notes
        unit = vector / vector.norm()
        assert cosine(vector, NORMAL) > 0.95  # the cautious boundary leans to where w varies
        assert float(vector.norm()) == pytest.approx(float((w @ unit).std()), rel=1e-4)
        assert float(facts['held_out_accuracy']) > 0.95 and 'orthogonal_to' not in facts

    def test_conditions_make_directions_independent(self, data):
        plain = self.finder().fit(*data)
        assert [direction.name for direction in plain] == ['a', 'b']
        assert abs(cosine(plain[0].vector[0], plain[1].vector[0])) > 0.1
        for conditions in ('all', {'a': ['b']}):
            found = self.finder(conditions=conditions).fit(*data)
            cosine_left = cosine(found[0].vector[0], plain[1].vector[0])
            assert cosine_left == pytest.approx(0, abs=1e-5)
            assert found[0].notes['orthogonal_to'] == 'b'
        torch.testing.assert_close(found[1].vector, plain[1].vector)

    def test_samples_without_a_label_are_left_out(self, data):
        w, scores = data
        some = {
            name: torch.cat([values, torch.full((50,), torch.nan)])
            for name, values in scores.items()
        }
        nonsense = torch.cat([w, 1e3 * torch.ones(50, 5)])
        with_gaps, whole = (self.finder().fit(*given)[0] for given in ((nonsense, some), data))
        assert cosine(with_gaps.vector[0], whole.vector[0]) > 0.9999

    def test_wrong_settings(self, data):
        with pytest.raises(ValueError, match='above 0 and at most 0.5, but got 0.6'):
            self.finder(fraction=0.6)
        with pytest.raises(ValueError, match="one of the attributes a, b, but got 'c'"):
            self.finder(conditions={'a': ['c']}).fit(*data)
        with pytest.raises(ValueError, match="'a' must vary"):
            self.finder().fit(data[0], {'a': torch.ones(2000)})
        with pytest.raises(ValueError, match="'a': A boundary needs four"):
            self.finder().fit(data[0], {'a': (torch.arange(2000) == 3).float()})
