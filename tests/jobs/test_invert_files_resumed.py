# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Runs over image files that were interrupted, or met a full disk, and runs that go on."""

import csv
import json
import shutil
import subprocess

import pytest
from PIL import Image

from mmgen_bdinvert.apis import init_inverter, invert_files
from mmgen_bdinvert.io import StorageError, claim_folder, outputs
from mmgen_bdinvert.jobs import read_outcomes
from mmgen_bdinvert.jobs.results import RESULT_FILES
from mmgen_bdinvert.structures import LatentCode


def names(folder):
    """List the files of a result."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != '.')


def summary(folder):
    with open(folder / 'summary.csv', newline='') as file:
        return list(csv.DictReader(file))


def test_an_interruption_keeps_what_is_finished(inverter, photos, tmp_path):
    started, out = [], tmp_path / 'out'

    def interrupt(step, total, losses, images):
        started.append(step)
        if started.count(0) == 2 and step == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invert_files(inverter, photos, out, batch_size=1, on_step=interrupt)
    assert names(out / 'p0') == sorted(RESULT_FILES)
    assert not (out / 'p1' / 'metrics.json').exists()
    assert [row['name'] for row in summary(out)] == ['p0']
    assert (out / 'contact_sheet.png').is_file()


def test_metrics_never_lie_beside_files_of_another_run(inverter, photos, tmp_path):
    out = tmp_path / 'out'
    invert_files(inverter, photos / 'p0.png', out)
    (out / 'p0' / 'losses.png').unlink()
    (out / 'p0' / 'losses.png').mkdir()  # cannot be replaced by a file
    before = (out / 'p0' / 'metrics.json').read_text()
    outcomes = invert_files(inverter, photos / 'p0.png', out, restart=True)
    assert outcomes[0].status == 'failed' and 'losses.png' in outcomes[0].reason
    assert (out / 'p0' / 'metrics.json').read_text() == before  # as is everything beside it


def test_another_run_does_only_what_is_missing(inverter, photos, tmp_path, picture, steps):
    sizes, on_step = steps
    out = tmp_path / 'out'
    first = invert_files(inverter, photos, out, on_step=on_step)
    Image.fromarray(picture(7)).save(photos / 'p3.png')
    (out / 'p1' / 'metrics.json').unlink()  # the user took a result away
    second = invert_files(inverter, photos, out, on_step=on_step)
    assert sizes == [3, 2]
    assert [o.name for o in second] == ['p0', 'p1', 'p2', 'p3']
    assert second[0] == first[0] and second[2] == first[2]
    assert [row['name'] for row in summary(out)] == ['p0', 'p1', 'p2', 'p3']
    assert [o.status for o in invert_files(inverter, photos, out, on_step=on_step)] == 4 * ['done']
    assert sizes == [3, 2]


def test_an_image_of_another_folder_is_not_taken_for_one_that_is_done(
    inverter, photos, tmp_path, steps
):
    sizes, on_step = steps
    shutil.copytree(photos, tmp_path / 'more')
    for folder in (photos, tmp_path / 'more'):
        outcomes = invert_files(inverter, folder / 'p0.png', tmp_path / 'out', on_step=on_step)
        assert outcomes[0].source == folder / 'p0.png'
    assert sizes == [1, 1]


def test_failed_images_are_tried_again_when_asked_for(inverter, photos, tmp_path, steps):
    sizes, on_step = steps
    out, blocked = tmp_path / 'out', tmp_path / 'out' / 'p1'
    claim_folder(out, 'invert')
    blocked.touch()  # its results have no room
    invert_files(inverter, photos, out, on_step=on_step)
    blocked.unlink()
    again = invert_files(inverter, photos, out, on_step=on_step)
    assert [o.status for o in again] == ['done', 'failed', 'done'] and sizes == [2]
    again = invert_files(inverter, photos, out, on_step=on_step, retry_failed=True)
    assert [o.status for o in again] == ['done', 'done', 'done'] and sizes == [2, 1]


def test_other_settings_are_refused_unless_all_is_to_be_done_anew(
    tiny_config, inverter, photos, tmp_path, steps
):
    sizes, on_step = steps
    out = tmp_path / 'out'
    invert_files(inverter, photos, out)
    with pytest.raises(ValueError, match="fit was 'crop' and is 'pad'"):
        invert_files(inverter, photos, out, fit='pad')
    other = init_inverter(tiny_config, device='cpu', cfg_options={'model.num_steps': 2})
    with pytest.raises(ValueError, match='model.num_steps was 3 and is 2'):
        invert_files(other, photos, out)
    outcomes = invert_files(other, photos, out, restart=True, on_step=on_step)
    assert sizes == [3] and {o.metrics['steps'] for o in outcomes} == {2}


@pytest.mark.parametrize('packed', [False, True])
def test_a_full_disk_ends_the_run_and_loses_nothing(
    inverter, photos, tmp_path, monkeypatch, packed
):
    """From some byte on nothing can be written; with space again, the rest is done."""
    out = tmp_path / 'out'
    real, full = outputs.os.fsync, []

    def fsync(handle):
        full.append(handle)
        if len(full) > 15:
            raise OSError(28, 'No space left on device')
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr('mmgen_bdinvert.io.outputs.os.fsync', fsync)
        with pytest.raises(StorageError, match='No space left on device.*; check') as info:
            invert_files(inverter, photos, out, batch_size=1, packed=packed)
    assert '\n' not in str(info.value)
    outcomes = invert_files(inverter, photos, out, batch_size=1, packed=packed)
    assert [o.status for o in outcomes] == 3 * ['done']
    lines = (out / 'manifest' / '0.jsonl').read_text().splitlines()
    images = [r['name'] for r in map(json.loads, lines) if r['event'] == 'image']
    assert images == ['p0', 'p1', 'p2']  # each once


def test_the_progress_counts_what_was_left(inverter, photos, tmp_path):
    told = []
    invert_files(inverter, photos / 'p0.png', tmp_path / 'out')
    invert_files(inverter, photos, tmp_path / 'out', on_progress=lambda *n: told.append(n))
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.fixture()
def small_disk(tmp_path):
    """Return a file system of 300 KB, and what changes its options."""
    folder = tmp_path / 'disk'
    folder.mkdir()

    def mount(options):
        command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(folder)]
        return subprocess.run(command, capture_output=True).returncode

    if shutil.which('mount') is None or mount('size=300k'):
        pytest.skip('needs the right to mount')
    yield folder, mount
    subprocess.run(['umount', str(folder)], check=True)


def test_a_disk_that_is_full_and_one_that_is_read_only(inverter, photos, small_disk, picture):
    disk, mount = small_disk
    for i in range(3, 9):
        Image.fromarray(picture(i)).save(photos / f'p{i}.png')
    with pytest.raises(StorageError, match='No space left on device'):
        invert_files(inverter, photos, disk / 'out', batch_size=1)
    done = {name for name, o in read_outcomes(disk / 'out').items() if o.status == 'done'}
    assert len(done) < 9
    assert mount('remount,ro') == 0
    with pytest.raises(StorageError, match='Read-only file system.*; choose another folder'):
        invert_files(inverter, photos, disk / 'out', batch_size=1)
    assert mount('remount,rw,size=30m') == 0
    outcomes = invert_files(inverter, photos, disk / 'out', batch_size=1)
    assert [o.status for o in outcomes] == 9 * ['done']
    for name in done:  # what was done before the disk was full is as it was
        LatentCode.load(disk / 'out' / name / 'code.safetensors', inverter.generator)
    lines = (disk / 'out' / 'manifest' / '0.jsonl').read_text().splitlines()
    images = [r['name'] for r in map(json.loads, lines) if r['event'] == 'image']
    assert sorted(images) == sorted(o.name for o in outcomes)
