# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os
import pickle
from collections import OrderedDict
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader
from packaging.version import Version

from mmgen_bdinvert.compat import safe_load
from mmgen_bdinvert.models.checkpoint import read_state_dict

pytestmark = pytest.mark.skipif(
    Version(torch.__version__).release < (2, 6), reason='torch < 2.6 loads unsafely by itself'
)


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def read_as_runner(path):
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')


def test_a_checkpoint_with_code_is_refused_everywhere(tmp_path):
    path, trace = tmp_path / 'evil.pth', tmp_path / 'executed'
    torch.save({'state_dict': {'a': torch.zeros(1)}, 'meta': Attack(trace)}, path)
    with pytest.raises(pickle.UnpicklingError):
        read_as_runner(path)
    with pytest.raises(ValueError, match=r'evil.pth is refused: it holds \S*mkdir.* run code'):
        read_state_dict(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the attack is a real one
    assert trace.exists()


def test_only_what_mmengine_writes_is_allowed(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'a': torch.zeros(1)}, 'meta': Fraction(1, 2)}, path)
    with pytest.raises(pickle.UnpicklingError):
        read_as_runner(path)


class AskFor:
    """Pickles as a call of ``getattr``, which a HistoryBuffer needs for its own methods."""

    def __init__(self, owner, name):
        self.arguments = owner, name

    def __reduce__(self):
        return getattr, self.arguments


def test_getattr_gives_the_methods_of_a_history_and_nothing_else(tmp_path):
    path = tmp_path / 'x.pth'
    torch.save({'a': torch.zeros(1), 'b': AskFor(HistoryBuffer, 'mean')}, path)
    assert read_as_runner(path)['b'] is HistoryBuffer.mean
    for owner, name in (
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__subclasses__'),
        (np.ndarray, 'tofile'),
        (torch.zeros(1), '__class__'),
    ):
        torch.save({'a': torch.zeros(1), 'b': AskFor(owner, name)}, path)
        with pytest.raises((pickle.UnpicklingError, ValueError)):
            read_as_runner(path)
        with pytest.raises(ValueError, match='x.pth is '):
            read_state_dict(path)


def test_what_mmengine_writes_loads(tmp_path):
    path = tmp_path / 'iter_1.pth'
    buffer = HistoryBuffer([0.5, np.float32(2.0), 3.0], [1, 1, 2])
    content = {
        'state_dict': OrderedDict(a=torch.arange(3.0)),
        'message_hub': {
            'log_scalars': {'train/loss': buffer},
            'runtime_info': {
                'scalar': np.float64(0.1),
                'counts': [np.int64(3), np.int32(2), np.uint8(1), np.bool_(True)],
                'array': np.arange(4, dtype=np.int64),
            },
        },
    }
    torch.save(content, path)
    safe_load.install()  # once more
    loaded = read_as_runner(path)
    hub = loaded['message_hub']
    restored = hub['log_scalars']['train/loss']
    assert isinstance(restored, HistoryBuffer) and restored.mean() == buffer.mean()
    for ours, theirs in zip(restored.data, buffer.data):
        np.testing.assert_array_equal(ours, theirs)
    assert hub['runtime_info']['scalar'] == 0.1
    assert hub['runtime_info']['counts'] == [3, 2, 1, True]
    np.testing.assert_array_equal(hub['runtime_info']['array'], np.arange(4))
    assert torch.equal(read_state_dict(path)['a'], torch.arange(3.0))
