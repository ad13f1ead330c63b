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
    with pytest.raises(ValueError, match='size must be a positive whole number .* but got 0'):
        InversionImageFolder(folder, 0)
    with pytest.raises(FileNotFoundError, match='nowhere.* does not exist; check the path'):
        InversionImageFolder(tmp_path / 'nowhere', 8)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty.* holds no image file'):
        InversionImageFolder(tmp_path / 'empty', 8)
