# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import pytest
from mmengine.config import Config

from mmgen_bdinvert.apis import load_config
from mmgen_bdinvert.engine import read_config
from mmgen_bdinvert.models.inverters.regularized import paper_losses

PAPER = paper_losses()
STLPIPS = dict(type='STLPIPSLoss', loss_weight=10.0)


@pytest.fixture()
def read(tmp_path):
    """Return a reader of configs, of which each is the base of the next."""

    def call(*texts, options=None):
        for i, text in enumerate(texts):
            base = f"_base_ = ['./c{i - 1}.py']\n" if i else ''
            (tmp_path / f'c{i}.py').write_text(base + text)
        return read_config(tmp_path / f'c{len(texts) - 1}.py', options)

    return call


def test_no_delete_is_left_wherever_the_base_lacks_the_key(read):
    parts = 'dict(_delete_=True, a=dict(_delete_=True, b=[dict(_delete_=True, c=1)]))'
    for base in ("model = dict(type='A')", f"model = dict(type='A')\nrandomness = {parts}"):
        cfg = read(base, f'randomness = {parts}', options={'env_cfg': {'_delete_': True, 'd': 2}})
        assert cfg.randomness == dict(a=dict(b=[dict(c=1)])) and cfg.env_cfg == dict(d=2)
    assert '_delete_' not in cfg.pretty_text
    with_it = Config(dict(model=dict(type='A', part=dict(_delete_=True, x=1))))
    assert load_config(with_it).model.part == dict(x=1)
    assert '_delete_' in with_it.model.part  # the user's own object


@pytest.mark.parametrize(
    ('kind', 'names', 'steps', 'rate'),
    [
        ('RegularizedInverter', list(PAPER), 1200, 0.01),
        ('WPlusInverter', ['pixel', 'perceptual'], 1200, 0.01),
        ('NoiseProjector', ['pixel', 'perceptual'], 1000, 0.1),
        ('PivotalTuningInverter', None, 350, 3e-4),
    ],
)
def test_absent_settings_are_those_of_the_class(read, kind, names, steps, rate):
    model = read(f"model = dict(type='{kind}')").model
    assert (model.num_steps, model.optimizer) == (steps, dict(type='Adam', lr=rate))
    assert model.losses == (names and {name: PAPER[name] for name in names})
    quick = read(f"model = dict(type='{kind}')", options={'model.optimizer.lr': 0.5}).model
    assert quick.optimizer == dict(type='Adam', lr=0.5)


@pytest.mark.parametrize(
    ('losses', 'expected'),
    [
        (f'dict(perceptual={STLPIPS})', dict(PAPER, perceptual=STLPIPS)),
        (
            'dict(pixel=dict(loss_weight=2.0))',
            dict(PAPER, pixel=dict(PAPER['pixel'], loss_weight=2.0)),
        ),
        ('dict(base=None, detail=None)', dict(PAPER, base=None, detail=None)),
        (f'dict(own={STLPIPS})', dict(PAPER, own=STLPIPS)),
        ('dict()', PAPER),
        ('None', PAPER),
        (f'dict(_delete_=True, own={STLPIPS})', dict(dict.fromkeys(PAPER), own=STLPIPS)),
    ],
)
@pytest.mark.parametrize('base', ['', f', losses={PAPER}', ', losses=dict()'])
def test_losses_are_merged_by_name(read, losses, expected, base):
    base = f"model = dict(type='RegularizedInverter'{base})"
    model = read(base, f'model = dict(losses={losses})').model
    assert model.losses == expected
    again = load_config(load_config(Config(dict(model=model))))
    assert again.model.losses == expected


def test_options_reach_into_losses_that_the_config_leaves_out(read):
    options = {'model.losses.perceptual.backbone': 'vgg.pth', 'model.losses.detail': None}
    losses = read("model = dict(type='RegularizedInverter')", options=options).model.losses
    assert losses == dict(
        PAPER, perceptual=dict(PAPER['perceptual'], backbone='vgg.pth'), detail=None
    )
    losses = read("model = dict(type='BaseCodeEncoderTrainer')", options=options).model.losses
    assert losses == dict(
        pixel=dict(type='PixelMSELoss'),
        perceptual=dict(type='LPIPSLoss', backbone='vgg.pth'),
        detail=None,
    )


def test_losses_of_pivotal_tuning_are_merged_with_the_image_losses_of_its_pivot(read):
    pivot = f"dict(type='RegularizedInverter', losses=dict(perceptual={STLPIPS}))"
    losses = 'dict(pixel=dict(loss_weight=3.0))'
    model = read(
        f"model = dict(type='PivotalTuningInverter', pivot={pivot}, losses={losses})"
    ).model
    assert model.pivot.losses == dict(PAPER, perceptual=STLPIPS)
    assert model.losses == dict(
        pixel=dict(type='PixelMSELoss', loss_weight=3.0), perceptual=STLPIPS
    )


def test_a_model_of_another_package_is_left_alone(read):
    text = "model = dict(type='StyleGAN2', losses=dict(x=1))"
    assert read(text).model == dict(type='StyleGAN2', losses=dict(x=1))
