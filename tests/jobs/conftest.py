# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import os

import pytest

VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture()
def clean_environment(monkeypatch):
    """Take away what a launcher sets, and what the test sets besides."""
    for name in list(os.environ):
        if name in VARIABLES or name.startswith(('SLURM_', 'OMPI_')):
            monkeypatch.delenv(name)
    for name in VARIABLES:  # so that what the code sets is taken back too
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    return monkeypatch
