"""
The settings of the documentation site. ``make docs-site`` builds it into build/site, without network access.

The API pages use sphinx-autoapi, which reads the source and imports nothing. Autodoc would import Airflow.
That takes seconds, writes files into AIRFLOW_HOME and adds hundreds of inherited members to each class.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from airflow_provider_sf import __version__  # noqa: E402 - found through the line above

project = "airflow-provider-sf"
author = "The airflow-provider-sf developers"
version = release = __version__

extensions = ["autoapi.extension", "myst_parser", "sphinx_design"]

autoapi_dirs = [str(ROOT / "airflow_provider_sf")]
autoapi_generate_api_docs = False  # the pages in reference/ choose what is public
autoapi_member_order = "bysource"
autoapi_options = ["members", "inherited-members"]
autoapi_python_class_content = "class"
autodoc_typehints = "signature"
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80  # longer ones have a line for each parameter

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # the same anchors as on GitHub

html_theme = "furo"
html_logo = "_static/logo.svg"
html_title = f"airflow-provider-sf {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

suppress_warnings = [
    # constants that are unpacked from a tuple, and names that are imported for types only; not on these pages
    "autoapi.python_import_resolution",
]
