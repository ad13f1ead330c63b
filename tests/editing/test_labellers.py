# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch
from torch import nn

from mmgen_bdinvert.editing import ClassLabels, ClassScores, PatchLightness, read_labels


class Classifier(nn.Module):
    classes = {'mouth': ['sad', 'smile', 'laugh'], 'beard': ['none', 'some']}

    def forward(self, images):
        return {
            'mouth': torch.log(torch.tensor([[0.5, 0.2, 0.3]])).repeat(len(images), 1) + 4,
            'beard': torch.tensor([[0.0, 1.5]]).repeat(len(images), 1),
        }


class TestClassScores:
    def test_scores_are_the_log_odds_of_the_classes(self):
        scores = ClassScores(
            Classifier(),
            dict(
                smile=dict(of='mouth', yes=['smile', 'laugh']),
                laugh=dict(of='mouth', yes=['laugh'], no=['smile']),
                beard=dict(of='beard', yes=['some']),
            ),
        )(torch.zeros(2, 3, 8, 8))
        assert list(scores) == ['smile', 'laugh', 'beard']
        for name, odds in (('smile', 0.5 / 0.5), ('laugh', 0.3 / 0.2)):
            expected = torch.tensor(odds).log().expand(2)
            torch.testing.assert_close(scores[name], expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(scores['beard'], torch.full((2,), 1.5))

    @pytest.mark.parametrize(
        'wanted',
        [
            dict(of='nose', yes=['big']),
            dict(of='mouth', yes=['grin']),
            dict(of='mouth', yes=['sad'], no=['none']),
            dict(of='mouth', yes=[]),
            dict(of='mouth', yes=['sad', 'smile', 'laugh']),
        ],
    )
    def test_unknown_classes_are_refused(self, wanted):
        with pytest.raises(ValueError, match=r"'x' must name classes .*'beard': \['none', 'some'"):
            ClassScores(Classifier(), dict(x=wanted))


class TestClassLabels:
    def test_the_most_likely_class_by_its_number(self):
        labeller = ClassLabels(Classifier())
        labels = labeller(torch.zeros(2, 3, 8, 8))
        assert labels['mouth'].tolist() == [0, 0] and labels['beard'].tolist() == [1, 1]
        assert labeller.classes == Classifier.classes

    def test_what_is_not_sure_has_no_label(self):
        labels = ClassLabels(Classifier(), sure=dict(mouth=0.49, beard=0.9))(
            torch.zeros(1, 3, 8, 8)
        )
        assert labels['mouth'].tolist() == [0] and labels['beard'].isnan().all()
        with pytest.raises(ValueError, match="but got 'nose'"):
            ClassLabels(Classifier(), sure=dict(nose=0.5))

    def test_some_attributes(self):
        labeller = ClassLabels(Classifier(), ['beard'])
        assert list(labeller(torch.zeros(1, 3, 8, 8))) == ['beard'] == list(labeller.classes)
        with pytest.raises(ValueError, match="attributes .* are mouth, beard, but got 'nose'"):
            ClassLabels(Classifier(), ['beard', 'nose'])


def test_patch_lightness_is_the_mean_of_the_patch():
    images = torch.zeros(2, 3, 10, 20)
    images[1, :, 2:4, 10:15] = 0.5
    scores = PatchLightness(dict(nose=((0.2, 0.4), (0.5, 0.75)), all=((0.0, 1.0), (0.0, 1.0))))(
        images
    )
    torch.testing.assert_close(scores['nose'], torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(scores['all'], torch.tensor([0.0, 0.5 * 10 / 200]))


class TestReadLabels:
    def check(self, labels):
        assert list(labels) == ['smile', 'age']
        expected = {'smile': [1.0, None, 0.0], 'age': [None, None, 31.5]}
        for name, values in expected.items():
            for found, value in zip(labels[name].tolist(), values):
                assert found == value or (value is None and found != found)

    def test_csv(self, tmp_path):
        (tmp_path / 'l.csv').write_text('\ufeffindex,smile,age\n2,0,31.5\n0,1,\n')
        self.check(read_labels(tmp_path / 'l.csv', 3))

    def test_jsonl(self, tmp_path):
        rows = '{"index": 0, "smile": true}\n\n{"index": 2, "smile": 0, "age": 31.5}\n'
        (tmp_path / 'l.jsonl').write_text(rows)
        self.check(read_labels(tmp_path / 'l.jsonl', 3))

    @pytest.mark.parametrize(
        ('name', 'text', 'message'),
        [
            ('l.txt', 'index,a\n0,1\n', r'ends in \.csv or \.jsonl'),
            ('l.csv', 'index,a\n3,1\n', 'line 2: index must be a whole number from 0 to 2'),
            ('l.csv', 'index,a\n0.5,1\n', 'line 2: index must be a whole'),
            ('l.csv', 'index,a\n-1,1\n', 'line 2: index must be a whole'),
            ('l.csv', 'file,a\nx.png,1\n', 'line 2: index must be a whole'),
            ('l.csv', 'index,a\n0,1\n1,yes\n', "line 3: the label 'a' must be .* but got 'yes'"),
            ('l.csv', 'index,a\n0,1,2\n', 'must be a finite number'),
            ('l.csv', 'index\n0\n', 'holds no labels'),
            ('l.csv', '', 'holds no labels'),
            ('l.jsonl', '{"index": 0, "a": 1', 'not a readable table'),
            ('l.jsonl', '[1, 2]\n', 'not a readable table'),
            ('l.jsonl', '{"index": 0, "a": [1]}', 'must be a finite number'),
            ('l.csv', 'index,a\n0,inf\n', "label 'a' must be a finite number, but got 'inf'"),
            ('l.jsonl', '{"index": 0, "a": 1%s}' % ('0' * 400), 'must be a finite number'),
            ('l.jsonl', '{"index": 1%s, "a": 1}' % ('0' * 400), 'index must be a whole'),
            ('l.jsonl', '{"index": 0, "a": 1%s}' % ('0' * 5000), 'not a readable table'),
            ('l.jsonl', '[' * 100_000, 'not a readable table'),
        ],
    )
    def test_what_is_no_table_of_labels(self, tmp_path, name, text, message):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            read_labels(tmp_path / name, 3)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no file of labels'):
            read_labels(tmp_path / 'none.csv', 3)
