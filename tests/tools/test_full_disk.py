# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Every tool that writes, where nothing more can be written: one sentence, exit code 2, and on."""

import contextlib
import logging
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
import safetensors.torch
import torch
from mmengine.logging import MMLogger

from mmgen_bdinvert.apis import init_inverter, invert_files

PHOTO = Path(__file__).parents[2] / 'demo' / 'images' / 'rotated_0.png'
ASSETS = Path(__file__).parents[2] / 'mmgen_bdinvert' / 'assets'
CONFIG = 'bdinvert_inv_toon64'
TRAINING = (
    'train_cfg.max_iters=1',
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.dataset.length=2',
    'default_hooks.checkpoint.interval=1',
)
# Tool, arguments; RESULTS, CHECKPOINT and OUT stand for paths.
CASES = {
    'invert': ('invert', CONFIG, PHOTO, '--out-dir', 'OUT/r', '--steps', 1),
    'invert packed': ('invert', CONFIG, PHOTO, '--out-dir', 'OUT/r', '--steps', 1, '--packed'),
    'edit': ('edit', 'RESULTS', '--rotate', 9, '--out-dir', 'OUT/e'),
    'report': ('report', 'RESULTS', '--out-file', 'OUT/page.html'),
    **{
        kind: (
            *('make_video', 'RESULTS/rotated_0', '--rotate', 90),
            *('--frames', frames, '--out-file', f'OUT/v.{kind}'),
        )
        for kind, frames in dict(gif=12, webp=24, mp4=60).items()
    },
    'latent-stats': ('latent_stats', CONFIG, 'OUT/s.safetensors', '--num-samples', 5000),
    'publish-model': ('publish_model', 'CHECKPOINT', 'OUT/e.safetensors', '--part', 'encoder'),
    'equivariance': (
        'benchmarks.equivariance.__main__',
        CONFIG,
        '--out-dir',
        'OUT/q',
        '--num-samples',
        4,
    ),
    'convert': ('convert', 'GENERATOR', 'OUT/g.safetensors', '--from', 'mmgen'),
    'find-directions': (
        'find_directions',
        'directions/sefa_toon64',
        *('--out-dir', 'OUT/d', '--cfg-options', 'finder.count=1'),
    ),
    'draw': (
        'projects.toon_faces.draw',
        '--out-dir',
        'OUT/f',
        *('--train', 60, '--heldout', 1, '--size', 64, '--workers', 1),
    ),
    'figures': (
        'benchmarks.figures.__main__',
        '--out-dir',
        'OUT/p',
        '--work-dir',
        'OUT/w',
        '--steps',
        1,
    ),
    'train': ('train', 'bdinvert_enc_toon64', '--work-dir', 'OUT/w', '--cfg-options', *TRAINING),
}


@contextlib.contextmanager
def file_size_limit(size):
    """As ``ulimit -f``."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(autouse=True)
def no_log_stays():
    """Close the log files of mmengine, whose folder goes with the test."""
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in [h for h in logger.handlers if isinstance(h, logging.FileHandler)]:
            logger.removeHandler(handler)
            handler.close()


@pytest.fixture(params=['ulimit', 'tmpfs'])
def full(request, tmp_path):
    """Return a folder, what makes its disk small, and what makes it large again."""
    out = tmp_path / 'out'
    out.mkdir()
    if request.param == 'ulimit':
        yield out, lambda: file_size_limit(12_000)
        return

    def mount(options):
        command = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(out)]
        return subprocess.run(command, capture_output=True).returncode

    @contextlib.contextmanager
    def small():
        yield
        assert mount('remount,size=100m') == 0

    if shutil.which('mount') is None or mount('size=12k') != 0:
        pytest.skip('needs the right to mount')
    yield out, small
    subprocess.run(['umount', '--lazy', str(out)], check=True)  # a log may still be open


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    """Make what the tools read."""
    folder = tmp_path_factory.mktemp('inputs')
    inverter = init_inverter(CONFIG, device='cpu', cfg_options={'model.num_steps': 1})
    invert_files(inverter, PHOTO, folder / 'results')
    weights = {f'encoder.{k}': v for k, v in inverter.encoder.state_dict().items()}
    torch.save({'state_dict': weights}, folder / 'checkpoint.pth')
    weights = safetensors.torch.load_file(ASSETS / 'toon64' / 'generator.safetensors')
    torch.save({'state_dict': weights}, folder / 'generator.pth')
    return {
        'RESULTS': folder / 'results',
        'CHECKPOINT': folder / 'checkpoint.pth',
        'GENERATOR': folder / 'generator.pth',
    }


LONG = ('equivariance', 'figures')  # with many imports, and inversions of their own


@pytest.mark.parametrize(
    'case', [pytest.param(c, marks=pytest.mark.long) if c in LONG else c for c in CASES]
)
def test_a_full_disk_is_one_sentence_and_loses_nothing(case, full, paths, run_in_process):
    out, small_disk = full
    tool, *arguments = CASES[case]
    arguments = [str(a) for a in arguments]
    for word, path in {**paths, 'OUT': out}.items():
        arguments = [a.replace(word, str(path)) for a in arguments]
    run = run_in_process(tool)
    with small_disk():
        code, _, err = run(*arguments)
    errors = [line for line in err.splitlines() if line.startswith('error: ')]
    assert code == 2 and len(errors) == 1 and 'Traceback' not in err, err
    assert 'No space left' in errors[0] or 'too large' in errors[0], err
    assert not list(out.rglob('.*tmp*'))
    code, _, err = run(*arguments)
    assert code == 0, err
