# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What must hold whatever the input: geometry, codes, names, lists and readers of files."""

import io
import json
import math
import os
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.geometry import GeometricTransform, compose, inverse, transform_image
from mmgen_bdinvert.io import (
    ImageReadError,
    TarMember,
    find_sources,
    output_names,
    read_image,
)
from mmgen_bdinvert.io.sources import source_from_json, source_to_json
from mmgen_bdinvert.jobs import Manifest, read_outcomes
from mmgen_bdinvert.structures import LatentCode

quick = settings(max_examples=40, deadline=None, derandomize=True)
shifts = st.floats(-0.5, 0.5)
motions = st.builds(
    GeometricTransform,
    rotate=st.floats(-180, 180),
    scale=st.floats(0.5, 2),
    shift=st.tuples(shifts, shifts),
)
names = st.text(st.characters(exclude_characters='/\0', exclude_categories=('Cs',)), min_size=1)
file_names = names.filter(lambda name: name not in ('.', '..') and len(os.fsencode(name)) < 200)


class TestGeometry:
    @quick
    @given(motions)
    def test_a_motion_and_its_inverse_are_none(self, motion):
        """A constant image stays, and there and back puts the middle where it was."""
        image = torch.full((1, 3, 16, 16), 0.25)
        both = compose(motion, inverse(motion))
        moved = transform_image(image, both, padding_mode='border')
        torch.testing.assert_close(moved, image, atol=1e-5, rtol=0)
        ramp = torch.linspace(-1, 1, 16).expand(1, 3, 16, 16)
        back = transform_image(ramp, both, padding_mode='border', mode='bilinear')
        torch.testing.assert_close(back[..., 6:10, 6:10], ramp[..., 6:10, 6:10], atol=1e-3, rtol=0)

    @quick
    @given(motions)
    def test_the_image_stays_in_its_range(self, motion):
        image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for padding in ('border', 'zeros', 'reflection'):
            moved = transform_image(image, motion, padding_mode=padding, mode='bilinear')
            assert torch.isfinite(moved).all()
            assert float(moved.abs().max()) <= float(image.abs().max()) + 1e-5


class TestCodes:
    @quick
    @given(
        count=st.integers(1, 3),
        size=st.sampled_from([1, 2, 8]),
        layers=st.integers(1, 5),
        order=st.sampled_from(['rgb', 'bgr']),
        seed=st.integers(0, 2**31),
        fingerprint=st.text('0123456789abcdef', max_size=64),
    )
    def test_a_code_comes_back_as_it_was(self, count, size, layers, order, seed, fingerprint):
        rng = torch.Generator().manual_seed(seed)
        code = LatentCode(
            torch.randn(count, 3, size, size, generator=rng),
            torch.randn(count, layers, 4, generator=rng),
            fingerprint,
            order,
        )
        with tempfile.TemporaryDirectory() as folder:
            code.save(Path(folder, 'c.safetensors'))
            read = LatentCode.load(Path(folder, 'c.safetensors'))
        assert torch.equal(read.base, code.base) and torch.equal(read.detail, code.detail)
        assert (read.fingerprint, read.channel_order) == (fingerprint, order)


