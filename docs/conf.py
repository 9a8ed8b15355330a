"""The documentation: Sphinx with MyST and furo."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generate import write_reference

write_reference()

project = "lamina"
author = "The lamina developers"
version = release = version_of("lamina")
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True
highlight_language = "none"
html_theme = "furo"
html_title = "lamina"
html_copy_source = False
