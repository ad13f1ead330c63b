# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Every input of ``tools/hostile_inputs.py`` has the outcome that it should have, and no other."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmgen_bdinvert.apis import init_generator, init_inverter
from mmgen_bdinvert.converters import convert_file
from mmgen_bdinvert.editing import load_direction
from mmgen_bdinvert.io import find_sources
from mmgen_bdinvert.structures import LatentCode

TOOLS = Path(__file__).parents[2] / 'tools'
SECONDS = 60  # for one input; the slowest takes a few
NOWHERE = 'nowhere/out.safetensors'  # a conversion that is not refused fails there
GIB = 2**20  # ru_maxrss is in KiB
# Runs a command as its only child, whose memory is thus told apart from that of other tests'.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], 'w') as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


def tool(name, *args, prefix=()):
    command = [*prefix, sys.executable, str(TOOLS / name), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    """Return the folder of the corpus and what is expected of its inputs."""
    folder = tmp_path_factory.mktemp('hostile') / 'corpus'
    done = tool('hostile_inputs.py', folder)
    assert done.returncode == 0, done.stderr
    expected = json.loads((folder / 'expected.json').read_text())
    yield folder, expected
    assert not (folder / 'canary').exists(), 'code in a file was run'


def test_the_corpus_is_large(corpus):
    assert sum(len(inputs) for inputs in corpus[1].values()) >= 200


@pytest.fixture(scope='module')
def inverted(corpus, tmp_path_factory):
    """Invert all images, lists and archives with the tool, as one job."""
    folder, expected = corpus
    parent = tmp_path_factory.mktemp('results')
    before = listing(folder)
    good = [name for name, outcome in expected['lists'].items() if outcome == 'accepted']
    inputs = [folder / 'images', *(folder / 'lists' / name for name in good)]
    options = ('--out-dir', parent / 'out', '--steps', 1)
    peak = tmp_path_factory.mktemp('memory') / 'peak'
    prefix = (sys.executable, '-c', MEASURED, str(peak))
    done = tool('invert.py', 'bdinvert_inv_toon64', *inputs, *options, prefix=prefix)
    with open(parent / 'out' / 'summary.csv', newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert listing(folder) == before, 'something was written beside the inputs'
    assert [path.name for path in parent.iterdir()] == ['out']
    return done, rows, parent / 'out', int(peak.read_text())


def listing(folder):
    found = set()
    for root, folders, files in os.walk(folder):
        found |= {os.path.join(root, name) for name in (*folders, *files)}
    return found


def test_each_image_is_inverted_or_its_reason_is_one_sentence(corpus, inverted):
    folder, expected = corpus
    done, rows, out, _ = inverted
    assert done.returncode == 1 and 'Traceback' not in done.stderr, done.stderr[-2000:]
    wanted = {}
    for kind, inputs in expected.items():
        if kind.startswith('images'):
            wanted.update({os.path.join(folder, kind, name): o for name, o in inputs.items()})
        elif kind.startswith('in '):
            place = folder / kind[3:]
            base = place if place.suffix == '.tar' else place.parent
            join = '{}/{}'.format if place.suffix == '.tar' else os.path.join
            wanted.update({os.path.abspath(join(base, name)): o for name, o in inputs.items()})
    wanted = {k.encode('utf-8', 'backslashreplace').decode(): v for k, v in wanted.items()}
    found = {row['source']: row['status'] for row in rows}
    wrong = {k: (v, found.get(k)) for k, v in wanted.items() if found.get(k) != v}
    assert not wrong
    assert set(found) <= set(wanted)
    for row in rows:
        assert (row['reason'] == '') == (row['status'] == 'done'), row
        assert '\n' not in row['reason'] and len(row['reason']) < 1000
    results = {path.name for path in out.iterdir() if path.is_dir() and path.name != 'manifest'}
    assert {row['name'] for row in rows if row['status'] == 'done'} <= results


def test_memory_stays_bounded(inverted):
    """Three decompression bombs of 10 GB, 30 GB and 200 MB are among the images."""
    assert inverted[-1] < 3 * GIB


def outcome_of(read, path, generator):
    """Return 'accepted' or 'refused', or what is wrong with how it was refused."""
    began = time.monotonic()
    try:
        read(path, generator)
        outcome = 'accepted'
    except (ValueError, FileNotFoundError) as error:
        lines = str(error).splitlines()
        outcome = 'refused' if len(lines) == 1 and lines[0] else f'refused in {lines}'
    except Exception as error:
        outcome = f'{type(error).__name__}: {error}'
    return outcome if time.monotonic() - began < SECONDS else f'{outcome}, too late'


@pytest.fixture(scope='module')
def generator():
    return init_generator('bdinvert_inv_toon64', 'cpu')


@pytest.mark.parametrize(
    ('kind', 'read'),
    [
        ('lists', lambda path, generator: find_sources(path)),
        ('configs', lambda path, generator: init_inverter(path, device='cpu')),
        ('codes', lambda path, generator: LatentCode.load(path, generator)),
        ('directions', lambda path, generator: load_direction(path)),
        ('foreign', lambda path, generator: convert_file(path, NOWHERE, 'bdinvert-encoder')),
    ],
)
def test_other_files_are_accepted_or_refused_in_one_sentence(corpus, generator, kind, read):
    folder, expected = corpus
    wanted = {k: 'accepted' if v == 'done' else v for k, v in expected[kind].items()}
    found = {name: outcome_of(read, folder / kind / name, generator) for name in wanted}
    assert found == wanted
