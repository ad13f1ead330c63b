# Copyright (c) mmgen_bdinvert contributors. Apache-2.0 licence.
"""Formulas as MathML, which browsers draw themselves: the site works without a network."""

from docutils import nodes
from latex2mathml.converter import convert


def inline(writer, node):
    """Write a formula inside a line."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed(writer, node):
    """Write a formula of its own."""
    writer.body.append(f'<p>{convert(node.astext(), display="block")}</p>')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer, for ``html_math_renderer = 'mathml'``."""
    app.add_html_math_renderer('mathml', (inline, None), (displayed, None))
    return {'parallel_read_safe': True}
