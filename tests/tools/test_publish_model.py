# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.

import torch
from safetensors.torch import load_file

from tests.fixtures.forked import run_forked


def _run(*args):
    return run_forked('publish-model', *args)


def test_the_averaged_generator_is_written_in_half_precision(tmp_path):
    weights = {
        'generator.a.weight': torch.zeros(2, 2),
        'generator_ema.steps': torch.tensor(7),
        'generator_ema.module.a.weight': torch.tensor([[0.1, 1.0], [2.0, 3.0]]),
        'generator_ema.module.a.bias': torch.tensor([1e-7]),
        'discriminator.weight': torch.zeros(3, 3),
    }
    torch.save({'state_dict': weights, 'meta': {}}, tmp_path / 'iter_1.pth')
    done = _run(
        tmp_path / 'iter_1.pth', tmp_path / 'g.safetensors', '--part', 'generator', '--half'
    )
    assert done.returncode == 0, done.stderr
    written = load_file(tmp_path / 'g.safetensors')
    assert set(written) == {'a.weight', 'a.bias'}
    assert written['a.weight'].dtype == torch.float16
    assert torch.equal(written['a.weight'], weights['generator_ema.module.a.weight'].half())
    assert torch.equal(written['a.bias'], torch.tensor([1e-7]))  # float16 would make it 1.2e-7


def test_a_checkpoint_without_the_part_is_refused_in_one_sentence(tmp_path):
    torch.save({'state_dict': {'backbone.weight': torch.zeros(1)}}, tmp_path / 'x.pth')
    done = _run(tmp_path / 'x.pth', tmp_path / 'e.safetensors', '--part', 'encoder')
    assert done.returncode != 0
    assert 'holds no encoder' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'e.safetensors').exists()


def test_weights_that_half_precision_cannot_hold_are_refused(run_in_process, tmp_path):
    tensors = {'encoder.small': torch.ones(2, 2), 'encoder.large': torch.full((2, 2), 1e6)}
    torch.save(tensors, tmp_path / 'x.pth')
    words = (tmp_path / 'x.pth', tmp_path / 'out.safetensors', '--part', 'encoder')
    run = run_in_process('publish_model')
    code, out, err = run(*words, '--half')
    assert (code, out) == (
        2,
        '',
    ) and 'large holds values that are not finite: leave --half out' in err
    assert not (tmp_path / 'out.safetensors').exists()
    assert run(*words)[0] == 0
