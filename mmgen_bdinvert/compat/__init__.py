# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the published mmgen 1.0.0rc0 needs to run today.

Every workaround is in this folder, with its cause and when it may be deleted. :func:`apply` is
called by ``import mmgen_bdinvert`` before anything of ``mmgen.models`` is imported. It may be
called again, and does nothing where a complete mmcv and mmgen are installed.
"""

import logging

from . import (
    ada,
    compiler,
    conv_gradfix,
    mmcv_ops,
    optimizers,
    registries,
    safe_load,
    schedules,
    sharding,
    versions,
)

__all__ = ['apply']


def apply() -> None:
    """Make mmgen importable, its checkpoints loadable and its configs trainable.

    Raises:
        ImportError: If mmgen, mmcv or mmengine is missing or of a version that cannot work.
    """
    # Importing mmgen's StyleGAN3 operators warns on every machine without CUDA.
    logging.getLogger('torch.utils.cpp_extension').setLevel(logging.ERROR)
    versions.check()
    # The last three import mmgen, which needs the others.
    early = (mmcv_ops, ada, safe_load, compiler, sharding, schedules)
    for workaround in (*early, optimizers, registries, conv_gradfix):
        workaround.install()
