# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
from importlib.metadata import PackageNotFoundError

import pytest

from mmgen_bdinvert.compat import versions

GOOD = {'mmgen': '1.0.0rc0', 'mmcv-lite': '2.0.0', 'mmengine': '0.10.7'}


@pytest.fixture()
def installed(monkeypatch):
    """Pretend that exactly these packages are installed."""

    def pretend(packages):
        def version(name):
            if name not in packages:
                raise PackageNotFoundError(name)
            return packages[name]

        monkeypatch.setattr(versions, 'version', version)

    return pretend


def without(name, **others):
    return {**{k: v for k, v in GOOD.items() if k != name}, **others}


@pytest.mark.parametrize(
    'packages',
    [
        GOOD,
        without('mmcv-lite', mmcv='2.0.0'),
        without('mmcv-lite', mmcv='2.0.0rc4'),
        without('mmcv-lite', mmcv='2.0.0+cu121'),
        {**GOOD, 'mmgen': '1.0.0', 'mmengine': '0.11.0'},
    ],
)
def test_versions_that_work_pass(installed, packages):
    installed(packages)
    versions.check()


def test_opencv_without_its_libraries_is_a_sentence_with_the_remedy(installed, monkeypatch):
    def missing(name):
        raise ImportError('libGL.so.1: cannot open shared object file')

    installed(GOOD)
    monkeypatch.setattr(versions, 'import_module', missing)
    with pytest.raises(ImportError, match=r'OpenCV .*\(libGL.so.1: .*opencv-python-headless\.$'):
        versions.check()


@pytest.mark.parametrize(
    ('packages', 'message'),
    [
        (without('mmgen'), 'mmgen 1.0.0rc0 is required but mmgen is not installed'),
        ({**GOOD, 'mmgen': '0.7.3'}, r'mmgen >= 1.0.0rc0 .* but mmgen 0.7.3 is installed'),
        (without('mmcv-lite'), 'needs mmcv or mmcv-lite 2.0.0 but neither is installed'),
        (without('mmcv-lite', mmcv='1.7.0'), 'accepts mmcv 2.0.0rc1 to 2.0.0 but mmcv 1.7.0 is'),
        (without('mmcv-lite', mmcv='2.1.0'), 'accepts mmcv 2.0.0rc1 to 2.0.0 but mmcv 2.1.0 is'),
        ({**GOOD, 'mmcv-lite': '2.1.0rc0'}, 'but mmcv 2.1.0rc0 is installed'),
        (without('mmengine'), 'mmengine >= 0.10 is required but it is not installed'),
        ({**GOOD, 'mmengine': '0.8.5'}, 'mmengine >= 0.10 is required but mmengine 0.8.5 is'),
    ],
)
def test_versions_that_do_not_work_are_named_in_one_sentence(installed, packages, message):
    installed(packages)
    with pytest.raises(ImportError, match=message) as caught:
        versions.check()
    text = str(caught.value)
    assert text.endswith("; install the tested set with: pip install 'mmgen_bdinvert[lite]'.")
    assert '\n' not in text


def test_settings_of_matplotlib_that_cannot_be_read_are_a_sentence(monkeypatch):
    def fail(name):
        if name == 'matplotlib':  # as it does while it is imported
            raise ValueError("Key backend: 'nonsense' is not a valid value\nfor backend")

    monkeypatch.setattr(versions, 'import_module', fail)
    with pytest.raises(
        ImportError, match=r"matplotlib cannot .*'nonsense' .* value for .*MPLBACKEND"
    ):
        versions.check()
