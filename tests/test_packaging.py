# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What travels in the wheel, what it requires, and that the requirement files agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / 'setup.py').exists():
    pytest.skip('needs the source tree', allow_module_level=True)

# Dot names are environments, caches and links; the others are products of builds and runs.
NOT_SOURCE = shutil.ignore_patterns(
    '.*', '__pycache__', '*.egg-info', 'build', 'dist', '_build', 'data', 'work_dirs'
)
PACKED = {'.py', '.safetensors', '.json', '.png', '.html', '.css', '.js', '.webp'}
SDIST = 'from setuptools import build_meta; print(build_meta.build_sdist({!r}))'


def run(*command: str, cwd: Path) -> str:
    """Run a command offline; its output is the message where it fails."""
    env = dict(os.environ, PIP_NO_INDEX='1', PIP_DISABLE_PIP_VERSION_CHECK='1')
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_under(folder: Path) -> set[str]:
    """List the source files under a folder, relative, build products left out."""
    tops = ('build', 'mmgen_bdinvert.egg-info')
    paths = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file())
    return {path.as_posix() for path in paths if path.parts[0] not in tops}


def read_requirements(name: str) -> list[Requirement]:
    """Parse `requirements/<name>.txt`."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith('#')]


@pytest.fixture(scope='module')
def source(tmp_path_factory) -> Path:
    """Unpack the sdist of a copy of this tree, plus what an earlier build may have left there."""
    tmp = tmp_path_factory.mktemp('packaging')
    shutil.copytree(ROOT, tmp / 'tree', ignore=NOT_SOURCE)
    code = SDIST.format(str(tmp))
    sdist = run(sys.executable, '-c', code, cwd=tmp / 'tree').split()[-1]
    with tarfile.open(tmp / sdist) as archive:
        archive.extractall(tmp)
    return tmp / sdist[: -len('.tar.gz')]


@pytest.fixture(scope='module')
def wheel(source) -> zipfile.ZipFile:
    """Build the wheel from the sdist, as an installer without a wheel does."""
    stale = source / 'build' / 'lib' / 'mmgen_bdinvert' / 'stale.py'
    stale.parent.mkdir(parents=True)
    stale.write_text('')
    before = files_under(source)
    pip = (sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation')
    run(*pip, '-w', str(source.parent), '.', cwd=source)
    assert files_under(source) == before, 'the build changed the source tree'
    (path,) = source.parent.glob('*.whl')
    return zipfile.ZipFile(path)


@pytest.fixture(scope='module')
def metadata(wheel) -> Message:
    """Read the wheel's METADATA."""
    (name,) = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    return message_from_string(wheel.read(name).decode())


@pytest.mark.parametrize('folder', ['configs', 'tools', 'demo'])
def test_configs_tools_and_demo_travel_under_mim(wheel, folder):
    ours = {path for path in files_under(ROOT / folder) if '__pycache__' not in path}
    prefix = f'mmgen_bdinvert/.mim/{folder}/'
    packed = {name[len(prefix) :] for name in wheel.namelist() if name.startswith(prefix)}
    assert packed == ours
    for name in ours:
        assert wheel.read(prefix + name) == (ROOT / folder / name).read_bytes()


def test_package_is_whole_and_nothing_else_travels(wheel):
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in ('mmgen_bdinvert', 'bdinvert_cli')
        for path in (ROOT / package).rglob('*')
        if path.suffix in PACKED or path.name == 'py.typed'
    }
    names = {name for name in wheel.namelist() if '/.mim/' not in name}
    assert {name for name in names if '.dist-info/' not in name} == ours
    assert 'mmgen_bdinvert/py.typed' in ours
    info = {name.rpartition('/')[2] for name in names if '.dist-info/' in name}
    assert {'LICENSE', 'NOTICE'} <= info


def test_assets_have_an_end_that_travels():
    assets = (path for path in (ROOT / 'mmgen_bdinvert/assets').rglob('*') if path.is_file())
    left_behind = {path.name for path in assets if path.suffix not in PACKED | {'.pyc'}}
    assert not left_behind, 'add their ending to package_data in setup.py and to MANIFEST.in'


def test_version_is_the_same_everywhere(metadata):
    text = (ROOT / 'mmgen_bdinvert/version.py').read_text()
    version = re.search(r"__version__ = '(.+)'", text).group(1)
    assert metadata['Version'] == version
    assert f'\nversion: {version}\n' in (ROOT / 'CITATION.cff').read_text()


def test_mmcv_is_required_by_the_extra_lite_alone(metadata):
    requirements = [Requirement(line) for line in metadata.get_all('Requires-Dist')]
    mmcv = [line for line in requirements if canonicalize_name(line.name).startswith('mmcv')]
    assert [str(line.marker) for line in mmcv] == ['extra == "lite"']


def test_the_command_is_installed(wheel):
    (points,) = (name for name in wheel.namelist() if name.endswith('/entry_points.txt'))
    assert wheel.read(points).decode().split('\n')[:2] == [
        '[console_scripts]',
        'bdinvert = bdinvert_cli:main',
    ]


def test_the_model_index_travels_under_mim(wheel):
    assert 'mmgen_bdinvert/.mim/model-index.yml' in wheel.namelist()


def test_metadata_names_the_extras_and_the_python(metadata):
    extras = ['all', 'directions', 'docs', 'faces', 'heif', 'lite', 'stlpips', 'studio']
    extras += ['studio-tests', 'tests', 'toon', 'video']
    assert sorted(metadata.get_all('Provides-Extra')) == extras
    assert metadata['Requires-Python'] == '>=3.9'


def test_every_range_holds_its_tested_pin(metadata):
    pins = {}
    for line in read_requirements('tested'):
        (pin,) = line.specifier
        assert pin.operator == '==', f'{line} is not an exact version'
        pins[canonicalize_name(line.name)] = pin.version
    requirements = [Requirement(line) for line in metadata.get_all('Requires-Dist')]
    assert len(requirements) > len(read_requirements('runtime'))
    for line in requirements:
        pin = pins.get(canonicalize_name(line.name))
        assert pin is not None, f'{line} has no pin in requirements/tested.txt'
        assert line.specifier.contains(pin, prereleases=True), f'{line} does not admit {pin}'


def test_make_names_no_package_index():
    text = (ROOT / 'Makefile').read_text() + (ROOT / '.ci/run').read_text()
    assert not re.search(r'--(extra-)?index-url|--find-links|https?://', text)


def test_make_refuses_a_python_that_is_not_there(tmp_path):
    done = subprocess.run(
        ['make', '-f', str(ROOT / 'Makefile'), 'PYTHON=no-such-python', 'new-venv'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "but 'no-such-python' is not there; name another one" in done.stderr
    assert not (tmp_path / '.venv').exists()
