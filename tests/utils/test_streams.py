# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Output whose reader leaves (``tool | head``), and output onto a full disk."""

import logging
import os
import subprocess
import sys

import pytest

TOOL = """
import logging, sys
from bdinvert_cli.running import run_tool

def main(argv):
    logging.basicConfig(stream=sys.stderr)
    for i in range(3):
        print('x' * 100_000, flush=bool(i))
        print('y' * 100_000, file=sys.stderr)
        logging.error('z' * 100_000)
    with open(sys.argv[1], 'w') as file:
        file.write('done')
    return 3

run_tool(main)
"""


@pytest.mark.parametrize('left', ['stdout', 'stderr', 'both'])
def test_the_work_and_its_exit_code_are_the_same_when_a_reader_leaves(tmp_path, left):
    read, write = os.pipe()
    os.close(read)
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    streams.update(dict.fromkeys(['stdout', 'stderr'] if left == 'both' else [left], write))
    command = [sys.executable, '-c', TOOL, str(tmp_path / 'result')]
    done = subprocess.run(command, **streams)
    os.close(write)
    assert done.returncode == 3
    assert (tmp_path / 'result').read_text() == 'done'
    for text in (done.stdout, done.stderr):
        assert b'Traceback' not in (text or b'') and b'Exception' not in (text or b'')


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_output_that_cannot_be_written_is_one_sentence(tmp_path):
    command = [sys.executable, '-c', TOOL.replace('flush=bool(i)', ''), str(tmp_path / 'result')]
    with open('/dev/full', 'w') as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    errors = [line for line in done.stderr.splitlines() if line[0] not in 'yE']
    assert done.returncode == 2
    assert [line[:7] for line in errors] == ['error: '], errors
    assert 'No space left on device' in errors[0]


def test_logs_are_as_they_were_afterwards():
    from bdinvert_cli.streams import output_may_be_left

    before = sys.stdout, sys.stderr, logging.raiseExceptions
    with output_may_be_left():
        assert not logging.raiseExceptions
    assert (sys.stdout, sys.stderr, logging.raiseExceptions) == before
