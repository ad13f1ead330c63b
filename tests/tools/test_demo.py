# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""What tools/demo.py says to wrong commands; the studio itself is tested in tests/studio."""

import socket
import sys

import pytest


@pytest.fixture()
def demo(run_in_process):
    return run_in_process('demo')


@pytest.mark.parametrize(
    ('args', 'sentence'),
    [
        (['no_such_config'], "There is no config 'no_such_config'"),
        (['--direction', 'age.pt'], 'There is no direction file age.pt: check the path.'),
        (['--examples', 'no_such_folder'], 'no_such_folder'),
        (['--cfg-options', 'train_cfg.x=1'], 'Only settings of model and face_finder can be'),
        (['--port', 'x'], 'argument --port: invalid int value'),
        (['--port', '0'], '--port is from 1 to 65535, but got 0'),
        (['--port', '99999'], '--port is from 1 to 65535, but got 99999'),
        (['--port', '-1'], '--port is from 1 to 65535, but got -1'),
        (['--host', 'no such host'], "cannot listen at 'no such host', port 7860 and up"),
        (['--device', 'meta'], "the device 'meta' is not available here"),
    ],
)
def test_a_wrong_command_gets_a_sentence(demo, args, sentence):
    code, out, error = demo(*args)
    assert code == 2 and out == ''
    assert error.startswith('error: ') and sentence in error and error.count('\n') == 1


def test_without_gradio_it_says_how_to_get_it(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    for name in ('page', 'server'):
        monkeypatch.delitem(sys.modules, f'mmgen_bdinvert.studio.{name}', raising=False)
    code, _, error = demo()
    assert code == 2 and error.count('\n') == 1
    assert "needs the extra studio: pip install 'mmgen_bdinvert[studio]'" in error


def test_a_port_that_is_taken_and_a_direction_of_another_generator(demo, tmp_path):
    pytest.importorskip(
        'gradio', reason="needs the extra studio: pip install 'mmgen_bdinvert[studio]'"
    )
    other = 'asset://toon128/beard.safetensors'
    code, _, error = demo('bdinvert_inv_toon64', '--direction', other)
    assert code == 2 and "'beard' was made with another generator" in error
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        code, _, error = demo('bdinvert_inv_toon64', '--port', port)
    assert code == 2 and error.endswith(
        f"at '127.0.0.1', port {port} (Address already in use): choose another one.\n"
    )
