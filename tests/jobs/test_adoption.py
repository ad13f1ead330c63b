# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Results of version 0.1.0, which left no marks, are gone on with; other folders are not taken."""

import json

import pytest

from mmgen_bdinvert.io import (
    ForeignFileError,
    check_outputs,
    claim_folder,
    claim_outputs,
)
from mmgen_bdinvert.io.ownership import MARK
from mmgen_bdinvert.jobs import Manifest
from mmgen_bdinvert.jobs.adoption import adopt_results
from mmgen_bdinvert.jobs.results import RESULT_FILES

SETTINGS = {'fit': 'crop', 'packed': False, 'weights': 'ab', 'model': None}


@pytest.fixture()
def old(tmp_path):
    (tmp_path / 'settings.json').write_text(json.dumps(SETTINGS))
    with Manifest(tmp_path) as manifest:
        manifest.add('start', rank=0)
        manifest.add(
            'image', name='p', source='/p.png', status='done', reason='', metrics={'psnr': 1.0}
        )
    for name in ('p', 'half_written', 'mine'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'code.safetensors').touch()
    (tmp_path / 'mine' / 'notes.txt').touch()
    (tmp_path / 'summary.csv').touch()
    return tmp_path


def test_old_results_are_marked_and_no_other_files(old):
    claim_outputs([old / 'turn.mp4'], 'make-video')  # its mark is not that of an inversion
    adopt_results(old)
    claim_folder(old, 'invert')
    check_outputs([old / 'summary.csv', old / 'settings.json'], 'invert')
    for name in ('p', 'half_written'):
        check_outputs([old / name / file for file in RESULT_FILES], 'invert')
    with pytest.raises(ForeignFileError):
        check_outputs([old / 'mine' / 'code.safetensors'], 'invert')


@pytest.mark.parametrize('text', ['', '[]', '{"name": "my app"}', json.dumps({'model': {}})])
def test_settings_of_something_else_are_no_results(old, text):
    (old / 'settings.json').write_text(text)
    adopt_results(old)
    assert not list(old.rglob(MARK))
    with pytest.raises(ForeignFileError):
        claim_folder(old, 'invert')


def test_settings_without_a_manifest_are_no_results(old):
    (old / 'manifest' / '0.jsonl').write_text('{"event": "of another log"}\n')
    adopt_results(old)
    assert not list(old.rglob(MARK))
