# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import subprocess
from pathlib import Path

from benchmarks import scaling


def test_the_launcher_of_the_tools_inverts_in_each_number_of_processes(monkeypatch, tmp_path):
    """It was looked for beside the benchmark."""
    commands = []

    def run(command, **options):
        commands.append(command)
        manifest = Path(command[command.index('--out-dir') + 1], 'manifest')
        manifest.mkdir(parents=True)
        (manifest / '0.jsonl').write_text(
            '{"event": "start", "time": 10}\n{"event": "image", "time": 14}\n'
        )

    monkeypatch.setattr(subprocess, 'run', run)
    scaling.main(['bdinvert_inv_toon64', '.', '--out-dir', str(tmp_path), '--rounds', '1'])
    assert [command[3] for command in commands] == ['1', '2']
    assert all(Path(command[1]).is_file() for command in commands)
