# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What is read of faces with swapped detail codes."""

import pytest

from benchmarks import swaps
from mmgen_bdinvert.apis import init_inverter


class Brightness:
    """Reads whether a picture is bright."""

    def __call__(self, images):
        mean = images.mean((1, 2, 3))
        return {'bright': mean[:, None].mul(mean.new_tensor([-1.0, 1.0]))}


@pytest.fixture()
def inverter(make_config):
    return init_inverter(make_config(num_steps=0), device='cpu')


def test_an_encoder_that_knows_the_base_code_shows_what_the_generator_does(inverter, monkeypatch):
    generator, split = inverter.generator, inverter.generator.split
    codes = []
    monkeypatch.setattr(generator, 'split', lambda w: codes.append(split(w)) or codes[-1])
    inverter.encoder.forward = lambda images: codes[-1].base
    found = swaps.shares(inverter, Brightness(), 6)
    assert found['encoder'] == found['generator']
    as_detail, as_base = found['generator']['bright']
    assert as_detail + as_base == pytest.approx(1)  # of two classes


def test_codes_that_are_not_swapped_show_the_face_itself(inverter, monkeypatch):
    # One face over and over: nothing differs, so nothing can be read as in either.
    mapping = inverter.generator.mapping
    monkeypatch.setattr(inverter.generator, 'mapping', lambda z: mapping(z[:1].expand_as(z)))
    as_detail, as_base = swaps.shares(inverter, Brightness(), 4)['generator']['bright']
    assert as_detail != as_detail and as_base != as_base


def test_a_config_without_an_encoder_is_refused(make_config, tmp_path):
    with pytest.raises(ValueError, match='but .* has none'):
        swaps.main(['baselines/w', '--count', '2', '--device', 'cpu'])
