# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Sphinx settings: Markdown pages and notebooks (MyST), API pages from Google docstrings."""

import os
import sys
import warnings
from pathlib import Path

# What packages say about their own future is not about this site: neither here nor in the kernels
# that run the notebooks.
for notice in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, UserWarning):
    warnings.simplefilter('ignore', notice)
os.environ['PYTHONWARNINGS'] = 'ignore'
os.environ['BDINVERT_NOTEBOOK_DOMAIN'] = 'toon'  # the notebook for a hosted GPU downloads nothing

import mmgen_bdinvert  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'docs/_ext'), str(ROOT)]  # benchmarks/ and projects/ are not installed
# The notebooks draw faces by what is in projects/.
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))

project = 'mmgen_bdinvert'
author = 'mmgen_bdinvert contributors'
copyright = author
version = release = mmgen_bdinvert.__version__

extensions = [
    'mathml',
    'myst_nb',
    'reference',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]
exclude_patterns = ['_build', 'examples']
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 3
nb_execution_mode = 'force'
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = 'remove'
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
napoleon_numpy_docstring = False

html_math_renderer = 'mathml'
html_static_path = ['_static']
html_css_files = ['site.css']
html_theme = 'pydata_sphinx_theme'
html_title = f'{project} {release}'
html_show_sourcelink = False
html_theme_options = {'show_toc_level': 2, 'navigation_with_keys': False}
