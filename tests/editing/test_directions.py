# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmgen_bdinvert.editing import Direction, load_direction


@pytest.fixture(scope='module')
def generator(make_generator):
    """N = 8 layers of width 16; the detail code has 2 to 7."""
    return make_generator()


@pytest.fixture()
def vectors():
    return torch.randn(8, 16, generator=torch.Generator().manual_seed(0))


class TestDirection:
    @pytest.mark.parametrize('shape', [(16,), (1, 16), (1, 1, 16)])
    def test_one_vector_is_one_row(self, shape):
        direction = Direction(torch.arange(1.0, 17.0).reshape(shape).double())
        assert torch.equal(direction.vector, torch.arange(1.0, 17.0)[None])
        assert direction.vector.dtype == torch.float32

    def test_a_leading_batch_of_one_is_dropped(self, vectors):
        assert torch.equal(Direction(vectors[None]).vector, vectors)

    @pytest.mark.parametrize(
        ('vector', 'error', 'message'),
        [
            (torch.ones(2, 8, 16), ValueError, r'\(N, D\), but got \(2, 8, 16\)'),
            (torch.tensor(1.0), ValueError, r'but got \(\)'),
            (torch.ones(0, 16), ValueError, r'but got \(0, 16\)'),
            (torch.tensor([1.0, float('nan')]), ValueError, 'must be finite'),
            (torch.tensor([1.0, float('inf')]), ValueError, 'must be finite'),
            (torch.zeros(16), ValueError, 'zeros only'),
            (torch.ones(16, dtype=torch.long), TypeError, 'but got torch.int64'),
            (np.ones(16), TypeError, 'but got ndarray'),
        ],
    )
    def test_anything_else_is_refused(self, vector, error, message):
        with pytest.raises(error, match=message):
            Direction(vector)

    def test_times_a_factor(self, vectors):
        direction = Direction(vectors, 'age', 'ab12', 'svm', {'accuracy': '0.99'}, [4, 5])
        for product in (-0.5 * direction, direction * -0.5):
            assert torch.equal(product.vector, -0.5 * vectors)
            assert product.name == '-0.5 × age' and product.layers == (4, 5)
            assert (product.fingerprint, product.method) == ('ab12', 'svm')
        assert direction * 1 is direction
        with pytest.raises(ValueError, match='must be a finite number'):
            direction * float('nan')

    @pytest.mark.parametrize('layers', [[], [-1], [2.5], [True], ['4'], [4, None], 5])
    def test_layers_that_are_none(self, layers):
        with pytest.raises(ValueError, match='whole numbers from 0, but got'):
            Direction(torch.ones(16), layers=layers)


class TestAdded:
    def test_one_vector_goes_to_every_layer_of_the_detail_code(self, generator):
        added = Direction(torch.arange(1.0, 17.0)).added(torch.zeros(2, 6, 16), 0.5, generator)
        assert torch.equal(added, torch.arange(1.0, 17.0).expand(2, 6, 16) / 2)

    def test_rows_are_counted_from_the_first_layer_of_w_plus(self, generator, vectors):
        direction, styles = Direction(vectors), torch.zeros(1, 6, 16)
        assert torch.equal(direction.added(styles, 1.0, generator)[0], vectors[2:])
        some = direction.added(styles, 1.0, generator, [7, 3, 3])[0]
        assert torch.equal(some[[1, 5]], vectors[[3, 7]]) and not some[[0, 2, 3, 4]].any()
        assert not styles.any()

    def test_the_style_vectors_may_be_a_whole_w_plus(self, generator, vectors):
        added = Direction(vectors).added(torch.zeros(1, 8, 16), 1.0, generator)
        assert torch.equal(added[0], vectors)


class TestPlaces:
    def test_layers_of_its_own(self, generator, vectors):
        assert Direction(vectors).places(generator) == [0, 1, 2, 3, 4, 5]
        own = Direction(vectors, layers=[7, 3])
        assert own.places(generator) == [1, 5]
        assert own.places(generator, [4]) == [2]  # the caller's come first
        with pytest.raises(ValueError, match='layers 2 to 7 .* but got 1'):
            Direction(vectors, layers=[1, 2]).places(generator)

    @pytest.mark.parametrize(
        ('layers', 'named'),
        [([3, 1], '1'), ([8], '8'), ([-1], '-1'), ([2.0], '2.0'), ([True], 'True'), ([], 'no lay')],
    )
    def test_layers_that_are_not_in_the_detail_code(self, generator, layers, named):
        with pytest.raises(ValueError, match=f'layers 2 to 7 .* but got {named}'):
            Direction(torch.ones(16)).places(generator, layers)

    @pytest.mark.parametrize('shape', [(1, 8), (8, 15), (6, 16), (18, 16)])
    def test_shapes_of_another_generator(self, generator, shape):
        with pytest.raises(ValueError, match=r'takes \(1, 16\) or \(8, 16\)'):
            Direction(torch.ones(shape)).places(generator)

    def test_the_fingerprint_of_another_generator(self, generator, make_generator):
        own = Direction(torch.ones(16), fingerprint=generator.fingerprint)
        assert own.places(generator) == [0, 1, 2, 3, 4, 5]
        other = Direction(torch.ones(16), 'smile', make_generator(seed=2).fingerprint)
        with pytest.raises(ValueError, match="direction 'smile' was made with another generator"):
            other.places(generator)


