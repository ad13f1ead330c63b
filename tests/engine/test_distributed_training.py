# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Encoder training on two gloo processes against one, as far as it can be equal on a CPU.

Gradients are averaged, so with fixed batch statistics two processes of two images are one process
of four. Batch normalisation that learns sees the images of its own process alone; torch's
SyncBatchNorm, which would see all, needs GPUs.
"""

import pytest
import torch
from mmengine.model import MMDistributedDataParallel

from mmgen_bdinvert.models import BaseCodeEncoderTrainer
from tests.fixtures.forked import Forked


def train_as(rank, size, generator, frozen, out):
    """Be one of ``size`` processes; the first saves the state of the encoder."""
    torch.manual_seed(0)
    model = BaseCodeEncoderTrainer(
        dict(type='BaseDetailGenerator', base_size=8, generator=generator),
        dict(type='BaseCodeEncoder', base_channels=8, base_size=8, widths=(4, 6, 8)),
        dict(pixel=dict(type='PixelMSELoss')),
    )
    if size > 1:
        torch.distributed.init_process_group('gloo', rank=rank, world_size=size)
        model = MMDistributedDataParallel(module=model, broadcast_buffers=False)
    trainer = model.module if size > 1 else model
    model.train()
    if frozen:
        trainer.encoder.eval()
    optimizer = torch.optim.Adam(trainer.encoder.parameters(), lr=1e-3)
    for step in range(3):
        seeds = torch.arange(4 * step, 4 * step + 4)[rank::size]
        optimizer.zero_grad()
        sum(model(seeds, mode='loss').values()).backward()
        optimizer.step()
    if rank == 0:
        torch.save(trainer.encoder.state_dict(), out)
    if size > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@pytest.fixture()
def train(tmp_path, free_port, generator_config):
    """Train for three iterations of four images; return the state of the encoder."""

    def run(size, statistics):
        env = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port))
        out = tmp_path / f'{size}.pth'
        settings = size, generator_config(), statistics == 'frozen', out
        running = [Forked(lambda rank=rank: train_as(rank, *settings), env) for rank in range(size)]
        for one in running:
            _, err = one.communicate(timeout=300)
            assert one.returncode == 0, err
        return torch.load(out, weights_only=True)

    return run


@pytest.mark.parametrize('statistics', ['frozen', pytest.param('learnt', marks=pytest.mark.long)])
def test_two_processes_train_as_one_where_batch_statistics_are_fixed(train, statistics):
    one, two = train(1, statistics), train(2, statistics)
    if statistics == 'frozen':
        # Adam's step is 1e-3 each; a gradient near zero may take another sign after rounding.
        torch.testing.assert_close(two, one, atol=1e-5, rtol=1e-4)
    else:
        gaps = [float((one[k] - two[k]).abs().max()) for k in one if k.endswith('weight')]
        assert max(gaps) > 1e-4  # each process normalises by its own images
