# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import builtins
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from mmgen_bdinvert.geometry import GeometricTransform, transform_image
from projects.toon_faces import MOVES, draw_face, draw_set, random_move, small_move
from projects.toon_faces import drawing as toon_faces


@pytest.fixture(autouse=True)
def extra():
    pytest.importorskip('dicebear', reason='the extra toon is not installed')


def error(one, two):
    return np.abs(one.astype(float) - two.astype(float)).mean()


def test_a_seed_is_always_the_same_face():
    face, labels = draw_face('a')
    assert face.shape == (64, 64, 3) and face.dtype == np.uint8
    again, same = draw_face('a')
    assert np.array_equal(face, again) and labels == same
    assert error(draw_face('b')[0], face) > 5
    large, same = draw_face('a', 128)
    reduced = np.array(Image.fromarray(large).resize((64, 64), Image.Resampling.LANCZOS))
    assert labels == same and error(reduced, face) < 2


def test_labels_say_what_is_drawn():
    face, labels = draw_face('a')
    assert set(labels) == {
        *('hair', 'rearHair', 'beard', 'mouth', 'eyes', 'eyebrows', 'clothes'),
        *('skinColor', 'hairColor', 'clothesColor', 'backgroundColor'),
    }
    background = ImageColor.getrgb('#' + labels['backgroundColor'])
    assert tuple(face[2, 2]) == background and labels['backgroundColor'] in toon_faces.BACKGROUNDS
    clothes = ImageColor.getrgb('#' + labels['clothesColor'])
    assert (face[-6:] == clothes).all(-1).any()


def test_an_option_changes_that_feature_alone():
    face, labels = draw_face('a')
    other, changed = draw_face('a', options=dict(mouthVariant='smile'))
    assert labels['mouth'] != 'smile' and changed == {**labels, 'mouth': 'smile'}
    rows, columns = np.nonzero((face != other).any(-1))
    assert len(rows) and rows.min() > 28 and rows.max() < 52  # the mouth, and nothing else
    assert columns.min() > 16 and columns.max() < 48


def test_a_moved_face_is_the_face_moved():
    face, labels = draw_face('a')
    moved, same = draw_face('a', transform=GeometricTransform(shift=(0.25, 0.125)))
    assert labels == same
    assert error(moved[12:, 20:], face[4:-8, 4:-16]) < 2  # 16 pixels right, 8 down
    flipped, _ = draw_face('a', transform=GeometricTransform(flip=True))
    assert error(flipped[2:], face[2:, ::-1]) < 2
    turned, _ = draw_face('a', transform=GeometricTransform(rotate=90))
    assert error(turned[3:-3, 3:-3], np.rot90(face)[3:-3, 3:-3]) < 2


def test_the_background_goes_on_above_and_the_body_below():
    options = dict(hairVariant='bun')  # it touches the upper edge
    face, labels = draw_face('a', options=options)
    background = ImageColor.getrgb('#' + labels['backgroundColor'])
    assert (face[0] != background).any()
    lowered, _ = draw_face('a', options=options, transform=GeometricTransform(shift=(0, 0.25)))
    assert (lowered[:14] == background).all()
    lifted, _ = draw_face('a', options=options, transform=GeometricTransform(shift=(0, -0.25)))
    assert error(lifted[-14:], np.repeat(lifted[-15:-14], 14, 0)) < 2
    assert (lifted[-1, 32] != background).any()


def check_move(kind, move):
    shifted, rotated, scaled = (kind in (name, 'combined') for name in MOVES[1:4])
    dx, dy = (abs(d) for d in move.shift)
    assert (0.10 <= max(dx, dy) <= 0.25) if shifted else dx == dy == 0
    assert (10 <= abs(move.rotate) <= 45) if rotated else move.rotate == 0
    scale = move.scale
    assert (0.6 <= scale <= 0.87 or 1.15 <= scale <= 1.6) if scaled else scale == 1
    assert not move.flip


@pytest.mark.parametrize('kind', MOVES[1:])
def test_moves_leave_the_range_and_stay_in_their_bounds(kind):
    moves = [random_move(kind, i) for i in range(200)]
    for move in moves:
        check_move(kind, move)
    assert len(set(moves)) == 200 and moves[7] == random_move(kind, 7)
    assert random_move(kind, 7, seed=1) != moves[7]
    if kind == 'combined':
        signs = {(m.shift[0] > 0, m.shift[1] > 0, m.rotate > 0, m.scale > 1) for m in moves}
        assert len(signs) == 16


def test_aligned_is_no_move_and_others_are_refused():
    assert random_move('aligned', 3) is None
    with pytest.raises(ValueError, match=r"kind must be one of .*'combined'\), but got 'sheared'"):
        random_move('sheared', 0)


