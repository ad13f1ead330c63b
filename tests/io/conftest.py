# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""PNG files that Pillow cannot write."""

import struct
import zlib

import pytest


@pytest.fixture(scope='session')
def png_bytes():
    """Return a function that writes any PNG: Pillow cannot write 16-bit colour."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', check)

    def make(width, height, depth, colour_type, rows, **chunks):
        header = struct.pack('>IIBBBBB', width, height, depth, colour_type, 0, 0, 0)
        data = b''.join(b'\0' + row for row in rows)
        return (
            b'\x89PNG\r\n\x1a\n'
            + chunk(b'IHDR', header)
            + b''.join(chunk(kind.encode(), data) for kind, data in chunks.items())
            + chunk(b'IDAT', zlib.compress(data))
            + chunk(b'IEND', b'')
        )

    return make
