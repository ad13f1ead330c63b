# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Measure at which share of its networks' rate a folder is inverted at once.

With the preset instant, the files of a folder are read, inverted and written beside the networks,
which run alone on the same batches for comparison: once the encoders and the generator, once with
the losses that the metrics name, too. All three take turns, and medians are compared; nothing else
should run on the machine.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_images
from bdinvert_cli.running import run_tool

from .options import add_config

ROOT = Path(__file__).resolve().parents[1]

EXAMPLES = """
python -m benchmarks.folders
python -m benchmarks.folders bdinvert_inv_toon128 --count 100 --batch-size 16 --device cpu
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    add_config(parser, 'an inverter with a detail encoder')
    parser.add_argument(
        '--images',
        default=ROOT / 'demo/images',
        help='folder of images, which are repeated (default: demo/images)',
    )
    parser.add_argument('--count', type=int, default=1000, help='files (default: 1000)')
    parser.add_argument('--batch-size', type=int, default=64, help='images at a time (default: 64)')
    parser.add_argument('--rounds', type=int, default=3, help='runs of each (default: 3)')
    add_device(parser)
    args = parser.parse_args(argv)
    parser.check_least(args, 1, 'count', 'batch_size', 'rounds')
    return args


def sides(inverter, files: list[Path], folder: Path, batch_size: int) -> dict[str, Callable]:
    """Return what takes turns; the folder's results come first.

    Args:
        inverter (OptimizationInverter): Without steps.
        files (list[Path]): Images.
        folder (Path): For the results.
        batch_size (int): Images at a time.
    """
    import torch

    from mmgen_bdinvert.apis import invert_files
    from mmgen_bdinvert.apis.images import to_batch

    generator = inverter.generator
    images = to_batch(files, generator.resolution, generator.channel_order)
    batches = images.to(generator.device).split(batch_size)

    def whole_folder() -> None:
        invert_files(inverter, files, folder, batch_size=batch_size, restart=True)

    def networks() -> None:
        with torch.no_grad():
            for batch in batches:
                inverter.render(inverter.start(batch)).cpu()

    def networks_and_losses() -> None:
        for batch in batches:
            inverter.invert(batch).reconstruction.cpu()

    return {
        'folder': whole_folder,
        'encoders and generator': networks,
        'the same with losses': networks_and_losses,
    }


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_images([args.images])
    from mmgen_bdinvert.apis import init_inverter, load_config
    from mmgen_bdinvert.io import find_images
    from mmgen_bdinvert.utils import check_device, silence_host

    with silence_host():
        config = load_config(args.config, preset='instant')
        inverter = init_inverter(config, device=check_device(args.device))
    found = find_images([args.images])
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f'{i:06d}{found[i % len(found)].suffix}') for i in range(args.count)]
        for i, file in enumerate(files):
            shutil.copyfile(found[i % len(found)], file)
        for _ in range(args.rounds):
            turns = sides(inverter, files, Path(folder, 'results'), args.batch_size)
            for name, run in turns.items():
                began = time.perf_counter()
                with silence_host():
                    run()
                seconds.setdefault(name, []).append(time.perf_counter() - began)
    rates = {name: args.count / statistics.median(row) for name, row in seconds.items()}
    print('| | images/s | rate of the folder |\n| --- | --- | --- |')
    for name, rate in rates.items():
        print(f'| {name} | {rate:.1f} | {rates["folder"] / rate:.0%} |')


if __name__ == '__main__':
    run_tool(main)
