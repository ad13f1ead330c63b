# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import sys

import pytest
import torch
from torch import nn

from mmgen_bdinvert.editing import ClassTargets, Target
from mmgen_bdinvert.editing.class_targets import ClassModel

DIM = 12
HAIR = torch.eye(3, DIM) * 4  # what three classes add
BEARD = torch.zeros(2, DIM)
BEARD[1, [2, 5]] = 3.0  # not orthogonal to HAIR


def samples(count=4000, seed=0):
    """Latents: what hair and beard add, and noise that is ten times as wide in some places."""
    rng = torch.Generator().manual_seed(seed)
    labels = {
        'hair': torch.randint(3, (count,), generator=rng),
        'beard': torch.randint(2, (count,), generator=rng),
    }
    noise = torch.randn(count, DIM, generator=rng)
    noise[:, :3] *= 0.3
    noise[:, 3] += 3 * noise[:, 0] / 0.3
    return HAIR[labels['hair']] + BEARD[labels['beard']] + noise + 1, labels


class TestClassModel:
    def test_the_effects_of_each_attribute_alone(self):
        w, labels = samples()
        # Beards are more common with one kind of hair: the means of classes mix them.
        kept = (labels['hair'] == 0) | (labels['beard'] == 0) | (torch.arange(len(w)) % 3 == 0)
        w, labels = w[kept], {name: values[kept] for name, values in labels.items()}
        model = ClassModel.fit(w, labels)
        amounts = model.goal('hair', 1) - model.goal('hair', 0)
        difference = (amounts @ model.vectors['hair']).float()
        torch.testing.assert_close(difference, HAIR[1] - HAIR[0], atol=0.25, rtol=0)
        naive = w[labels['hair'] == 1].mean(0) - w[labels['hair'] == 0].mean(0)
        assert (naive - HAIR[1] + HAIR[0]).norm() > 3 * (difference - HAIR[1] + HAIR[0]).norm()

    def test_readings_are_the_dual_basis_of_all_vectors(self):
        model = ClassModel.fit(*samples())
        vectors = torch.cat([model.vectors['hair'], model.vectors['beard']])
        readings = torch.cat([model.readings['hair'], model.readings['beard']])
        assert len(model.vectors['hair']) == 2 and len(model.vectors['beard']) == 1
        torch.testing.assert_close(readings @ vectors.T, torch.eye(3).double(), atol=1e-8, rtol=0)

    def test_noise_is_the_same_in_all_readings(self):
        w, labels = samples()
        model = ClassModel.fit(w, labels)
        read = w.double() @ model.readings['hair'].T
        goals = torch.stack([model.goal('hair', i) for i in range(3)])
        rest = read - goals[labels['hair']]
        torch.testing.assert_close(rest.T.cov(), torch.eye(2).double(), atol=0.25, rtol=0)  # shrunk

    def test_classes_are_read_in_spite_of_correlated_noise(self):
        model = ClassModel.fit(*samples())
        w, labels = samples(seed=1)
        assert (model.classify('hair', w) == labels['hair']).double().mean() > 0.98

    def test_without_scikit_learn(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'sklearn.covariance', None)
        with pytest.raises(ImportError, match=r'mmgen_bdinvert\[directions\]'):
            ClassModel.fit(*samples(20))


