"""The site of the documentation (`make docs`): Sphinx with MyST, every warning an error, nothing asked of the network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from honestlift import __version__

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "honestlift"
author = "The honestlift authors"
copyright = "the honestlift authors"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["make", "notebooks/*.py"]
html_theme = "furo"
html_title = "honestlift"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#6cb6ff", "color-brand-content": "#6cb6ff"},
}

nb_execution_mode = "off"  # `make regenerate` executes the notebooks, a test does it again
nb_merge_streams = True
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_custom_sections = [("Attributes", "params_style")]  # of dataclasses: what they are made with


def _pictures(_app: object, _name: str, source: list[str]) -> None:
    """A light and a dark picture, which GitHub takes as `<picture>`, as this theme has them: it lets the reader switch."""
    found = r'<picture>\s*<source [^>]*srcset="([^"]+)"[^>]*>\s*<img src="([^"]+)" alt="([^"]+)"[^>]*>\s*</picture>'
    source[0] = re.sub(found, r"![\3](\2){.only-light}\n![\3](\1){.only-dark}", source[0])


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _pictures)  # type: ignore[attr-defined]
