# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from mmgen_bdinvert.apis import init_generator
from mmgen_bdinvert.studio import shipped_directions


def test_the_directions_of_a_domain_are_found_by_its_generator(inverter):
    found = shipped_directions(init_generator('bdinvert_inv_toon128', device='cpu'))
    assert [direction.name for direction in found] == [
        'beard',
        'clothes_lightness',
        'eyes_open',
        'hair_lightness',
        'laugh',
        'skin_lightness',
    ]
    assert shipped_directions(inverter.generator) == []
