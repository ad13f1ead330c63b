# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Build script: metadata, extras, and configs and tools under `.mim` as OpenMMLab packages do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGE = 'mmgen_bdinvert'
ROOT = Path(__file__).resolve().parent
README = ROOT / 'README.md'
ASSET_ENDS = ('safetensors', 'json', 'png', 'html', 'css', 'js')
MIM = ('configs', 'tools', 'demo', 'model-index.yml')  # what an OpenMMLab package carries in `.mim`


def read_version() -> str:
    """Read the version without importing the package, which would need torch."""
    text = (ROOT / PACKAGE / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'$", text, re.MULTILINE).group(1)


def read_requirements(name: str) -> list[str]:
    """Read the requirement lines of `requirements/<name>.txt`, comments left out."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in map(str.strip, lines) if line and not line.startswith('#')]


def read_extras() -> dict[str, list[str]]:
    """Collect the extras: those of `optional.txt`, `tests`, `docs`, and `all` of them but lite."""
    extras: dict[str, list[str]] = {}
    text = (ROOT / 'requirements' / 'optional.txt').read_text(encoding='utf-8')
    for line in map(str.strip, text.splitlines()):
        if line.startswith('# extra: '):
            current = extras.setdefault(line[len('# extra: ') :], [])
        elif line and not line.startswith('#'):
            current.append(line)
    extras.update(tests=read_requirements('tests'), docs=read_requirements('docs'))
    # `lite` stays out: it would overwrite a compiled mmcv (see requirements/runtime.txt).
    extras['all'] = [line for name, lines in extras.items() if name != 'lite' for line in lines]
    return extras


class BuildWithMim(build_py):
    """Build the package, then copy configs, tools and the model index under its `.mim`.

    The copies exist in the build folder only. An editable install gets none: there, configs and
    tools lie beside the package.
    """

    def run(self) -> None:
        """Build; files that an earlier build left must not travel, so start from nothing."""
        if self.editable_mode:
            super().run()
            return
        target = Path(self.build_lib) / PACKAGE
        shutil.rmtree(target, ignore_errors=True)
        super().run()
        mim = target / '.mim'
        mim.mkdir(parents=True)
        for source in filter(Path.exists, (ROOT / name for name in MIM)):
            if source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '.*')
                shutil.copytree(source, mim / source.name, ignore=ignore)
            else:
                shutil.copy2(source, mim / source.name)


setup(
    name=PACKAGE,
    version=read_version(),
    description='BDInvert for mmgen: GAN inversion of out-of-range images in base and detail codes',
    long_description=README.read_text(encoding='utf-8') if README.exists() else '',
    long_description_content_type='text/markdown',
    author='mmgen_bdinvert contributors',
    license='Apache-2.0',
    license_files=['LICENSE', 'NOTICE'],
    keywords='GAN inversion, StyleGAN, image editing, mmgen, OpenMMLab',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.11',  # what the tests were run on
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Processing',
        'Typing :: Typed',
    ],
    entry_points={'console_scripts': ['bdinvert = bdinvert_cli:main']},
    packages=find_packages(include=['bdinvert_cli', PACKAGE, f'{PACKAGE}.*']),
    package_data={
        PACKAGE: [
            'py.typed',
            *(f'assets/**/*.{end}' for end in ASSET_ENDS),
            *(f'studio/*.{end}' for end in ('css', 'js', 'webp')),
        ],
    },
    include_package_data=False,
    zip_safe=False,
    python_requires='>=3.9',
    install_requires=read_requirements('runtime'),
    extras_require=read_extras(),
    cmdclass={'build_py': BuildWithMim},
)
