# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Sphinx settings: Markdown pages (MyST) and API pages from Google docstrings."""

import mmgen_bdinvert

project = 'mmgen_bdinvert'
author = 'mmgen_bdinvert contributors'
copyright = author
version = release = mmgen_bdinvert.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
exclude_patterns = ['_build']
myst_heading_anchors = 3
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
napoleon_numpy_docstring = False

html_theme = 'pydata_sphinx_theme'
html_title = f'{project} {release}'
html_show_sourcelink = False
