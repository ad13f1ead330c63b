# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import importlib.util
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from mmgen_bdinvert.utils.cli import run_tool

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture(scope='session')
def load_tool():
    """Return tools as modules by name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f'{name}_tool', TOOLS / f'{name}.py')
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        return tool

    return load


@pytest.fixture()
def run_in_process(load_tool, capsys):
    """Return runners of tools in this process by name: exit code, stdout and stderr."""
    level = MMLogger.get_current_instance().level

    def runner(name):
        tool = load_tool(name)

        def call(*args):
            with pytest.raises(SystemExit) as info:
                run_tool(tool.main, [str(arg) for arg in args])
            return (info.value.code, *capsys.readouterr())

        return call

    yield runner
    MMLogger.get_current_instance().setLevel(level)
