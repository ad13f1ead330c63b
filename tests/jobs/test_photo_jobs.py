# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Photos in a job: every window of them is an image with results of its own."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mmgen_bdinvert.apis import invert_files
from mmgen_bdinvert.io import ImageReadError, read_image
from mmgen_bdinvert.io.decoding import decode
from mmgen_bdinvert.jobs.packed import read_packed
from mmgen_bdinvert.photos import Face, FaceFinder, Look, Window, cut
from mmgen_bdinvert.photos.recent import RecentPhotos


class Bright(FaceFinder):
    """Finds the squares of 40 pixels whose middle is white in a photo of 200x100."""

    def __init__(self):
        self.looks = 0

    def find(self, photo):
        self.looks += 1
        grid = np.asarray(photo)[20::40, 20::40].min(2) == 255
        return [Face(Window(40 * x, 40 * y, 40, 5), 0.9) for y, x in np.argwhere(grid)]


def draw(path, *cells):
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 99, (100, 200, 3), np.uint8))
    for x, y in cells:
        picture.paste((255, 255, 255), (40 * x + 10, 40 * y + 10, 40 * x + 30, 40 * y + 30))
    picture.save(path)
    return path


@pytest.fixture()
def group(tmp_path):
    return draw(tmp_path / 'group.png', (0, 0), (2, 0), (4, 1))


def statuses(outcomes):
    return [(outcome.name, outcome.status) for outcome in outcomes]


def test_every_face_has_results(inverter, group, tmp_path):
    one, none = draw(tmp_path / 'one.png', (1, 1)), draw(tmp_path / 'none.png')
    (tmp_path / 'broken.png').write_bytes(b'no image')
    notes = []
    look = Look(finder=Bright(), find='faces')
    sources = [group, one, none, tmp_path / 'broken.png']
    outcomes = invert_files(inverter, sources, tmp_path / 'out', look=look, on_note=notes.append)
    done = [(name, 'done') for name in ('group_1', 'group_2', 'group_3', 'one')]
    assert statuses(outcomes) == [*done, ('none', 'failed'), ('broken', 'failed')]
    assert 'no face is found in' in outcomes[4].reason and '--no-face centre' in outcomes[4].reason
    assert 'not an image in a known format' in outcomes[5].reason
    assert notes == ['photos looked at: 4; faces found: 4; photos without one: 2']

    metrics = json.loads((tmp_path / 'out/group_2/metrics.json').read_text())
    window = (80 - 4, 0 - 4, 48, 0)
    assert tuple(metrics[f'window_{k}'] for k in ('x', 'y', 'size', 'angle')) == window
    assert tuple(metrics[f'face_{k}'] for k in ('x', 'y', 'size', 'angle')) == (80, 0, 40, 5)
    assert metrics['windows'] == 3
    columns = (tmp_path / 'out/summary.csv').read_text().splitlines()[0]
    assert '"window_x","window_y","window_size","window_angle"' in columns


def test_the_largest_alone_and_the_centre_if_asked_for(inverter, group, tmp_path):
    none = draw(tmp_path / 'none.png')
    look = Look(finder=Bright(), no_face='centre', margin=0)
    outcomes = invert_files(inverter, [group, none], tmp_path / 'out', look=look)
    assert statuses(outcomes) == [('group', 'done'), ('none', 'done')]
    assert [o.metrics['window_size'] for o in outcomes] == [40, 100]
    assert 'face_x' not in outcomes[1].metrics


def test_what_is_known_is_not_looked_for_again(inverter, group, tmp_path):
    out, look = tmp_path / 'out', Look(finder=Bright(), find='faces')
    first = invert_files(inverter, group, out, look=look)
    assert statuses(invert_files(inverter, group, out, look=look)) == statuses(first)
    assert look.finder.looks == 1

    shutil.rmtree(out / 'group_2')  # its record stays, so that the others are not done again
    stamps = [(out / f'group_{i}/metrics.json').stat().st_mtime_ns for i in (1, 3)]
    invert_files(inverter, group, out, look=look)
    assert look.finder.looks == 1 and (out / 'group_2/metrics.json').exists()
    assert stamps == [(out / f'group_{i}/metrics.json').stat().st_mtime_ns for i in (1, 3)]

    draw(group, (3, 1))  # another photo of that name
    outcomes = invert_files(inverter, group, out, look=look)
    assert look.finder.looks == 2 and statuses(outcomes) == [('group', 'done')]
    with pytest.raises(ValueError, match='made with other settings'):
        invert_files(inverter, group, out, look=Look(Window(0, 0, 30)))


