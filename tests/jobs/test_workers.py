# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from mmgen_bdinvert.jobs.workers import (
    Workers,
    WorkQueue,
    agree_on_session,
    join_workers,
    launched_environment,
)
from tests.fixtures.forked import Forked


def share():
    """Take items as one of two processes of which the first is slow, and print them."""
    workers = join_workers('pytorch')
    queue = WorkQueue(workers)
    if workers.rank == 0:
        queue.publish(list(range(2500)))
    queue.open(lambda: None)
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
        queue.count_finished(1)
        if workers.rank == 0:
            time.sleep(0.01)
    workers.leave(lambda: None)
    print(json.dumps([workers.rank, queue.count_finished(), taken]))


def never():
    raise AssertionError('nothing to wait for')


def test_every_item_is_handed_out_once():
    queue = WorkQueue(Workers())
    items = [[f'/x/{i}.png', str(i)] for i in range(2001)]  # more than two chunks
    queue.publish(items)
    assert queue.open(never) == 2001
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    assert taken == items
    assert queue.take() is None
    assert (queue.count_finished(3), queue.count_finished()) == (3, 3)


def test_names_that_are_no_text_pass():
    queue = WorkQueue(Workers())
    queue.publish(['\udcff\n\u5199'])
    queue.open(never)
    assert queue.take() == '\udcff\n\u5199'


def test_those_who_wait_hear_of_a_refusal():
    store = dist.HashStore()
    WorkQueue(Workers(0, 2, 0, store)).refuse('the folder is full')
    with pytest.raises(ValueError, match='the folder is full'):
        WorkQueue(Workers(1, 2, 1, store)).open(never)


def test_waiting_can_be_interrupted():
    class Stop(Exception):
        pass

    def stop():
        raise Stop

    with pytest.raises(Stop):
        WorkQueue(Workers(1, 2, 1, dist.HashStore())).open(stop)
    with pytest.raises(Stop):
        Workers(0, 2, 0, dist.HashStore()).leave(stop)


def test_processes_share_and_the_slow_one_takes_less(free_port):
    env = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port), WORLD_SIZE='2')
    running = [Forked(share, dict(env, RANK=rank, LOCAL_RANK=rank)) for rank in '01']
    results = [json.loads(one.communicate(timeout=300)[0]) for one in running]
    taken = {rank: items for rank, _, items in results}
    assert sorted(taken[0] + taken[1]) == list(range(2500))
    assert 0 < len(taken[0]) < len(taken[1])
    assert results[0][1] == 2500


def test_processes_that_are_started_again_do_not_meet_the_queue_of_the_dead():
    """torchrun's store stays: one process once went on with the queue of the attempt before."""
    store, sessions = dist.HashStore(), []
    store.set('asks/1', 'one that is dead')
    for _ in range(2):
        with ThreadPoolExecutor() as pool:
            first = pool.submit(agree_on_session, store, 0, 3)
            time.sleep(0.3)  # so that it answers the dead one before the living asks
            others = [pool.submit(agree_on_session, store, rank, 3) for rank in (1, 2)]
            words = {one.result(timeout=60) for one in (first, *others)}
        assert len(words) == 1
        sessions += words
    assert sessions[0] != sessions[1]


@pytest.mark.parametrize(
    ('launcher', 'given', 'expected'),
    [
        (
            'slurm',
            dict(SLURM_PROCID='3', SLURM_NTASKS='8', SLURM_LOCALID='1', MASTER_ADDR='node1'),
            ('3', '8', '1', 'node1', '29500'),
        ),
        (
            'mpi',
            dict(
                OMPI_COMM_WORLD_RANK='2',
                OMPI_COMM_WORLD_SIZE='4',
                OMPI_COMM_WORLD_LOCAL_RANK='0',
                MASTER_ADDR='node1',
                MASTER_PORT='1234',
            ),
            ('2', '4', '0', 'node1', '1234'),
        ),
    ],
)
def test_launchers_are_read_as_torchrun(launcher, given, expected, clean_environment):
    for key, value in given.items():
        clean_environment.setenv(key, value)
    launched_environment(launcher)
    keys = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
    assert tuple(os.environ[key] for key in keys) == expected


@pytest.mark.parametrize(
    ('launcher', 'word'), [('pytorch', 'torchrun'), ('slurm', 'srun'), ('mpi', 'mpirun')]
)
def test_a_launcher_that_did_not_launch(launcher, word, clean_environment):
    with pytest.raises(ValueError, match=f'--launcher {launcher} is for processes that {word}'):
        join_workers(launcher)


def test_no_launcher_is_one_process():
    workers = join_workers('none')
    assert (workers.rank, workers.size, workers.device) == (0, 1, None)
    began = time.monotonic()
    workers.leave(never)
    assert time.monotonic() - began < 60
