# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What the published mmgen 1.0.0rc0 needs to run today.

Every shim lives in this folder, states its cause and when it may be deleted. :func:`apply` is
called by ``import mmgen_bdinvert`` before anything of ``mmgen.models`` is imported; it is
idempotent and does nothing where a complete mmcv and mmgen are installed.
"""

from . import ada, mmcv_ops, safe_load, versions

__all__ = ['apply']


def apply() -> None:
    """Make mmgen importable and its checkpoints loadable.

    Raises:
        ImportError: If mmgen, mmcv or mmengine is missing or of a version that cannot work.
    """
    versions.check()
    mmcv_ops.install()
    ada.install()
    safe_load.install()
