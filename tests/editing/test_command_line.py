# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.editing import Direction, parse_directions, parse_layers, parse_strengths


@pytest.fixture()
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(torch.ones(1, 4), 'smile.pt')
    Direction(2 * torch.ones(4), name='age', layers=[3]).save('age@home.safetensors')


class TestDirections:
    def test_factors_and_layers_belong_to_the_file_before(self, files):
        words = ['smile.pt@4-6,9', '-0.5', 'age@home.safetensors', 'smile.pt', '1e1']
        found = parse_directions(words)
        assert [d.layers for d in found] == [(4, 5, 6, 9), (3,), None]
        assert [d.vector[0, 0].item() for d in found] == [-0.5, 2, 10]
        assert [d.name for d in found] == ['-0.5 × smile', 'age', '10 × smile']

    def test_layers_of_those_that_name_none(self, files):
        found = parse_directions(['smile.pt@4', 'smile.pt', 'age@home.safetensors'], [7, 8])
        assert [d.layers for d in found] == [(4,), (7, 8), (7, 8)]

    @pytest.mark.parametrize(
        ('words', 'message'),
        [
            (['2', 'smile.pt'], "'2' is first"),
            (['smile.pt', '0'], 'change something'),
            (['smile.pt', 'nan'], 'must be a finite number'),
            (['smile.pt@6-4'], "but got '6-4'"),
            (['smile.pt@,'], "but got ','"),
        ],
    )
    def test_words_that_do_not_fit(self, files, words, message):
        with pytest.raises(ValueError, match=message):
            parse_directions(words)

    def test_a_missing_file(self, files):
        with pytest.raises(FileNotFoundError, match=r'no direction file none\.pt'):
            parse_directions(['none.pt', '2'])


@pytest.mark.parametrize(('text', 'layers'), [('4', [4]), ('4-6', [4, 5, 6]), ('9,4-5', [9, 4, 5])])
def test_layers(text, layers):
    assert parse_layers(text) == layers


@pytest.mark.parametrize(
    'text', ['', 'x', '4-', '-4', '6-4', '4--6', '4,', '4.5', '0-99999999999', '٤']
)
def test_layers_that_are_none(text):
    with pytest.raises(ValueError, match='like 4-7 or 2,4-7, but got'):
        parse_layers(text)


@pytest.mark.parametrize(
    ('text', 'strengths'),
    [('-1.5', [-1.5]), ('-3:3:7', [-3, -2, -1, 0, 1, 2, 3]), ('2:0:3', [2, 1, 0]), ('1:5:1', [1])],
)
def test_strengths(text, strengths):
    assert parse_strengths(text) == strengths


@pytest.mark.parametrize(
    'text', ['', 'much', '1:2', '1:2:3:4', '1:x:3', '1:2:2.5', '1:2:0', '1:2:-3', '0:1:99999999999']
)
def test_strengths_that_are_none(text):
    with pytest.raises(ValueError, match='a number, or start:stop:count .* but got'):
        parse_strengths(text)
