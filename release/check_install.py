"""
Check the installed package in an environment with only what it requires: ``make build`` runs this.

Each module can be imported, so no dependency is missing. ``airflow`` shows each part. ``sf-wait`` waits for
an upgrade.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.resources import files
from pathlib import Path

PACKAGE, DISTRIBUTION = "airflow_provider_sf", "airflow-provider-sf"

# The arguments of `airflow`, and what the output must name.
SHOWN = {
    "providers list": DISTRIBUTION,
    f"providers get --full {DISTRIBUTION}": "Start Azure Service Fabric upgrades",
    "providers hooks": f"{PACKAGE}.hooks.service_fabric.ServiceFabricHook",
    "providers links": f"{PACKAGE}.links.service_fabric.ServiceFabricExplorerLink",
    "providers notifications": f"{PACKAGE}.notifications.service_fabric.ServiceFabricNotifier",
    "providers triggers": f"{PACKAGE}.triggers.service_fabric",
    "plugins": f"{PACKAGE}.plugins.service_fabric:ServiceFabricPlugin",
}

NEWER = {
    f"{PACKAGE}.triggers.upgrade_end": "ASSET_WATCHERS",
    f"{PACKAGE}.triggers.shared_polls": "WATCH_STATE",
}
"""The modules that an older Airflow cannot import, and the feature that they need."""


def main() -> None:
    """Check the package; exit with an error that says what is missing."""
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(
        prefix="airflow-home-"
    )  # before the first import of Airflow
    check_modules()
    check_pages()
    for arguments, text in SHOWN.items():
        run([sys.executable, "-m", "airflow", *arguments.split(), "--output", "json"], text)
    check_sf_wait()


def check_modules() -> None:
    """Import each module of the installed package."""
    package = import_module(PACKAGE)
    if not Path(str(package.__file__)).is_relative_to(sys.prefix):
        sys.exit(f"{package.__file__} is not the installed package: run this in the new environment")
    features = import_module(f"{PACKAGE}.airflow_versions")
    later = {module for module, name in NEWER.items() if not getattr(features, name).is_available}
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]
    for name in names:
        if not name.endswith(".__main__") and name not in later:
            import_module(name)
    print(f"{len(names) - len(later)} modules can be imported, {len(later)} need a newer Airflow")


def check_pages() -> None:
    """Find the files of the page in Airflow's UI: they are not Python."""
    names = import_module(f"{PACKAGE}.plugins.upgrade_pages").MEDIA_TYPES
    missing = [name for name in names if not (files(f"{PACKAGE}.plugins") / "pages" / name).is_file()]
    if missing:
        sys.exit(f"the page in Airflow's UI has no {', '.join(missing)}")
    print(f"the page in Airflow's UI has its {len(names)} files")


def check_sf_wait() -> None:
    """Wait with the command for an upgrade of a simulated cluster."""
    simulator = import_module(f"{PACKAGE}.simulator").Simulator
    command = [str(Path(sys.executable).with_name("sf-wait")), "fabric:/shop/web", "--poll-interval", "1s"]
    with simulator(scenarios={"fabric:/shop/web": "good"}, port=0, speed=60.0) as cluster:
        run([*command, "--endpoint", cluster.urls[0]], "Completed in")


def run(command: list[str], text: str) -> None:
    """Run a command. It must succeed and print a text."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = " ".join(command).replace(f"{sys.prefix}/bin/", "")
    if done.returncode or text not in done.stdout:
        sys.exit(f"`{shown}` does not show {text}:\n{done.stdout}{done.stderr}")
    print(f"`{shown}` shows {text}")


if __name__ == "__main__":
    main()
