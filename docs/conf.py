"""How Sphinx sets the site; `actlas.docs.site` puts its sources together, `make docs` runs both."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

import actlas

project = "actlas"
author = copyright = "The actlas developers"
version = release = actlas.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["files"]
default_role = "literal"  # docstrings write code between single backticks
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80
nitpicky = False
suppress_warnings = ["myst.xref_ambiguous"]

html_theme = "pydata_sphinx_theme"
html_title = "actlas"
html_static_path = ["static"]
html_css_files = ["actlas.css"]
html_favicon = "static/logo.svg"
html_math_renderer = "mathml"
html_show_sourcelink = html_show_sphinx = html_copy_source = False
_WIDE = (
    "index",
    "functions/**",
    "source/**",
    "systems",
    "claims",
    "export",
    "performance",
    "tasks",
)
html_sidebars: dict[str, list[str]] = {page: [] for page in _WIDE}
html_theme_options: dict[str, Any] = {
    "logo": {"text": "actlas", "image_light": "static/logo.svg", "image_dark": "static/logo.svg"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "github-light",
    "pygments_dark_style": "github-dark",
}

_WORDS = re.compile(r"`[^`\n]*`|:\w+:|>>>.*|(?<![\w\\])[*|](?=\S)|(?<=\w)_(?=\W|$)")

_NAMES = re.compile(r"(</(?:mi|mn|mrow|msup|msub|mfrac)>)(?=<mi>\w\w)")  # x tanh, not xtanh
_FIELD = re.compile(r"^([a-z]\w*: )", re.MULTILINE)
_LISTING = re.compile(r"(?<=\n\n)(?:[a-z]\w*: \S.*(?:\n {4}\S.*)*(?:\n|\Z))+(?=\n|\Z)")


def set_formula(translator: Any, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers set by themselves: no script, no fonts."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    formula = _NAMES.sub(r'\1<mspace width="0.17em"/>', convert(node.astext(), display=display))
    inside = f'<div class="math">{formula}</div>' if display == "block" else formula
    translator.body.append(inside)
    raise nodes.SkipNode


def plain_docstring(*details: Any) -> None:
    """Make a docstring of plain text fit for reStructuredText.

    What would be markup by chance is escaped: x*y, |x|, lr_. A paragraph of lines "name: text"
    becomes a list. The last argument holds the lines, which are changed in place.
    """
    lines: list[str] = details[-1]
    text = "\n".join(_WORDS.sub(_escaped, line) for line in lines)
    lines[:] = _LISTING.sub(lambda found: _FIELD.sub(r"*   \1", found[0]), text).splitlines()


def _escaped(found: re.Match[str]) -> str:
    return rf"\{found[0]}" if len(found[0]) == 1 else found[0]


def set_trail(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None
) -> None:
    """Give a card its place, Functions / family, which the theme takes from a table of contents."""
    family = (context.get("meta") or {}).get("family")
    if family:
        index = context["pathto"]("functions/index")
        place = f"{index}#{nodes.make_id(family)}"
        context["parents"] = [
            {"link": index, "title": "Functions"}, {"link": place, "title": family},
        ]  # fmt: skip


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer of formulas and the care for docstrings."""
    both = (set_formula, None)
    app.add_html_math_renderer("mathml", both, both)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
    app.connect("html-page-context", set_trail)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
