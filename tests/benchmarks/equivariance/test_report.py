# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
import csv
import math
from dataclasses import replace

from benchmarks.equivariance.measure import EquivarianceRow
from benchmarks.equivariance.report import equivariance_markdown, write_equivariance
from mmgen_bdinvert.io import read_image

FIXED = EquivarianceRow(16, 'shift', 0.125, 2.0, 'fixed', 0.02, 0.002, 0.3, math.nan)
QUIET = replace(FIXED, noise='off', rmse=0.0002, interior_rmse=0.0)
SMALL = [
    replace(row, base_size=8, cells=1.0, interior_rmse=math.nan, interior_share=0.0)
    for row in (FIXED, QUIET)
]
TURNED = [
    replace(row, motion='rotate', magnitude=5, cells=None, interior_rmse=0.2)
    for row in (FIXED, QUIET)
]


def test_the_table():
    text = equivariance_markdown([FIXED, QUIET, *TURNED])
    assert text == (
        '| motion | 16×16 | 16×16, no noise | 16×16, interior |\n'
        '| --- | ---: | ---: | ---: |\n'
        '| shift 0.125 | **40.0** | **80.0** | **exact** |\n'
        '| rotate 5 | 40.0 | 80.0 | 20.0 |\n'
    )


def test_two_sizes_and_a_perceptual_distance():
    rows = [replace(row, perceptual=0.01) for row in (FIXED, QUIET, *SMALL)]
    lines = equivariance_markdown(rows).splitlines()
    assert lines[0].count('×') == 8 and lines[0].index('8×8') < lines[0].index('16×16')
    assert lines[2] == (
        '| shift 0.125 | **40.0** | **80.0** | – | **0.0100** '
        '| **40.0** | **80.0** | **exact** | **0.0100** |'
    )


def test_the_files(tmp_path):
    rows = [FIXED, QUIET, *SMALL, *TURNED]
    files = write_equivariance(rows[:4], tmp_path / 'out', 'title')
    assert [file.name for file in files] == [f'equivariance.{e}' for e in ('md', 'csv', 'png')]
    assert sorted(tmp_path.joinpath('out').glob('[!.]*')) == sorted(files)
    assert files[0].read_text('utf-8') == equivariance_markdown(rows[:4])
    with open(files[1]) as file:
        written = list(csv.DictReader(file))
    assert [row['noise'] for row in written] == ['fixed', 'off', 'fixed', 'off']
    assert float(written[0]['psnr']) == 40 and written[0]['cells'] == '2.0'
    # What is not finite is left empty: an exact interior, and one that is not there.
    assert written[1]['interior_psnr'] == written[2]['interior_rmse'] == ''
    assert written[1]['interior_rmse'] == '0.0'
    assert read_image(files[2]).shape[1] > 300
