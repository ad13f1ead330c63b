# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
import torch

from mmgen_bdinvert.editing import SeFa, draw_latents
from mmgen_bdinvert.editing.sefa import factorise, modulation_weights
from mmgen_bdinvert.models import BaseDetailGenerator, NarrowStyleGANv1Generator


@pytest.fixture(scope='module')
def generator(make_generator):
    """N = 8 layers of width 16; the detail code has 2 to 7."""
    return make_generator()


def test_the_layers_are_those_of_mmgen(generator):
    """Its app takes all parameters of this name from the state dict, in their order."""
    wanted = [
        tensor
        for name, tensor in generator.generator.state_dict().items()
        if 'style_modulation' in name and 'weight' in name and 'to_rgb' not in name
    ]
    found = modulation_weights(generator)
    assert len(found) == len(wanted) == 7
    assert all(torch.equal(a, b) for a, b in zip(found, wanted))
    # and so do the directions agree, up to their sign
    expected = torch.svd(torch.cat(wanted)).V.T
    rows, _ = factorise(found)
    torch.testing.assert_close((rows * expected).sum(1).abs(), torch.ones(16), rtol=0, atol=1e-4)


def test_the_place_of_a_weight_is_the_index_of_its_style_vector(generator):
    """Only what has weight i sees style vector i, among the convolutions."""
    seen = {}
    convolutions = [generator.generator.conv1, *generator.generator.convs]
    hooks = [
        layer.conv.style_modulation.register_forward_hook(
            lambda module, inputs, output, i=i: seen.update({i: inputs[0]})
        )
        for i, layer in enumerate(convolutions)
    ]
    w_plus = torch.randn(1, 8, 16)
    generator.synthesis(w_plus)
    for hook in hooks:
        hook.remove()
    assert sorted(seen) == list(range(len(modulation_weights(generator))))
    assert all(torch.equal(style, w_plus[:, i]) for i, style in seen.items())


def test_factors_amplify_by_their_value_and_no_other_more():
    weights = [torch.randn(6, 4, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    rows, values = factorise(weights)
    matrix = torch.cat(weights)
    torch.testing.assert_close(rows @ rows.T, torch.eye(4), rtol=0, atol=1e-5)
    torch.testing.assert_close((matrix @ rows.T).norm(dim=0), values)
    assert values.tolist() == sorted(values.tolist(), reverse=True)
    random = torch.nn.functional.normalize(torch.randn(200, 4), dim=1)
    assert (matrix @ random.T).norm(dim=0).max() <= values[0] + 1e-5


def test_directions_are_of_the_layers_of_the_detail_code(generator):
    found = SeFa(count=3).find(generator)
    rows, values = factorise(modulation_weights(generator)[2:])
    w = draw_latents(generator, 10_000)
    for i, direction in enumerate(found):
        vector = direction.vector[0]
        torch.testing.assert_close(vector / vector.norm(), rows[i])
        assert float(vector.norm()) == pytest.approx(float((w @ rows[i]).std()), rel=1e-4)
        assert direction.notes['singular_value'] == f'{values[i]:.3f}'
        assert (direction.name, direction.method) == (f'sefa{i}', 'SeFa')
    (one,) = SeFa(count=1, layers=[4]).find(generator)
    rows, _ = factorise(modulation_weights(generator)[4:5])
    torch.testing.assert_close(one.vector[0] / one.vector.norm(), rows[0])
    assert one.layers == (4,)


def test_stylegan1_has_the_affines_of_its_normalisations():
    network = NarrowStyleGANv1Generator(32, 16, channels={4: 8, 8: 8, 16: 6, 32: 6})
    generator = BaseDetailGenerator(network, base_size=8)
    weights = modulation_weights(generator)
    assert [tuple(weight.shape) for weight in weights] == 4 * [(16, 16)] + 4 * [(12, 16)]
    assert len(weights) == generator.num_latents
    assert SeFa(count=2).find(generator)[1].vector.shape == (1, 16)


def test_what_cannot_be(generator):
    with pytest.raises(ValueError, match='count is a whole number of at least 1, but got 0'):
        SeFa(count=0)
    with pytest.raises(ValueError, match='8 directions, but got count=9'):
        SeFa(count=9, layers=[3]).find(generator)
    for layers in ([1, 2], [7], []):  # below M; only colours; none
        with pytest.raises(ValueError, match='layers 2 to 6 of'):
            SeFa(layers=layers).find(generator)
