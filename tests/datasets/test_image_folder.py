# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import ImgDataPreprocessor
from mmgen.registry import DATASETS
from mmgen.structures import GenDataSample
from PIL import Image
from torch.utils.data import DataLoader

from mmgen_bdinvert.datasets.image_folder import InversionImageFolder
from mmgen_bdinvert.geometry import GeometricTransform, transform_image, validity_mask
from mmgen_bdinvert.io import ImageReadError, read_image


@pytest.fixture()
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, shape in (('a/x.png', (12, 12, 3)), ('b/x.png', (20, 10, 3)), ('y.png', (8, 9))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


def test_is_built_from_a_config(folder):
    config = {'type': 'InversionImageFolder', 'data_root': str(folder), 'size': 8}
    data = DATASETS.build(config)
    assert isinstance(data, InversionImageFolder) and len(data) == 3
    assert data.metainfo['channel_order'] == 'rgb'


@pytest.mark.parametrize('fit', ['crop', 'pad', 'squash'])
def test_items(folder, fit):
    data = InversionImageFolder(folder, 8, fit=fit)
    for index, name in enumerate(['a/x.png', 'b/x.png', 'y.png']):
        item = data[index]
        assert item['inputs'].dtype == torch.uint8 and item['inputs'].is_contiguous()
        expected = read_image(folder / name, 8, fit=fit)
        np.testing.assert_array_equal(item['inputs'].permute(1, 2, 0).numpy(), expected)
        sample = item['data_samples']
        assert isinstance(sample, GenDataSample)
        assert sample.metainfo == {
            'img_path': str(folder / name),
            'img_shape': (8, 8),
            'output_name': ['a_x', 'b_x', 'y'][index],
            'sample_idx': index,
        }


def test_red_stays_red_through_the_preprocessor_of_a_model(tmp_path):
    Image.new('RGB', (8, 8), (255, 0, 0)).save(tmp_path / 'red.png')
    data = InversionImageFolder(tmp_path, 8)
    loader = DataLoader(data, collate_fn=pseudo_collate)
    preprocessor = ImgDataPreprocessor(mean=[127.5] * 3, std=[127.5] * 3)
    batch = preprocessor(next(iter(loader)))
    expected = torch.tensor([1.0, -1, -1]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.equal(batch['inputs'], expected)
    assert batch['data_samples'][0].img_path == str(tmp_path / 'red.png')
    # These two keys are what a model's forward takes: a third would break the call.
    assert set(batch) == {'inputs', 'data_samples'}


def test_several_roots_and_single_files(folder):
    data = InversionImageFolder([folder / 'y.png', folder / 'b'], 8)
    assert [item['data_samples'].output_name for item in data] == ['y', 'x']


def test_runs_in_a_loop_to_its_end(folder):
    assert len([item for item in InversionImageFolder(folder, 8)]) == 3


def test_a_bad_image_is_one_sentence(folder):
    (folder / 'y.png').write_text('no picture')
    data = InversionImageFolder(folder, 8)
    assert data[0]['inputs'].shape == (3, 8, 8)
    with pytest.raises(ImageReadError, match=r"y.png' is not an image in a known format") as info:
        data[2]
    assert '\n' not in str(info.value)


def test_wrong_input(folder, tmp_path):
    with pytest.raises(ValueError, match="fit must be one of crop, pad, squash, but got 'x'"):
        InversionImageFolder(folder, 8, fit='x')
    with pytest.raises(ValueError, match='size is a whole number of at least 1, but got 0'):
        InversionImageFolder(folder, 0)
    with pytest.raises(FileNotFoundError, match='nowhere.* does not exist; check the path'):
        InversionImageFolder(tmp_path / 'nowhere', 8)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty.* holds no image file'):
        InversionImageFolder(tmp_path / 'empty', 8)


def smooth(size):
    """Return a picture of low frequency and without symmetry."""
    x, y = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size])
    waves = [np.sin(3 * x + y), np.cos(4 * y * x), x - 0.5 * y]
    return np.uint8(np.stack([127 + 100 * wave for wave in waves], -1).round())


class TestMove:
    @pytest.fixture()
    def photos(self, tmp_path):
        for name in ('a.png', 'b.png', 'c.png'):
            Image.fromarray(smooth(64)).save(tmp_path / name)
        return tmp_path

    def test_all_images_move_by_one_motion(self, photos):
        move = GeometricTransform(shift=(0.25, 0), rotate=10)
        still, moving = (
            InversionImageFolder(photos, 32),
            InversionImageFolder(
                photos, 32, move=dict(type='GeometricTransform', shift=[0.25, 0], rotate=10)
            ),
        )
        expected = transform_image(still[1]['inputs'][None].double(), move)[0]
        item = moving[1]
        assert item['inputs'].dtype == torch.uint8 and item['inputs'].shape == (3, 32, 32)
        inside = validity_mask(GeometricTransform((0.25, 0), 10, 0.9), 32)[0, 0]
        assert (item['inputs'] - expected)[:, inside].abs().max() < 4  # of 255
        assert item['data_samples'].metainfo['move'] == 'rotate 10, shift 0.25 0'
        assert torch.equal(item['inputs'], moving[2]['inputs'])

    def test_detail_survives_that_the_size_alone_would_not_hold(self, tmp_path):
        """Enlarged twice, the picture is the file's own pixels: nothing was reduced before."""
        noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / 'noise.png')
        data = InversionImageFolder(tmp_path, 16, move=GeometricTransform(scale=2))
        middle = torch.from_numpy(noise[8:24, 8:24]).permute(2, 0, 1)
        difference = (data[0]['inputs'].int() - middle.int()).double().std()
        assert difference < 0.7 * middle.double().std()

    def test_random_motions_follow_from_seed_and_index(self, photos):
        move = dict(type='RandomTransform', shift=0.25, rotate=45, scale=(0.6, 1.6))
        data = InversionImageFolder(photos, 32, move=move)
        moves = [item['data_samples'].metainfo['move'] for item in data]
        assert len(set(moves)) == 3
        again = InversionImageFolder(photos, 32, move=move)
        assert torch.equal(again[2]['inputs'], data[2]['inputs'])
        assert torch.equal(data[-1]['inputs'], data[2]['inputs'])
        other = InversionImageFolder(photos, 32, move=move, seed=1)
        assert other[0]['data_samples'].metainfo['move'] not in moves

    def test_what_is_no_motion_is_refused(self, photos):
        with pytest.raises(TypeError, match='move must be a motion, but got PixelMSELoss'):
            InversionImageFolder(photos, 32, move=dict(type='PixelMSELoss'))