class TestFit:
    def finder(self, **targets):
        return ClassTargets(targets, labels='unused.csv')

    def scores(self, count=4000, seed=0):
        w, labels = samples(count, seed)
        return w, {name: values.float() for name, values in labels.items()}

    def test_a_target_brings_every_sample_to_its_class(self):
        (target,) = self.finder(red=dict(of='hair', value=2.0)).fit(*self.scores())
        assert isinstance(target, Target) and target.name == 'red'
        assert float(target.notes['held_out_accuracy']) > 0.98
        w, labels = samples(seed=1)
        moved = w + target.change(w[:, None], [0])[:, 0]
        model = ClassModel.fit(*samples())
        assert (model.classify('hair', moved) == 2).all()
        assert (model.classify('beard', moved) == model.classify('beard', w)).all()
        red = labels['hair'] == 2
        assert (moved - w)[red].norm(dim=1).mean() < 0.3 * (moved - w)[~red].norm(dim=1).mean()

    def test_the_order_of_the_samples_does_not_matter(self):
        w, scores = self.scores()
        order = scores['hair'].argsort()
        ordered = {name: values[order] for name, values in scores.items()}
        (target,) = self.finder(red=dict(of='hair', value=2)).fit(w[order], ordered)
        assert float(target.notes['held_out_accuracy']) > 0.98

    def test_samples_without_a_label_are_left_out(self):
        w, scores = self.scores()
        gaps = {name: torch.cat([v, v[:50]]) for name, v in scores.items()}
        gaps['beard'][-50:] = torch.nan
        finder = self.finder(red=dict(of='hair', value=2))
        whole = finder.fit(w, scores)[0]
        with_gaps = finder.fit(torch.cat([w, 1e3 * torch.ones(50, DIM)]), gaps)[0]
        torch.testing.assert_close(with_gaps.goal, whole.goal)

    def test_a_class_that_no_sample_shows_counts_for_nothing(self):
        w, scores = self.scores()
        scores['hair'][scores['hair'] == 1] = 7
        (target,) = self.finder(red=dict(of='hair', value=7)).fit(w, scores)
        assert len(target.goal) == 2 and float(target.notes['held_out_accuracy']) > 0.98

    @pytest.mark.parametrize(
        ('target', 'message'),
        [
            (dict(of='nose', value=1), "one of the attributes hair, beard, but got 'nose'"),
            (dict(of='hair', value=3), 'hair = 3, but the classes .* of hair are 0, 1, 2'),
            (dict(of='hair', value='red'), "hair = 'red'"),
        ],
    )
    def test_targets_that_are_none(self, target, message):
        with pytest.raises(ValueError, match=message):
            self.finder(x=target).fit(*self.scores(100))

    @pytest.mark.parametrize(
        'targets',
        [None, {}, ['up'], dict(up='a'), dict(up=dict(of='a')), dict(up=dict(of='a', no=1))],
    )
    def test_settings_that_are_no_targets(self, targets):
        with pytest.raises(ValueError, match=r'dict\(of=ATTRIBUTE, value=CLASS\)'):
            ClassTargets(targets, labels='unused.csv')

    def test_what_the_labeller_does_not_have_is_refused_before_any_sample_is_drawn(self):
        for target in (dict(of='light', value='blue'), dict(of='hue', value='warm')):
            with pytest.raises(ValueError, match="target 'x'"):
                ClassTargets(dict(x=target), labeller=Brightness())

    def test_too_few_samples(self):
        w, scores = self.scores()
        red = scores['hair'] == 2
        rows = torch.cat([torch.nonzero(~red)[:50, 0], torch.nonzero(red)[:3, 0]])
        some = {name: values[rows] for name, values in scores.items()}
        with pytest.raises(ValueError, match='needs 4 samples or more of hair = 2 .* got 3 and 50'):
            self.finder(red=dict(of='hair', value=2)).fit(w[rows], some)
        ids = torch.arange(len(rows)).float()
        with pytest.raises(ValueError, match='do not suffice for 56 classes of 2 attributes'):
            self.finder(x=dict(of='hair', value=1)).fit(w[rows], {**some, 'beard': ids})

    def test_more_differences_than_style_vectors_have_values(self):
        w, scores = self.scores()
        groups = (torch.arange(len(w)) % 20).float()
        with pytest.raises(ValueError, match='of 12 values cannot keep .* label fewer classes'):
            self.finder(x=dict(of='hair', value=1)).fit(w, {**scores, 'group': groups})

    def test_attributes_that_depend_on_each_other(self):
        w, scores = self.scores()
        for other in (scores['hair'], (scores['hair'] == 2).float()):
            with pytest.raises(ValueError, match='some of hair, beard, other follow from those'):
                self.finder(x=dict(of='hair', value=1)).fit(w, {**scores, 'other': other})

    def test_scores_are_no_classes(self):
        w, scores = self.scores(100)
        for wrong in (0.5, -1.0, 1e6):
            with pytest.raises(ValueError, match="labels of 'hair' must be class numbers"):
                hair = torch.full((100,), wrong)
                self.finder(x=dict(of='hair', value=1)).fit(w, {**scores, 'hair': hair})


class Brightness(nn.Module):
    """Three classes of brightness, two of the difference of colours."""

    classes = {'light': ['dark', 'middle', 'bright'], 'tone': ['cold', 'warm']}

    def forward(self, images):
        red, blue = (images[:, i].mean((1, 2)) for i in (0, 2))
        light = (images.mean((1, 2, 3)) * 8).round().clamp(-1, 1) + 1
        return {'light': light, 'tone': (red > blue).float()}


def test_the_finder_says_how_many_samples_it_brings_there(make_generator):
    finder = ClassTargets(
        {'glowing': dict(of='light', value='bright'), 'warm': dict(of='tone', value='warm')},
        labeller=Brightness(),
        num_samples=500,
    )
    generator = make_generator()
    glowing, warm = finder.find(generator)
    assert glowing.fingerprint == generator.fingerprint and glowing.method == 'ClassTargets'
    assert glowing.notes['samples'] == '500'
    for target in (glowing, warm):
        assert float(target.notes['reached']) > 0.8
        assert float(target.notes['others_kept']) > 0.6


def test_a_labeller_may_leave_samples_without_a_label(make_generator):
    class Unsure(Brightness):
        def forward(self, images):
            labels = super().forward(images)
            labels['tone'][::5] = torch.nan
            return labels

    finder = ClassTargets(
        {'glowing': dict(of='light', value='bright')}, labeller=Unsure(), num_samples=400
    )
    (glowing,) = finder.find(make_generator())
    assert glowing.notes['samples'] == '400' and int(glowing.notes['labelled']) < 350
    assert float(glowing.notes['others_kept']) > 0.6
