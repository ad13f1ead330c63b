# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from mmgen_bdinvert.apis import edit
from mmgen_bdinvert.editing import Target, load_direction


@pytest.fixture(scope='module')
def generator(make_generator):
    """N = 8 layers of width 16; the detail code has 2 to 7."""
    return make_generator()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope='module')
def target():
    """Three values of an attribute: two vectors, and readings that are their dual basis."""
    vectors = random(2, 16)
    readings = torch.linalg.inv(vectors @ vectors.T) @ vectors
    return Target(vectors, readings, torch.tensor([3.0, -1.0]), 'black hair')


class TestAdded:
    def test_strength_one_reaches_the_goal_from_anywhere(self, generator, target):
        styles = 5 * random(3, 6, 16, seed=1)
        there = target.added(styles, 1.0, generator)
        torch.testing.assert_close(
            there @ target.readings.T, target.goal.expand(3, 6, 2), atol=1e-4, rtol=0
        )
        again = target.added(there, 1.0, generator)
        torch.testing.assert_close(again, there, atol=1e-4, rtol=0)
        half = target.added(styles, 0.5, generator)
        torch.testing.assert_close(half, (styles + there) / 2)

    def test_styles_move_along_the_vectors_alone(self, generator, target):
        styles = random(2, 6, 16, seed=1)
        change = (target.added(styles, 1.0, generator) - styles).reshape(-1, 16).T
        amounts = torch.linalg.lstsq(target.vectors.T, change).solution
        torch.testing.assert_close(target.vectors.T @ amounts, change, atol=1e-4, rtol=0)

    def test_some_layers(self, generator, target):
        styles = random(1, 6, 16)
        change = target.added(styles, 1.0, generator, [3, 7]) - styles
        assert change[0, [1, 5]].abs().amin(1).all() and not change[0, [0, 2, 3, 4]].any()

    def test_twice_a_target(self, generator, target):
        styles = random(1, 6, 16)
        once = target.added(styles, 0.5, generator)
        torch.testing.assert_close((0.5 * target).added(styles, 1.0, generator), once)
        assert (0.5 * target).name == '0.5 × black hair' and target * 1 is target

    def test_it_edits_codes_as_a_direction_does(self, generator, target, sample_w_plus):
        code = generator.split(sample_w_plus(generator, 2))
        edited = edit(generator, code, target)
        assert torch.equal(edited.base, code.base)
        torch.testing.assert_close(edited.detail, target.added(code.detail, 1.0, generator))


class TestShapes:
    @pytest.mark.parametrize(
        'shapes',
        [
            ((2, 16), (2, 16), (3,)),
            ((2, 16), (1, 16), (2,)),
            ((2, 16), (2, 15), (2,)),
            ((16,), (16,), (1,)),
            ((2, 16), (2, 16), ()),
            ((), (), ()),
            ((0, 16), (0, 16), (0,)),
        ],
    )
    def test_shapes_that_do_not_fit_each_other(self, shapes):
        with pytest.raises(ValueError, match=r'vectors and readings \(r, D\) and a goal \(r,\)'):
            Target(*map(torch.ones, shapes))

    def test_numbers_that_are_none(self):
        ones = torch.ones(1, 4)
        with pytest.raises(ValueError, match='must be finite'):
            Target(ones, ones, torch.tensor([float('nan')]))
        with pytest.raises(TypeError, match='floating tensor, but got ndarray'):
            Target(ones, np.ones((1, 4)), torch.ones(1))

    def test_another_generator(self, generator, target, make_generator):
        ones = torch.ones(1, 8)
        with pytest.raises(ValueError, match='of 8 values, but those of this generator have 16'):
            Target(ones, ones, torch.ones(1)).places(generator)
        other = Target(*target.tensors.values(), fingerprint=make_generator(seed=2).fingerprint)
        with pytest.raises(ValueError, match='made with another generator'):
            other.places(generator)


class TestFiles:
    def test_saved_and_loaded(self, tmp_path, target):
        own = Target(
            *target.tensors.values(), 'wink', 'ab12', 'ClassTargets', {'reached': '0.9'}, [5, 4]
        )
        own.save(tmp_path / 'wink.safetensors')
        loaded = load_direction(tmp_path / 'wink.safetensors')
        assert isinstance(loaded, Target)
        for name, tensor in own.tensors.items():
            assert torch.equal(loaded.tensors[name], tensor)
        assert (loaded.name, loaded.fingerprint) == ('wink', 'ab12')
        assert (loaded.method, loaded.notes) == ('ClassTargets', {'reached': '0.9'})
        assert loaded.layers == (4, 5)

    def test_a_file_without_all_tensors(self, tmp_path, target):
        for tensors in ({'goal': target.goal}, {**target.tensors, 'vector': torch.ones(16)}):
            _save(tmp_path / 'd.safetensors', tensors)
            with pytest.raises(ValueError, match='has the tensors vectors, readings, goal, but'):
                load_direction(tmp_path / 'd.safetensors')

    def test_tensors_that_do_not_fit(self, tmp_path, target):
        _save(tmp_path / 'd.safetensors', {**target.tensors, 'goal': torch.ones(5)})
        with pytest.raises(
            ValueError, match="holds no direction: The direction 'd' needs vectors and"
        ):
            load_direction(tmp_path / 'd.safetensors')


def _save(path, tensors):
    from mmgen_bdinvert.editing.style_edit import KIND

    KIND.save(path, tensors, {})
