"""
Check the installed package in an environment with only what it requires: ``make build`` runs this.

Each module can be imported, so no dependency is missing, and ``airflow providers`` shows each part.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

PACKAGE, DISTRIBUTION = "airflow_provider_sf", "airflow-provider-sf"

# The arguments of `airflow providers`, and what the output must name.
SHOWN = {
    "list": DISTRIBUTION,
    f"get --full {DISTRIBUTION}": "Start Azure Service Fabric upgrades",
    "hooks": f"{PACKAGE}.hooks.service_fabric.ServiceFabricHook",
    "links": f"{PACKAGE}.links.service_fabric.ServiceFabricExplorerLink",
    "notifications": f"{PACKAGE}.notifications.service_fabric.ServiceFabricNotifier",
    "triggers": f"{PACKAGE}.triggers.service_fabric",
}


def main() -> None:
    """Check the package; exit with an error that says what is missing."""
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(
        prefix="airflow-home-"
    )  # before the first import of Airflow
    package = import_module(PACKAGE)
    if not Path(str(package.__file__)).is_relative_to(sys.prefix):
        sys.exit(f"{package.__file__} is not the installed package: run this in the new environment")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]
    for name in names:
        if not name.endswith(".__main__"):
            import_module(name)
    print(f"{len(names)} modules can be imported")
    for arguments, text in SHOWN.items():
        command = ["airflow", "providers", *arguments.split(), "--output", "json"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        if done.returncode or text not in done.stdout:
            sys.exit(f"`{' '.join(command)}` does not show {text}:\n{done.stdout}{done.stderr}")
        print(f"`{' '.join(command)}` shows it")


if __name__ == "__main__":
    main()
