# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""The notebooks of the documentation run from top to bottom, and are stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / 'docs/notebooks').glob('*.ipynb'))


@pytest.mark.long  # make docs runs them too
@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('BDINVERT_NOTEBOOK_DOMAIN', 'toon')  # of the one for a hosted GPU
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert not any(cell.outputs or cell.execution_count for cell in code), 'clear its outputs'
    client = NotebookClient(
        notebook, timeout=300, kernel_name='python3', resources={'metadata': {'path': tmp_path}}
    )
    client.execute()  # raises where a cell does
    pictures = [o for c in code for o in c.outputs if 'image/png' in o.get('data', {})]
    assert pictures
