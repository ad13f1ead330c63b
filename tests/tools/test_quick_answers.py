# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Help, wrong commands and missing files are answered before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from bdinvert_cli import find_tools, options
from bdinvert_cli.configs import find_config
from mmgen_bdinvert import apis
from mmgen_bdinvert.converters import FORMATS
from mmgen_bdinvert.editing import parse_directions
from mmgen_bdinvert.geometry.warping import PADDING_MODES, SAMPLING_MODES
from mmgen_bdinvert.io import FIT_MODES, find_sources
from mmgen_bdinvert.models.checkpoint import read_checkpoint
from mmgen_bdinvert.photos import FINDS, NO_FACE
from mmgen_bdinvert.report import write_page

ROOT = Path(__file__).parents[2]
TOY = 'bdinvert_inv_toon64'
OUT = ['--out-dir', 'out']
# Words that name one file that is not there, and of what the answer speaks.
MISSING = {
    'convert': [(['none.pth', 'o.safetensors', '--from', 'mmgen'], 'none.pth')],
    'demo': [
        (['none.py'], 'none.py'),
        (['--checkpoint', 'none.pth'], 'none.pth'),
        (['--direction', 'none.npy'], 'none.npy'),
        (['--examples', 'none'], 'none'),
    ],
    'demo-toon': [(['--config', 'none.py'], 'none.py'), (['--images', 'none'], 'none')],
    'edit': [
        (['none.safetensors', *OUT], 'none.safetensors'),
        (['.', '--direction', 'none.npy@4-7', '2', *OUT], 'none.npy'),
        (['.', '--config', 'none.py', *OUT], 'none.py'),
    ],
    'fetch': [(['none'], 'none')],
    'find-directions': [(['none.py', *OUT], 'none.py')],
    'invert': [
        (['none.py', '.', *OUT], 'none.py'),
        ([TOY, 'none.png', *OUT], 'none.png'),
        ([TOY, '.', '--checkpoint', 'none.pth', *OUT], 'none.pth'),
    ],
    'latent-stats': [
        (['none.py', 'o.safetensors'], 'none.py'),
        ([TOY, 'o.safetensors', '--checkpoint', 'none.pth'], 'none.pth'),
    ],
    'make-video': [
        (['none', '--out-file', 'o.gif'], 'none'),
        (['.', '--direction', 'none.npy', '--out-file', 'o.gif'], 'none.npy'),
    ],
    'publish-model': [(['none.pth', 'o.safetensors', '--part', 'encoder'], 'none.pth')],
    'report': [(['none'], 'none')],
    'test': [
        (['none.py'], 'none.py'),
        ([TOY, 'none.pth'], 'none.pth'),
        ([TOY, '--data-root', 'none'], 'none'),
    ],
    'train': [(['none.py'], 'none.py'), ([TOY, '--resume', 'none.pth'], 'none.pth')],
}
SPY = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    heavy = {'torch', 'numpy', 'mmengine', 'mmgen', 'mmgen_bdinvert', 'PIL', 'rich', 'tqdm'}
    print('imported:', *sorted(heavy & set(sys.modules)))
"""


def answer(name, words, folder):
    """Run a tool; return its exit code, what it prints, and its line on stderr."""
    command = [sys.executable, '-c', SPY, find_tools()[name], *words]
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_all_tools_are_tried():
    assert sorted(MISSING) == sorted(find_tools())


@pytest.mark.parametrize('name', MISSING)
def test_help(name, tmp_path):
    code, out, err = answer(name, ['--help'], tmp_path)
    assert (code, err) == (0, '')
    assert out.startswith('usage: ') and out.endswith('imported:\n')


@pytest.mark.parametrize('name', MISSING)
def test_a_wrong_option(name, tmp_path):
    words = [*MISSING[name][0][0], '--no-such-option']
    code, out, err = answer(name, words, tmp_path)
    assert (code, out) == (2, 'imported:\n')
    assert err.startswith('error: ') and '--no-such-option' in err and err.count('\n') == 1


@pytest.mark.parametrize(
    ('name', 'words', 'file'),
    [(name, *case) for name, cases in MISSING.items() for case in cases],
)
def test_a_missing_file(name, words, file, tmp_path):
    code, out, err = answer(name, words, tmp_path)
    assert (code, out) == (2, 'imported:\n'), err
    assert err.startswith('error: ') and file in err and err.count('\n') == 1


def test_choices_are_those_of_the_package():
    assert options.FIT_MODES == FIT_MODES
    assert (options.FINDS, options.NO_FACE) == (FINDS, NO_FACE)
    assert options.PADDING_MODES == PADDING_MODES
    assert options.SAMPLING_MODES == SAMPLING_MODES
    assert options.PRESETS == tuple(apis.PRESETS)
    assert options.FORMATS == {name: format.title for name, format in FORMATS.items()}


@pytest.mark.parametrize(
    ('name', 'words', 'call'),
    [
        ('invert', [TOY, 'none.png', *OUT], lambda: find_sources(['none.png'])),
        ('edit', ['none', *OUT], lambda: apis.find_codes(['none'])),
        ('edit', ['.', '--direction', 'x.pt', *OUT], lambda: parse_directions(['x.pt'])),
        ('report', ['none'], lambda: write_page('none')),
        (
            'invert',
            [TOY, '.', '--checkpoint', 'x.pth', *OUT],
            lambda: read_checkpoint('x.pth', what='encoder'),
        ),
    ],
)
def test_the_package_says_the_same(name, words, call, tmp_path):
    with pytest.raises(FileNotFoundError) as info:
        call()
    assert answer(name, words, tmp_path)[2] == f'error: {info.value}\n'


def test_configs_are_found_by_name():
    assert apis.find_config is find_config
    assert find_config(TOY).is_file()