def test_an_interrupted_photo_goes_on(inverter, group, tmp_path):
    out, look = tmp_path / 'out', Look(finder=Bright(), find='faces')
    done = []

    def check():
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invert_files(
            inverter, group, out, look=look, batch_size=1, on_image=done.append, check=check
        )
    outcomes = invert_files(inverter, group, out, look=look)
    assert statuses(outcomes) == [(f'group_{i}', 'done') for i in (1, 2, 3)]


def test_a_given_window_and_one_outside(inverter, group, tmp_path):
    small = tmp_path / 'small.png'
    Image.new('RGB', (50, 50)).save(small)
    look = Look(Window(100, 40, 60, 10))
    outcomes = invert_files(inverter, [group, small], tmp_path / 'out', look=look, packed=True)
    assert statuses(outcomes) == [('group', 'done'), ('small', 'failed')]
    assert 'a window lies in its photo of 50x50, but got 100 40 60 10' in outcomes[1].reason
    assert json.loads(read_packed(tmp_path / 'out', 'group')['metrics.json'])['window_angle'] == 10


def test_names_do_not_clash(inverter, group, tmp_path):
    other = draw(tmp_path / 'group_1.png', (1, 0))
    look = Look(finder=Bright(), find='faces')
    outcomes = invert_files(inverter, [group, other], tmp_path / 'out', look=look)
    assert [o.name for o in outcomes] == ['group_2', 'group_3', 'group_4', 'group_1']


def test_what_is_inverted_is_what_the_window_shows(inverter, group, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        type(inverter), 'invert', lambda self, images, *args: shown.append(images) or 1 / 0
    )
    window = Window(76, -4, 48, 15)
    with pytest.raises(ZeroDivisionError):
        invert_files(inverter, group, tmp_path / 'out', look=Look(window))
    rgb = inverter.generator.to_rgb(shown[0])[0].permute(1, 2, 0).add(1).mul(127.5).round()
    expected = cut(Image.fromarray(read_image(group)), window, inverter.generator.resolution)
    assert np.array_equal(rgb.numpy(), expected)


@pytest.fixture()
def decodings(monkeypatch):
    """The files that are decoded, in order."""
    read = []

    def counted(path, *args):
        read.append(path.name)
        return decode(path, *args)

    monkeypatch.setattr('mmgen_bdinvert.photos.recent.decode', counted)
    return read


def test_a_photo_with_several_faces_is_decoded_once(inverter, group, tmp_path, decodings):
    mask = tmp_path / 'mask.png'
    Image.new('L', (200, 100), 'white').save(mask)
    look = Look(finder=Bright(), find='faces', mask=str(mask))
    outcomes = invert_files(inverter, group, tmp_path / 'out', look=look, batch_size=2)
    assert [o.status for o in outcomes] == ['done'] * 3
    assert decodings == ['group.png', 'mask.png']


def test_of_many_photos_two_are_kept_and_a_new_one_is_seen(tmp_path, decodings):
    recent, paths = RecentPhotos(), [tmp_path / f'{i}.png' for i in range(3)]
    for path in paths:
        draw(path)
    for i in (0, 1, 0, 2, 0, 1):
        recent(paths[i])
    assert decodings == ['0.png', '1.png', '2.png', '1.png']
    draw(paths[1], (1, 1))
    assert np.array_equal(np.asarray(recent(paths[1])), read_image(paths[1]))
    paths[1].unlink()
    with pytest.raises(ImageReadError, match='does not exist'):
        recent(paths[1])


def test_verdicts_know_where_faces_are(inverter, group, tmp_path, monkeypatch):
    given = []

    def judged(inverter, images, output, code, faces):
        given.append(faces)
        return ['fits'] * len(images)

    monkeypatch.setattr('mmgen_bdinvert.jobs.batch_inversion.verdicts_of', judged)
    none = draw(tmp_path / 'none.png')
    look = Look(finder=Bright(), no_face='centre')
    invert_files(inverter, [group, none], tmp_path / 'out', look=look)
    invert_files(inverter, group, tmp_path / 'all')
    face, nowhere = given[0][:, 0]
    middle = face.shape[-1] // 2
    assert face[middle, middle] == 1 and face[0, 0] == 0 and 0.2 < face.mean() < 0.5
    assert not nowhere.any() and given[1] is None
