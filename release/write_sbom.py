"""
Write the SBOM of the package: ``write_sbom.py CYCLONEDX_PY PYTHON OUTPUT``; ``make build`` runs this.

It lists what is installed in the environment of PYTHON: the package and all that it was checked with. The
version of the package comes from its code, which the tool does not read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCAL_PATH = re.compile(r"file:|" + re.escape(str(ROOT)))


def main(cyclonedx: str, python: str, output: str) -> None:
    """Write the file, or exit with an error."""
    command = [cyclonedx, "environment", "--pyproject", "pyproject.toml", "--mc-type", "library"]
    done = subprocess.run(
        [*command, "--output-reproducible", python], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    sbom = with_version(json.loads(done.stdout), version())
    text = json.dumps(sbom, indent=2, sort_keys=True)
    if LOCAL_PATH.search(text):
        sys.exit("the SBOM contains a path of this machine")
    (ROOT / output).write_text(f"{text}\n")
    print(f"{output}: {len(sbom['components'])} packages")


def version() -> str:
    """Return the version of the package."""
    (found,) = re.findall(r'__version__ = "(.+)"', (ROOT / "airflow_provider_sf" / "__init__.py").read_text())
    return str(found)


def with_version(sbom: dict[str, Any], number: str) -> dict[str, Any]:
    """Set the version of the package that the SBOM is about."""
    package = sbom["metadata"]["component"]
    package |= {"version": number, "purl": f"pkg:pypi/{package['name']}@{number}"}
    return sbom


if __name__ == "__main__":
    main(*sys.argv[1:])
