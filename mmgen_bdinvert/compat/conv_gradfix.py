# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""mmgen's own convolutions for GPUs, switched off.

Cause: ``mmgen.ops.conv2d_gradfix`` uses ``torch._C._jit_get_operation``, which torch changed in
1.11; since then every gradient of a weight on a GPU ends in ``TypeError: 'tuple' object is not
callable``. torch's convolutions can be differentiated as often.
May be deleted: when mmgen's own work on the torch in use.
"""

from __future__ import annotations


def install() -> None:
    """Make mmgen's layers use torch's convolutions everywhere."""
    from mmgen.ops import conv2d_gradfix  # importable only once mmcv.ops is there

    conv2d_gradfix.enabled = False