class TestFiles:
    def test_saved_and_loaded(self, tmp_path, vectors):
        direction = Direction(vectors, 'Bart, länger', 'ab12', 'svm', {'accuracy': '0.99'})
        direction.save(tmp_path / 'd.safetensors')
        loaded = load_direction(tmp_path / 'd.safetensors')
        assert torch.equal(loaded.vector, vectors)
        assert (loaded.name, loaded.fingerprint) == ('Bart, länger', 'ab12')
        assert (loaded.method, loaded.notes) == ('svm', {'accuracy': '0.99'})
        assert loaded.layers is None
        Direction(vectors, layers=[7, 3]).save(tmp_path / 'd.safetensors')
        assert load_direction(tmp_path / 'd.safetensors').layers == (3, 7)

    def test_it_is_saved_as_safetensors_only(self, tmp_path):
        with pytest.raises(ValueError, match=r'saved as \.safetensors'):
            Direction(torch.ones(4)).save(tmp_path / 'd.pt')

    @pytest.mark.parametrize('shape', [(16,), (1, 16), (8, 16), (1, 8, 16)])
    @pytest.mark.parametrize('suffix', ['.pt', '.pth', '.npy'])
    def test_bare_arrays(self, tmp_path, vectors, shape, suffix):
        path = tmp_path / f'smile{suffix}'
        array = vectors.flatten()[: np.prod(shape)].reshape(shape)
        np.save(path, array.double()) if suffix == '.npy' else torch.save(array, path)
        loaded = load_direction(str(path))
        assert torch.equal(loaded.vector, array.reshape(-1, 16))
        assert (loaded.name, loaded.fingerprint) == ('smile', '')

    @pytest.mark.parametrize(('name', 'rows'), [('age', 1), ('smile', 1), ('pose', 18)])
    def test_the_directions_of_the_release(self, tmp_path, name, rows):
        """Unit vectors of FFHQ: (1, 512), and pose (1, 18, 512), the same for all layers."""
        path = Path(__file__).parents[3] / 'shared' / 'authors_release' / f'{name}.pt'
        if not path.is_file():
            path = tmp_path / f'{name}.pt'
            vector = torch.nn.functional.normalize(torch.randn(512), dim=0)
            torch.save(vector.repeat(1, 18, 1) if rows == 18 else vector[None], path)
        direction = load_direction(path)
        assert direction.vector.shape == (rows, 512) and direction.name == name
        torch.testing.assert_close(direction.vector.norm(dim=1), torch.ones(rows))

    def test_a_tensor_that_was_saved_on_a_gpu(self, tmp_path, monkeypatch):
        """The authors' directions are; here torch only claims that its file is."""
        monkeypatch.setattr(torch.serialization, 'location_tag', lambda storage: 'cuda:0')
        torch.save(torch.ones(1, 16), tmp_path / 'd.pt')
        monkeypatch.undo()
        if not torch.cuda.is_available():
            with pytest.raises(RuntimeError, match='CUDA'):
                torch.load(tmp_path / 'd.pt', weights_only=True)
        assert load_direction(tmp_path / 'd.pt').vector.device.type == 'cpu'

    def test_no_code_is_run(self, tmp_path):
        class Evil:
            def __reduce__(self):
                return (open, (str(tmp_path / 'was_here'), 'w'))

        for name in ('d.pt', 'd.npy'):
            (tmp_path / name).write_bytes(pickle.dumps(Evil()))
            with pytest.raises(ValueError, match='not a readable array|is refused: it holds'):
                load_direction(tmp_path / name)
        np.save(tmp_path / 'o.npy', np.array([Evil()], dtype=object), allow_pickle=True)
        with pytest.raises(ValueError, match='not a readable array'):
            load_direction(tmp_path / 'o.npy')
        assert not (tmp_path / 'was_here').exists()

    @pytest.mark.parametrize(
        ('name', 'write', 'message'),
        [
            ('d.pt', lambda p: p.touch(), 'not a readable array'),
            ('d.npy', lambda p: p.touch(), 'not a readable array'),
            ('d.safetensors', lambda p: p.touch(), 'not a readable direction'),
            ('d.txt', lambda p: p.touch(), r'ends in \.safetensors, \.pt'),
            ('d.pt', lambda p: torch.save({'a': torch.ones(4)}, p), 'one tensor, but holds a dict'),
            ('d.pt', lambda p: torch.save(torch.ones(2, 2, 2), p), 'holds no direction'),
            (
                'd.npy',
                lambda p: np.save(p, np.ones(4, int)),
                'floating-point numbers .* holds int64',
            ),
            (
                'd.safetensors',
                lambda p: save_file({'vector': torch.ones(4)}, p),
                'is not a direction: give',
            ),
        ],
    )
    def test_what_is_no_direction_is_one_sentence(self, tmp_path, name, write, message):
        write(tmp_path / name)
        with pytest.raises(ValueError, match=message) as info:
            load_direction(tmp_path / name)
        assert '\n' not in str(info.value) and name in str(info.value)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='There is no direction file'):
            load_direction(tmp_path / 'none.pt')

    def test_a_later_version_is_refused(self, tmp_path):
        facts = {'kind': 'mmgen_bdinvert.direction', 'version': '2'}
        save_file({'vector': torch.ones(4)}, tmp_path / 'd.safetensors', facts)
        with pytest.raises(ValueError, match='format version 2, but this release reads version 1'):
            load_direction(tmp_path / 'd.safetensors')


def test_a_direction_is_shown_in_one_line():
    shown = repr(Direction(torch.ones(512), name='smile', layers=[4, 5]))
    assert shown.startswith("Direction(name='smile'") and '\n' not in shown and len(shown) < 120
