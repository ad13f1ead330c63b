# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Open the studio: invert, move and edit photos in the browser.

It needs the extra `studio`: pip install 'mmgen_bdinvert[studio]'. Only this machine can reach it,
unless --host is given. Generators in the package have directions of their own; --direction adds
others, as files of tools/find_directions.py or plain arrays.

Requests must be for localhost, --host, the address of this machine or a name of --allow-host.
Uploads are limited to 64 MB each, and to 100 files and 500 MB of a visitor within an hour; they are
deleted after an hour, the oldest ones when all visitors have more than 2,000 files or 1 GB.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bdinvert_cli.configs import find_config
from bdinvert_cli.options import add_device
from bdinvert_cli.parser import ToolParser
from bdinvert_cli.paths import check_checkpoint, check_directions, check_images
from bdinvert_cli.running import run_tool, say
from bdinvert_cli.sentences import one_sentence

DEFAULT = 'bdinvert_inv_toon128'
DEMO = Path(__file__).resolve().parents[1] / 'demo'  # toon faces


EXAMPLES = """
bdinvert demo
bdinvert demo bdinvert_inv_ffhq --examples photos/ --direction age.pt smile.safetensors
bdinvert demo my_config.py --checkpoint encoder.safetensors --host 0.0.0.0 --port 7860
"""


def parse_args(argv=None):
    parser = ToolParser(description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        'config',
        nargs='?',
        default=DEFAULT,
        help=f'config file, or the name of a shipped one (default: {DEFAULT})',
    )
    parser.add_argument('--checkpoint', help="weights of the encoder (default: the config's)")
    parser.add_argument(
        '--direction',
        nargs='+',
        action='extend',
        default=[],
        metavar='FILE',
        help='further directions',
    )
    parser.add_argument('--examples', help='folder of example photos (default: toon faces)')
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to listen on (default: 127.0.0.1)'
    )
    parser.add_argument(
        '--port', type=int, help='port to listen on (default: the first free one from 7860)'
    )
    parser.add_argument(
        '--allow-host',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME',
        help='further host names of the studio, such as that of a proxy',
    )
    add_device(parser)
    parser.add_cfg_options(finds=True)
    args = parser.parse_args(argv)
    if args.port is not None and not 1 <= args.port <= 65535:
        parser.error(f'--port is from 1 to 65535, but got {args.port}')
    return args


def main(argv=None):
    args = parse_args(argv)
    find_config(args.config)
    check_checkpoint(args.checkpoint, 'encoder')
    check_directions(args.direction)
    check_images([args.examples] if args.examples else [])
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'  # Gradio asks for it while it is imported
    from mmgen_bdinvert import apis
    from mmgen_bdinvert.editing import load_direction
    from mmgen_bdinvert.engine import read_settings
    from mmgen_bdinvert.io import find_images
    from mmgen_bdinvert.studio import Studio, shipped_directions
    from mmgen_bdinvert.studio.address import check_address
    from mmgen_bdinvert.utils import check_device, silence_host

    # Everything that needs no network is checked before one is built.
    check_address(args.host, args.port)
    directions = [load_direction(file) for file in args.direction]
    device = check_device(args.device)
    settings = read_settings(args.cfg_options)
    config = apis.load_config(args.config, settings, sections=['model', 'face_finder'])
    examples = find_images([args.examples]) if args.examples else []
    if args.examples is None and args.config == DEFAULT and DEMO.is_dir():
        examples = find_images([DEMO / 'photo.jpg', DEMO / 'images'])
    try:
        finder = apis.init_finder(config)
    except ImportError as error:
        finder = None
        say(f'note: {one_sentence(error)}', file=sys.stderr)
    try:
        from mmgen_bdinvert.studio.handlers import Handlers
        from mmgen_bdinvert.studio.page import build_page
        from mmgen_bdinvert.studio.server import launch
    except ImportError as error:
        raise ImportError(
            f"the studio needs the extra studio: pip install 'mmgen_bdinvert[studio]' ({error})"
        ) from error
    with silence_host():
        inverter = apis.init_inverter(config, args.checkpoint, device)
        studio = Studio(inverter, [*shipped_directions(inverter.generator), *directions], finder)
        page = build_page(Handlers(studio, examples), Path(args.config).stem)
    address = launch(page, host=args.host, port=args.port, allow_hosts=args.allow_host)
    if args.host not in ('127.0.0.1', 'localhost', '::1'):
        say('note: everybody who reaches this machine can use the studio', file=sys.stderr)
    say(f'The studio is open at {address} (Ctrl-C closes it)')
    page.block_thread()


if __name__ == '__main__':
    run_tool(main)