class TestLists:
    @quick
    @given(st.lists(st.tuples(names, names), min_size=1, max_size=8))
    def test_names_of_results_are_unique_plain_and_stable(self, parts):
        paths = [f'/d/{folder}/{name}.png' for folder, name in parts]
        paths = list(dict.fromkeys(map(os.path.abspath, paths)))
        found = output_names(paths)
        assert len({name.casefold() for name in found}) == len(paths)
        for name in found:
            assert name and name[0] not in '.-' and len(os.fsencode(name)) < 150
            assert not set(name) & set('/\\:*?"<>|\0\n')
        assert dict(zip(paths[::-1], output_names(paths[::-1]))) == dict(zip(paths, found))

    @quick
    @given(st.lists(file_names.filter(lambda n: n == n.strip('\r\n')), min_size=1, max_size=5))
    def test_a_jsonl_list_names_any_file(self, listed):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'list.jsonl')
            path.write_text(''.join(json.dumps({'path': name}) + '\n' for name in listed))
            found = [os.path.basename(source) for source in find_sources(path)]
        assert found == list(dict.fromkeys(listed))

    @quick
    @given(
        st.one_of(
            st.builds(Path, names),
            st.builds(TarMember, names, names, st.integers(0, 2**62), st.integers(0, 2**62)),
        )
    )
    def test_a_source_passes_through_the_queue(self, source):
        assert source_from_json(json.loads(json.dumps(source_to_json(source)))) == source

    @quick
    @given(st.binary(max_size=300), st.integers(0, 400))
    def test_a_damaged_manifest_keeps_its_other_lines(self, junk, cut):
        with tempfile.TemporaryDirectory() as folder:
            record = dict(name='a', source='/a.png', status='done', reason='', metrics={})
            with Manifest(folder) as manifest:
                manifest.add('image', **record)
                path = manifest.path
            with open(path, 'ab') as file:
                file.write(junk[:cut])
            with Manifest(folder) as manifest:
                manifest.add('image', **{**record, 'name': 'b'})
            assert {'a', 'b'} <= set(read_outcomes(folder))


def seeds():
    """Small files of each kind that is read."""
    image = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    contents = {}
    for kind, suffix in dict(
        PNG='png', JPEG='jpg', GIF='gif', BMP='bmp', TIFF='tif', WEBP='webp', PPM='ppm'
    ).items():
        buffer = io.BytesIO()
        image.save(buffer, kind)
        contents[f'x.{suffix}'] = buffer.getvalue()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        info = tarfile.TarInfo('a.png')
        info.size = len(contents['x.png'])
        archive.addfile(info, io.BytesIO(contents['x.png']))
    contents['x.tar'] = buffer.getvalue()
    contents['x.csv'] = b'path,label\na.png,1\n"b.png",2\n'
    contents['x.jsonl'] = b'{"path": "a.png"}\n{"path": "b.png", "x": [1]}\n'
    buffer = io.BytesIO()
    np.save(buffer, np.ones((1, 16), np.float32))
    contents['x.npy'] = buffer.getvalue()
    buffer = io.BytesIO()
    torch.save(torch.ones(1, 16), buffer)
    contents['x.pt'] = buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'c.safetensors')
        LatentCode(torch.ones(1, 2, 2, 2), torch.ones(1, 2, 4)).save(path)
        contents['x.safetensors'] = path.read_bytes()
    return contents


SEEDS = seeds()
EXAMPLES = int(os.environ.get('FUZZ_EXAMPLES', '400'))  # a long run takes 50,000


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.booleans()), max_size=4),
    st.floats(0, 1),
)
def test_damaged_files_are_read_or_refused_in_one_sentence(name, changes, keep):
    """A short fuzz: bytes are replaced, put in and cut off."""
    data = bytearray(SEEDS[name])
    for place, content, put_in in changes:
        at = int(place * len(data))
        data[at : at if put_in else at + len(content)] = content
    data = data[: math.ceil(len(data) * min(1.0, 2 * keep))]  # half of the files stay whole
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        try:
            if path.suffix in ('.npy', '.pt'):
                assert all(t.isfinite().all() for t in load_direction(path).tensors.values())
            elif path.suffix == '.safetensors':
                code = LatentCode.load(path)
                assert torch.isfinite(code.base).all()
            elif path.suffix in ('.tar', '.csv', '.jsonl'):
                for source in find_sources(path):
                    try:
                        read_image(source, 8)
                    except ImageReadError as error:
                        assert len(str(error).splitlines()) == 1
            else:
                assert read_image(path, 8).shape == (8, 8, 3)
        except ValueError as error:
            assert len(str(error).splitlines()) == 1
