# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""From the authors' four kinds of files to an edited photo, all converted, with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config

from mmgen_bdinvert.apis import edit, init_inverter, invert, render
from mmgen_bdinvert.converters import convert_file

CONFIGS = Path(__file__).parents[2] / 'configs'
CONFIG = """
model = dict(
    type='RegularizedInverter',
    {lines},
    losses=dict(
        pixel=dict(type='PixelMSELoss'),
        perceptual=None,
        base=dict(type='BaseCodeDistance', loss_weight=10.0),
        detail=dict(type='PNormLoss', loss_weight=0.01),
    ),
    optimizer=dict(type='Adam', lr=0.05),
    num_steps=25,
)
"""


def write_statistics(folder, mapping, dim):
    """Write P-norm+ statistics as the authors measure them."""
    z = torch.randn(5000, dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        x = F.leaky_relu(mapping(z), 5.0).numpy()
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eig(np.cov((x - mean).T))
    folder.mkdir()
    np.save(folder / 'mean_latent.npy', mean)
    np.save(folder / 'eigen_values.npy', values.astype(np.float32))
    np.save(folder / 'eigen_vectors.npy', vectors.astype(np.float32))


@pytest.fixture()
def authors(tmp_path, write_source, load_converted, write_encoder):
    """Return a config made of nothing but the lines that the conversions print."""
    generator, done = load_converted(write_source('genforce'), 'genforce')
    write_encoder(tmp_path / 'encoder_final.pth', channels=6)
    write_statistics(tmp_path / 'pnorm', generator.mapping, 16)
    lines = [done.config_line(tmp_path / 'converted_genforce.safetensors')]
    for source, name in (('encoder_final.pth', 'encoder'), ('pnorm', 'pnorm')):
        out = tmp_path / f'{name}.safetensors'
        done = convert_file(tmp_path / source, out, f'bdinvert-{name}')
        lines.append(done.config_line(out))
    (tmp_path / 'authors.py').write_text(CONFIG.format(lines=',\n    '.join(lines)))
    return tmp_path / 'authors.py'


def test_a_photo_is_inverted_and_edited_with_nothing_but_the_authors_files(authors, tmp_path):
    inverter = init_inverter(authors, device='cpu')
    generator = inverter.generator
    assert (generator.base_size, generator.resolution) == (16, 32)  # 16 unless said otherwise
    z = torch.randn(4096, 16, generator=torch.Generator().manual_seed(1))
    white = inverter.statistics.whiten(generator.mapping(z))
    assert white.square().mean() == pytest.approx(1.0, abs=0.1)

    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    result = invert(inverter, photo)
    pixel = result.history['pixel'][:, 0]
    assert pixel[-1] < 0.8 * pixel[0]

    # Their directions: one vector for all layers, or one for each, with a batch dimension.
    for shape in ((1, 16), (1, 8, 16)):
        torch.save(torch.ones(shape), tmp_path / 'smile.pt')
        edited = edit(inverter, result.code, tmp_path / 'smile.pt', strength=0.5)
        assert torch.equal(edited.base, result.code.base)
        torch.testing.assert_close(edited.detail, result.code.detail + 0.5)
        assert (render(inverter, edited)[0] != render(inverter, result.code)[0]).any()


def test_the_config_has_the_settings_of_the_paper():
    cfg = Config.fromfile(CONFIGS / 'bdinvert_inv_ffhq_authors.py')
    plain = Config.fromfile(CONFIGS / 'bdinvert_inv_ffhq.py')
    assert cfg.model.encoder.checkpoint == 'fetched://ffhq-authors/encoder'
    assert cfg.model.statistics.path == 'fetched://ffhq-authors/statistics'
    cfg.model.encoder.checkpoint = plain.model.encoder.checkpoint
    cfg.model.statistics.path = plain.model.statistics.path
    assert cfg.model == plain.model and cfg.model.generator.base_size == 16
