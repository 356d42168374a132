"""Which package may import which, and what an import loads. Each import runs in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "airflow_provider_sf"
LIBRARIES = ["airflow", "requests", "aiohttp", "ssl", "asyncio", "yarl", "asgiref", "pendulum"]

# Package -> the packages that it imports. A module at the top level counts as a package; "" is the root.
ARROWS: dict[str, set[str]] = {
    "": set(),
    "airflow_versions": set(),
    "exceptions": set(),
    "rest": {""},
    "serialization": {"rest"},
    "upgrades": {"rest", "serialization"},
    "auth": {"rest"},
    "cluster": {"auth", "rest"},
    "wait": {"rest", "serialization", "upgrades"},
    "releases": {"rest", "serialization", "upgrades", "wait"},
    "messages": {"releases", "rest", "upgrades", "wait"},
    "provider_info": {"auth"},
    "xcoms": set(),
    "links": {"airflow_versions", "cluster", "upgrades", "xcoms"},
    "hooks": {"auth", "cluster", "provider_info", "releases", "rest", "upgrades", "wait"},
    "polling": {"hooks", "messages", "rest", "upgrades", "wait"},
    "commands": {
        "",
        "auth",
        "cluster",
        "hooks",
        "messages",
        "polling",
        "releases",
        "rest",
        "upgrades",
        "wait",
    },
    "triggers": {"airflow_versions", "cluster", "hooks", "messages", "releases", "rest", "upgrades", "wait"},
    "plugins": {"links"},
    "assets": {"airflow_versions", "rest", "triggers", "upgrades", "wait"},
    "operators": {
        "airflow_versions",
        "exceptions",
        "hooks",
        "links",
        "messages",
        "releases",
        "rest",
        "sensors",
        "triggers",
        "upgrades",
        "wait",
        "xcoms",
    },
    "notifications": {"links", "messages", "operators", "releases", "rest"},
    "task_groups": {"operators", "releases", "rest", "wait"},
    "sensors": {
        "cluster",
        "exceptions",
        "hooks",
        "links",
        "messages",
        "polling",
        "rest",
        "triggers",
        "upgrades",
        "wait",
        "xcoms",
    },
    "recordings": {"rest", "serialization", "upgrades"},
    "simulator": {"", "cluster", "recordings", "rest", "upgrades"},
}

CORE = ["rest", "upgrades", "recordings", "wait", "releases", "messages", "auth", "cluster", "polling"]


@cache
def modules() -> dict[str, Path]:
    """Return each module by its dotted name below the package; the root package is the empty name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of the package that a module imports anywhere, imports for types included."""
    found = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE.name:
            parent = (node.module or "").partition(".")[2]
            for name in node.names:
                child = f"{parent}.{name.name}".strip(".")
                found.add(child if child in modules() else parent)
    return frozenset(found)


def package_of(module: str) -> str:
    return module.partition(".")[0]


def loaded_after(statement: str) -> set[str]:
    """Return the libraries that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*(name for name in {LIBRARIES!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_packages_import_as_drawn() -> None:
    """Each arrow is used, and there are no others."""
    found: dict[str, set[str]] = {}
    for module in modules():
        package = package_of(module)
        found.setdefault(package, set()).update(map(package_of, imports(module)))
    assert {package: targets - {package} for package, targets in found.items()} == ARROWS


def test_packages_form_layers() -> None:
    """A cycle between packages would be a CycleError."""
    assert next(iter(TopologicalSorter(ARROWS).static_order())) in {"", "airflow_versions", "exceptions"}


def test_modules_have_no_cycle() -> None:
    """Imports for types count."""
    graph = {module: imports(module) - {module} for module in modules()}
    assert set(TopologicalSorter(graph).static_order()) == set(modules())


@pytest.mark.parametrize("package", CORE)
def test_core_loads_no_airflow(package: str) -> None:
    """No network library either: requests and aiohttp are imported when a request is sent."""
    names = [name for name in modules() if package_of(name) == package and not name.endswith("_transport")]
    code = "\n".join(f"import airflow_provider_sf.{name}" for name in names)
    assert not loaded_after(code) & {"airflow", "requests", "aiohttp", "yarl", "asgiref", "pendulum"}


@pytest.mark.parametrize("package", ["rest", "upgrades", "recordings", "wait", "releases", "messages"])
def test_pure_packages_load_no_network_library(package: str) -> None:
    code = "\n".join(
        f"import airflow_provider_sf.{name}" for name in modules() if package_of(name) == package
    )
    assert loaded_after(code) == set()


def test_calls_load_no_airflow() -> None:
    """Of the hooks, only the class that Airflow knows needs Airflow."""
    names = [name for name in modules() if package_of(name) == "hooks" and name != "hooks.service_fabric"]
    assert not loaded_after("\n".join(f"import airflow_provider_sf.{name}" for name in names)) & {"airflow"}


def test_command_loads_no_airflow() -> None:
    """A wait sends a request with requests only; the options alone load almost nothing."""
    names = [name for name in modules() if package_of(name) == "commands" and name != "commands.airflow_cli"]
    loaded = loaded_after("\n".join(f"import airflow_provider_sf.{name}" for name in names))
    assert not loaded & {"airflow", "requests", "aiohttp", "yarl", "asgiref", "pendulum"}
    assert loaded_after("import airflow_provider_sf.commands.options") == set()


def test_simulator_loads_no_airflow() -> None:
    loaded = loaded_after("import airflow_provider_sf.simulator.__main__")
    assert not loaded & {"airflow", "requests", "aiohttp"}


def test_dag_file_loads_no_network_library() -> None:
    """Importing the sensor and the operator adds nothing that a DAG file does not need."""
    code = """
import airflow.sdk, sys
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
assert not {"requests", "aiohttp", "asgiref"} & set(sys.modules)
loaded = [name for name in sys.modules if name.startswith("airflow_provider_sf.")]
assert not any(name.split(".")[1] in {"messages", "triggers", "hooks", "cluster"} for name in loaded), loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_is_named_utils() -> None:
    forbidden = {"utils", "helpers", "common", "base", "manager", "misc"}
    assert not {path.stem for path in PACKAGE.rglob("*.py")} & forbidden
