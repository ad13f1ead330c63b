# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from mmgen_bdinvert.compat import mmcv_ops
from mmgen_bdinvert.compat.mmcv_ops import FusedBiasLeakyReLU, fused_bias_leakyrelu, upfirdn2d

COMPILED = importlib.util.find_spec('mmcv._ext') is not None


def seeded(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def pixel_by_pixel(x, kernel, up, down, pads):
    """Define the operator: one output pixel after the other, no tensor operation."""
    (up_x, up_y), (down_x, down_y), (left, right, top, bottom) = up, down, pads
    n, c, h, w = x.shape
    kh, kw = kernel.shape
    height = (h * up_y + top + bottom - kh) // down_y + 1
    width = (w * up_x + left + right - kw) // down_x + 1
    out = np.zeros((n, c, height, width))
    for i in range(height):
        for j in range(width):
            for a in range(kh):
                for b in range(kw):
                    row, col = i * down_y + a - top, j * down_x + b - left
                    if row % up_y or col % up_x:
                        continue  # one of the inserted zeros
                    row, col = row // up_y, col // up_x
                    if 0 <= row < h and 0 <= col < w:
                        out[:, :, i, j] += x[:, :, row, col] * kernel[kh - 1 - a, kw - 1 - b]
    return out


@pytest.mark.parametrize('up', [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize('down', [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize('pads', [(0, 0, 0, 0), (2, 1, 2, 1), (3, 0, 1, 2), (-1, 2, 1, -2)])
def test_upfirdn2d_equals_its_definition(up, down, pads):
    x, kernel = seeded(2, 3, 5, 6), seeded(3, 4, seed=1)
    expected = pixel_by_pixel(x.numpy(), kernel.numpy(), up, down, pads)
    result = upfirdn2d(x, kernel, up=up, down=down, pad=pads)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ('short', 'full'),
    [
        (dict(pad=2), (2, 2, 2, 2)),
        (dict(pad=(2, 1)), (2, 1, 2, 1)),  # mmgen: before, after
        (dict(pad=[-1, 3]), (-1, 3, -1, 3)),
        (dict(padding=1), (1, 1, 1, 1)),
        (dict(padding=(2, 1)), (2, 2, 1, 1)),  # mmcv 2: x, y
        (dict(padding=[3, 1, 0, 2]), (3, 1, 0, 2)),
    ],
)
def test_short_forms_of_pads(short, full):
    x, kernel = seeded(1, 2, 6, 5), seeded(4, 4, seed=1)
    assert torch.equal(upfirdn2d(x, kernel, up=2, **short), upfirdn2d(x, kernel, up=2, pad=full))


def test_upfirdn2d_takes_one_number_for_both_axes():
    x, kernel = seeded(1, 1, 6, 7), seeded(2, 3, seed=1)
    expected = upfirdn2d(x, kernel, up=(2, 2), down=(3, 3), pad=1)
    assert torch.equal(upfirdn2d(x, kernel, up=2, down=3, pad=1), expected)


def test_upfirdn2d_refuses_three_pads():
    with pytest.raises(ValueError, match=r'one, two or four numbers, but got \[1, 2, 3\]'):
        upfirdn2d(seeded(1, 1, 4, 4), seeded(2, 2), pad=(1, 2, 3))


def test_upfirdn2d_follows_the_dtype_of_the_image():
    result = upfirdn2d(seeded(1, 1, 4, 4).half(), torch.ones(1, 1))
    assert result.dtype == torch.float16


@pytest.mark.parametrize('settings', [dict(up=2, pad=(2, 1)), dict(down=2, pad=(1, -1, 2, 0))])
def test_upfirdn2d_is_differentiable_twice(settings):
    x, kernel = seeded(2, 2, 4, 3).requires_grad_(), seeded(3, 2, seed=1).requires_grad_()

    def op(x, kernel):
        return upfirdn2d(x, kernel, **settings)

    assert gradcheck(op, (x, kernel))
    assert gradgradcheck(op, (x, kernel))


@pytest.mark.parametrize('shape', [(3, 4), (2, 4, 5), (2, 4, 3, 2)])
def test_fused_bias_leakyrelu_equals_its_formula(shape):
    x, bias = seeded(*shape), seeded(4, seed=1)
    total = x.numpy() + bias.numpy().reshape(1, 4, *[1] * (len(shape) - 2))
    expected = np.sqrt(2) * np.where(total > 0, total, 0.2 * total)
    np.testing.assert_allclose(fused_bias_leakyrelu(x, bias), expected, atol=1e-12)
    module = FusedBiasLeakyReLU(4).double()
    assert list(module.state_dict()) == ['bias'] and not module.bias.any()
    module.bias.data.copy_(bias)
    np.testing.assert_allclose(module(x).detach(), expected, atol=1e-12)
    result = fused_bias_leakyrelu(x, bias, negative_slope=0.5, scale=3.0)
    np.testing.assert_allclose(result, 3 * np.where(total > 0, total, 0.5 * total), atol=1e-12)


def test_fused_bias_leakyrelu_is_differentiable_twice():
    x, bias = seeded(2, 3, 2, 2).requires_grad_(), seeded(3, seed=1).requires_grad_()
    assert (x + bias.view(1, 3, 1, 1)).abs().min() > 1e-3  # away from the kink
    assert gradcheck(fused_bias_leakyrelu, (x, bias))
    # The gradient is constant between kinks: make the outer function curved.
    assert gradgradcheck(lambda x, bias: fused_bias_leakyrelu(x, bias).pow(3), (x, bias))


@pytest.mark.skipif(COMPILED, reason='mmcv has compiled ops')
def test_install_twice_changes_nothing():
    names = ('mmcv.ops', 'mmcv.ops.upfirdn2d', 'mmcv.ops.fused_bias_leakyrelu')
    before = [sys.modules[name] for name in names]
    mmcv_ops.install()
    assert all(sys.modules[name] is module for name, module in zip(names, before))
    assert before[1].upfirdn2d is upfirdn2d


@pytest.mark.skipif(COMPILED, reason='mmcv has compiled ops')
def test_mmengine_still_sees_that_mmcv_is_not_complete():
    model = revert_sync_batchnorm(nn.Sequential(nn.SyncBatchNorm(2)))
    assert not isinstance(model[0], nn.SyncBatchNorm)
    assert importlib.util.find_spec('mmcv._ext') is None


@pytest.mark.skipif(COMPILED, reason='mmcv has compiled ops')
def test_a_complete_mmcv_is_used_and_takes_pad(tmp_path):
    # mmcv 2's own operators, which compute in plain PyTorch on the CPU: all that mmcv-lite lacks
    # to be complete is the compiled module that they import.
    (tmp_path / '_ext.py').write_text(
        'def __getattr__(name):\n'
        "    if name.startswith('__'):\n"
        '        raise AttributeError(name)\n'
        '    return print\n'
    )
    code = f"""
import mmcv
mmcv.__path__.append({str(tmp_path)!r})
import torch
import mmgen_bdinvert
from mmcv.ops.upfirdn2d import upfirdn2d
from mmgen.models.architectures.stylegan.modules import styleganv2_modules as mmgen_modules
from mmgen_bdinvert.compat import mmcv_ops

assert mmcv.ops.__file__.endswith('mmcv/ops/__init__.py'), mmcv.ops
assert mmgen_modules.upfirdn2d is upfirdn2d
assert mmgen_modules.FusedBiasLeakyReLU is not mmcv_ops.FusedBiasLeakyReLU
mmcv_ops.install()
assert __import__('sys').modules['mmcv.ops.upfirdn2d'].upfirdn2d is upfirdn2d
x, kernel = torch.randn(2, 3, 5, 6), torch.randn(3, 4)
for settings in (
    dict(pad=(2, 1), up=2), dict(pad=(-1, 2)), dict(pad=3, down=2), dict(padding=(2, 1)),
    dict(padding=[3, 1, 2, 0], up=[1, 2], down=[2, 1]),
):
    torch.testing.assert_close(upfirdn2d(x, kernel, **settings),
                               mmcv_ops.upfirdn2d(x, kernel, **settings))
torch.testing.assert_close(upfirdn2d(x, kernel, 2, 1, [2, 1, 0, 3]),
                           mmcv_ops.upfirdn2d(x, kernel, up=2, padding=[2, 1, 0, 3]))
assert mmgen_modules.UpsampleUpFIRDn([1, 3, 3, 1])(x).shape == (2, 3, 10, 12)
print('all good')
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.endswith('all good\n'), done.stderr


def test_stand_ins_can_be_looked_up():
    for name in ('mmcv.ops', 'mmcv.ops.upfirdn2d', 'mmcv.ops.fused_bias_leakyrelu'):
        assert importlib.util.find_spec(name).name == name


@pytest.mark.skipif(COMPILED, reason='mmcv is compiled')
def test_an_operator_that_is_not_here_is_missing_as_without_the_stand_in():
    for text in ('from mmcv.ops import nms', 'import mmcv.ops.nms', 'import mmcv; mmcv.ops.nms'):
        with pytest.raises(ModuleNotFoundError, match=r'mmcv\.'):
            exec(text)
    assert not hasattr(sys.modules['mmcv.ops'], '__wrapped__')
