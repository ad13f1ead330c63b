# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch

from benchmarks.quality.faces import DrawnFaces
from benchmarks.quality.measures import Measures, edit_region
from benchmarks.quality.plan import build_method
from benchmarks.quality.runner import Benchmark
from mmgen_bdinvert.apis import align
from mmgen_bdinvert.editing import load_direction
from projects.toon_faces import draw_face, random_move

KIND = 'shifted'


@pytest.fixture(scope='module')
def measured(make_plan, tmp_path_factory):
    """Return a plan, faces, their inversion into W+, and the rows of it."""
    plan = make_plan()
    faces = DrawnFaces(3, 32)
    benchmark = Benchmark(plan, faces, [KIND], tmp_path_factory.mktemp('out'), device='cpu')
    targets = [faces.face(KIND, i) for i in range(3)]
    inverter = build_method(plan, 'w_plus', 'cpu')
    images = torch.stack([face.image for face in targets])
    variables = dict(inverter.invert(images.flip(1)).variables)  # BGR
    measures = Measures(plan, torch.device('cpu'))
    truths = [benchmark.truths(KIND, i) for i in range(3)]
    return targets, truths, inverter, variables, measures


def test_the_region_is_where_the_drawing_changes():
    before = torch.zeros(2, 3, 4, 4)
    after = before.clone()
    after[0, 1, 2, 3] = 0.1
    after[1, 0, 0, 0] = 0.02  # not visible
    region = edit_region(before, after)
    assert region.shape == (2, 1, 4, 4)
    assert region.nonzero().tolist() == [[0, 0, 2, 3]]


def test_reconstruction_is_measured_in_rgb(measured):
    targets, truths, inverter, variables, measures = measured
    rows = measures.rows(targets, truths, inverter, variables)
    with torch.no_grad():
        images = inverter.render(variables).flip(1).clamp(-1, 1)
        v = inverter.statistics.whiten(variables['styles'])
    for i, row in enumerate(rows):
        mse = (images[i] - targets[i].image).square().mean().item()
        assert row['mse'] == pytest.approx(mse, rel=1e-5)
        assert row['psnr'] == pytest.approx(10 * np.log10(4 / mse), rel=1e-5)
        assert row['judge'] == pytest.approx(mse, rel=1e-5)  # unweighted
        assert row['mean v²'] == pytest.approx(v[i].square().mean().item(), rel=1e-4)
        assert 0 <= row['attributes'] <= 1 and -1 <= row['ssim'] <= 1


@torch.no_grad()
def test_a_moved_face_is_straightened_by_its_base_code(make_plan):
    plan, faces = make_plan(read=('skinColor',)), DrawnFaces(2, 32)
    targets = [faces.face(KIND, i) for i in range(2)] + [faces.face('aligned', 0)]
    inverter = build_method(plan, 'encoder_only', 'cpu')
    images = torch.stack([face.image for face in targets])
    result = inverter.invert(images.flip(1))
    rows = Measures(plan, torch.device('cpu')).rows(targets, [{}] * 3, inverter, result.variables)
    for i in range(2):
        code = align(inverter, result.code[i : i + 1], random_move(KIND, i))
        image = inverter.generator(code.base, code.detail).flip(1).clamp(-1, 1)[0]
        pixels, _ = draw_face(f'h{i}', 32)
        aligned = torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1
        mse = (image - aligned).square().mean().item()
        assert rows[i]['straightened'] == pytest.approx(10 * np.log10(4 / mse), rel=1e-4)
    assert 'straightened' not in rows[2]
    assert all(row['skinColor read'] == row['attributes'] for row in rows)


def test_edits_are_compared_with_the_drawn_truth(measured, pale):
    targets, truths, inverter, variables, measures = measured
    rows = measures.rows(targets, truths, inverter, variables)
    direction = load_direction(pale.direction)
    seen = 0
    for i, row in enumerate(rows):
        move = random_move(KIND, i)
        pixels, labels = draw_face(f'h{i}', 32, transform=move)
        if labels['skinColor'] == 'f1c3a5':
            assert row['edits'] == {}
            continue
        seen += 1
        truth, _ = draw_face(f'h{i}', 32, options=pale.options, transform=move)
        target, truth = (np.asarray(x, dtype=float) / 127.5 - 1 for x in (pixels, truth))
        region = (np.abs(target - truth) > 16 / 255).any(2)
        for strength in (0.5, 1.0):
            change = {k: v[i : i + 1] for k, v in variables.items()}
            with torch.no_grad():
                styles = change['styles'] + strength * direction.vector
                image = inverter.generator.synthesis(styles).flip(1).clamp(-1, 1)[0]
            image = image.permute(1, 2, 0).double().numpy()
            values = row['edits']['pale skin'][f'{strength:g}']
            inside = ((image - truth)[region] ** 2).mean() / ((target - truth)[region] ** 2).mean()
            outside = ((image - truth)[~region] ** 2).mean()
            assert values['gap'] == pytest.approx(inside**0.5, rel=1e-4)
            assert values['outside'] == pytest.approx(outside**0.5, rel=1e-4)
            assert values['done'] in (0.0, 1.0)
    assert seen


def test_the_drawing_itself_is_the_best_there_is(make_plan, tmp_path):
    # Rotated faces keep their eyes in the picture: the classifier finds every drawn skin colour.
    plan, faces = make_plan(), DrawnFaces(4, 48)
    benchmark = Benchmark(plan, faces, ['rotated'], tmp_path)
    targets = [faces.face('rotated', i) for i in range(4)]
    truths = [benchmark.truths('rotated', i) for i in range(4)]
    rows = Measures(plan, torch.device('cpu')).rows(targets, truths, None, None)
    assert [row['attributes'] for row in rows] == [1.0] * 4
    assert sum(bool(row['edits']) for row in rows) == sum(map(bool, truths)) > 0
    for row in rows:
        for values in row['edits'].get('pale skin', {}).values():
            assert (values['gap'], values['outside'], values['done']) == (0, 0, 1)
            assert np.isnan(values['kept'])  # this classifier knows nothing else
    assert 'psnr' not in rows[0]


def test_nothing_is_kept_by_chance(measured, make_plan):
    # Attributes that the edit itself changes do not count as kept.
    targets, truths, inverter, variables, measures = measured
    row = next(r for r in measures.rows(targets, truths, inverter, variables) if r['edits'])
    assert np.isnan(row['edits']['pale skin']['1']['kept'])


def test_the_digest_is_that_of_judges_classifier_and_edits(make_plan, pale):
    def digest(**settings):
        return Measures(make_plan(**settings), torch.device('cpu')).digest

    other = {
        digest(judges={'judge': dict(type='PixelMSELoss')}),
        digest(edits=()),
        digest(classifier=None, edits=()),
        digest(edits=(pale, pale)),
    }
    assert digest() == digest() and len(other) == 4 and digest() not in other
    assert digest() == digest(num_steps=7, methods={'w': 'W'}, reference='w')
