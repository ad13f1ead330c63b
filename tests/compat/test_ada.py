# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import sys

import pytest
import torch
from mmgen.registry import MODULES

from mmgen_bdinvert.compat import ada


def shim():
    import mmgen.models.architectures.stylegan.ada.augment as augment

    if augment.AugmentPipe is not ada.AugmentPipe:
        pytest.skip('this mmgen has its own ada modules')
    return augment


def test_the_modules_that_mmgen_imports_are_there():
    from mmgen.models.architectures.stylegan import generator_discriminator_v2 as host

    assert host.AugmentPipe is shim().AugmentPipe
    assert torch.equal(host.constant(0, device='cpu'), torch.tensor(0.0))
    assert torch.equal(host.constant([1, 2], shape=(3, 2)), torch.tensor([[1.0, 2.0]] * 3))


def test_augmentation_says_what_to_do():
    shim()
    config = dict(type='ADAAug', aug_pipeline=dict(xflip=1))
    with pytest.raises(NotImplementedError, match='not in the published mmgen wheel: use'):
        MODULES.build(config)


def test_install_twice_changes_nothing():
    names = [name for name in sys.modules if name.startswith(ada._PACKAGE)]
    before = {name: sys.modules[name] for name in names}
    assert len(before) >= 3
    ada.install()
    assert {name: sys.modules[name] for name in names} == before