def rows_of(folder):
    return [json.loads(line) for line in (folder / 'labels.jsonl').read_text().splitlines()]


def test_a_set_holds_what_draw_face_draws(tmp_path):
    seen = []

    def progress(rows, total):
        seen.append(total)
        return rows

    folder = draw_set(tmp_path / 'set', ['a', 'b'], size=32, move='rotated', progress=progress)
    assert folder == tmp_path / 'set' and seen == [2]
    assert sorted(p.name for p in folder.glob('[!.]*')) == ['a.png', 'b.png', 'labels.jsonl']
    for index, row in enumerate(rows_of(folder)):
        move = random_move('rotated', index)
        face, labels = draw_face(row['seed'], 32, transform=move)
        assert np.array_equal(np.array(Image.open(folder / row['file'])), face)
        assert row == {
            'file': f'{"ab"[index]}.png',
            'seed': 'ab'[index],
            'move': move.to_dict(),
            **labels,
        }


def test_only_the_same_set_is_kept(tmp_path):
    settings = dict(size=16, workers=1)
    draw_set(tmp_path, 'ab', **settings)
    (tmp_path / 'b.png').unlink()  # drawing again would bring it back
    draw_set(tmp_path, 'ab', **settings)
    assert not (tmp_path / 'b.png').exists()
    draw_set(tmp_path, 'ac', **settings)  # as many faces, but others
    assert (tmp_path / 'c.png').is_file() and [r['seed'] for r in rows_of(tmp_path)] == ['a', 'c']
    draw_set(tmp_path, 'ac', **settings, move='scaled')
    assert rows_of(tmp_path)[1]['move'] == random_move('scaled', 1).to_dict()
    draw_set(tmp_path, 'ac', size=24, workers=1, move='scaled')
    assert Image.open(tmp_path / 'c.png').size == (24, 24)


def test_missing_packages_are_named(monkeypatch):
    def refuse(name, *args, load=builtins.__import__, **kwargs):
        if name.startswith('resvg_py'):
            raise ModuleNotFoundError(f'No module named {name!r}')
        return load(name, *args, **kwargs)

    toon_faces._drawing.cache_clear()
    monkeypatch.delitem(sys.modules, 'resvg_py', raising=False)
    monkeypatch.setattr(builtins, '__import__', refuse)
    with pytest.raises(ImportError, match=r"resvg-py: pip install 'mmgen_bdinvert\[toon\]'"):
        draw_face('a')


def test_processes_draw_after_torch_has_used_its_threads(tmp_path, monkeypatch):
    """Forked workers once waited forever for the threads of the parent's torch."""
    torch.rand(256, 256) @ torch.rand(256, 256)
    transform_image(torch.rand(1, 3, 256, 256), GeometricTransform(rotate=20))
    monkeypatch.setattr(toon_faces, '_SERIAL', 4)
    seeds = [f'x{i}' for i in range(5)]
    folder = draw_set(tmp_path / 'moved', seeds, size=16, move='rotated', workers=2)
    last = seeds[-1]
    expected, _ = draw_face(last, 16, transform=random_move('rotated', len(seeds) - 1))
    np.testing.assert_array_equal(np.array(Image.open(folder / f'{last}.png')), expected)


def test_small_moves_are_normal_with_the_deviations_of_the_table():
    moves = [small_move(i) for i in range(2000)]
    assert len(set(moves)) == 2000 and moves[7] == small_move(7) != small_move(7, seed=1)
    numbers = np.array([(m.rotate, np.log(m.scale), *m.shift) for m in moves])
    deviations = np.array(list(toon_faces.SMALL_MOVES.values()))
    np.testing.assert_allclose(numbers.mean(0) / deviations, 0, atol=0.1)
    np.testing.assert_allclose(np.corrcoef(numbers.T), np.eye(4), atol=0.1)
    np.testing.assert_allclose(numbers.std(0) / deviations, 1, atol=0.1)


def test_a_set_with_small_moves_holds_the_faces_so_moved(tmp_path):
    draw_set(tmp_path, ['s0', 's1'], size=32, move='small', workers=1)
    row = rows_of(tmp_path)[1]
    assert row['move'] == small_move(1).to_dict()
    expected, labels = draw_face('s1', 32, transform=GeometricTransform.from_dict(row['move']))
    with Image.open(tmp_path / 's1.png') as image:
        assert np.array_equal(np.array(image), expected)
    assert labels.items() <= row.items()
    assert error(draw_face('s1', 32)[0], expected) > 2  # it is moved
