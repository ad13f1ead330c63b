# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""ICC profiles by their specification, and PNG files that Pillow cannot write."""

import struct
import zlib

import pytest

# Adobe RGB's red, green and blue as XYZ under D50.
PRIMARIES = (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)


def number(value):
    return struct.pack('>i', round(value * 65536))


@pytest.fixture(scope='session')
def icc_profile():
    """Return a function that makes version 2 profiles: Adobe RGB, grey of a gamma, CMYK."""

    def make(space=b'RGB ', gamma=563 / 256, corners=()):
        curve = b'curv' + bytes(4) + struct.pack('>IH', 1, round(256 * gamma)) + bytes(2)
        tags = {b'wtpt': b'XYZ ' + bytes(4) + b''.join(map(number, (0.9642, 1, 0.82491)))}
        connection = b'Lab ' if space == b'CMYK' else b'XYZ '
        if space == b'GRAY':
            tags[b'kTRC'] = curve
        elif space == b'CMYK':  # a table of two levels an ink, 8-bit Lab
            lines = bytes(range(256))
            matrix = b''.join(map(number, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
            table = b''.join(bytes(corner) for corner in corners)
            tags[b'A2B0'] = b'mft1' + bytes(4) + bytes([4, 3, 2, 0]) + matrix
            tags[b'A2B0'] += 4 * lines + table + 3 * lines
        else:
            for name, xyz in zip('rgb', PRIMARIES):
                tags[f'{name}XYZ'.encode()] = b'XYZ ' + bytes(4) + b''.join(map(number, xyz))
                tags[f'{name}TRC'.encode()] = curve
        table, data = struct.pack('>I', len(tags)), b''
        for name, content in tags.items():
            place = 132 + 12 * len(tags) + len(data)
            table += struct.pack('>4sII', name, place, len(content))
            data += content
        body = table + data
        kind = b'prtr' if space == b'CMYK' else b'mntr'
        head = struct.pack('>I4sI', 128 + len(body), bytes(4), 0x02100000)
        head += kind + space + connection
        head += bytes(12) + b'acsp' + bytes(28) + b''.join(map(number, (0.9642, 1, 0.82491)))
        return head.ljust(128, b'\0') + body

    return make


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
