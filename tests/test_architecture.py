"""Who may import whom, and what an import costs. Each look is at a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "airflow_provider_sf"
LIBRARIES = ["airflow", "requests", "aiohttp", "ssl", "asyncio", "yarl", "asgiref", "pendulum"]

# Module -> what it may import of the package. Arrows point one way only.
ARROWS = {
    "wire": set(),
    "names": {"wire"},
    "error_codes": set(),
    "rest": {"", "error_codes", "names", "wire"},
    "kinds": {"names", "rest", "wire"},
    "outcomes": set(),
    "services": {"wire"},
    "domains": {"wire"},
    "health": {"wire"},
    "upgrades": {"domains", "health", "kinds", "outcomes", "rest", "services", "wire"},
    "applications": {"health", "rest", "wire"},
    "parameters": {"kinds"},
    "identity": {"outcomes", "parameters", "upgrades", "wire"},
    "intent": {"identity", "names", "parameters", "upgrades"},
    "reasons": {"upgrades", "wire"},
    "timeline": {"outcomes", "services", "upgrades", "wire"},
    "story": {"identity", "rest", "timeline", "upgrades", "wire"},
    "watching": {"identity", "outcomes", "rest", "story", "timeline", "upgrades", "wire"},
    "wording": {"identity", "kinds", "outcomes", "services", "timeline", "upgrades"},
    "narration": {"outcomes", "rest", "services", "story", "upgrades", "watching", "wording"},
    "endings": {"kinds", "outcomes", "rest", "story", "timeline", "upgrades", "watching", "wording"},
    "retelling": {"outcomes", "story", "timeline", "upgrades", "wording"},
    "addresses": set(),
    "gateways": {"rest"},
    "certificates": {"wire"},
    "entra": {"certificates", "rest"},
    "tokens": {"entra", "rest"},
    "trust": set(),
    "security": {"certificates", "entra", "rest", "tls", "trust"},
    "tls": {"certificates", "trust"},
    "faults": {"addresses", "rest", "tls"},
    "requests_transport": {"faults", "rest", "security", "tls", "trust"},
    "sharing": set(),
    "time_limit": set(),
    "aiohttp_transport": {"faults", "rest", "security", "sharing", "time_limit", "tls"},
    "cluster": {
        "addresses",
        "aiohttp_transport",
        "entra",
        "gateways",
        "requests_transport",
        "rest",
        "security",
        "tokens",
        "wire",
    },
    "connection_form": set(),
    "hooks.shared_cluster": {"cluster", "rest", "sharing"},
    "hooks.service_fabric": {
        "",
        "applications",
        "certificates",
        "cluster",
        "gateways",
        "hooks.shared_cluster",
        "kinds",
        "parameters",
        "reasons",
        "rest",
        "security",
        "sharing",
        "upgrades",
    },
    "links.service_fabric": {"cluster", "kinds", "upgrades"},
    "triggers.live_progress": {"sharing", "story"},
    "triggers.beat": set(),
    "triggers.shared_polls": {
        "cluster",
        "hooks.service_fabric",
        "hooks.shared_cluster",
        "kinds",
        "rest",
        "sharing",
        "triggers.beat",
        "upgrades",
        "watching",
    },
    "triggers.service_fabric": {
        "hooks.shared_cluster",
        "narration",
        "sharing",
        "story",
        "triggers.live_progress",
        "triggers.shared_polls",
        "watching",
        "wire",
    },
    "sensors.failure": set(),
    "sensors.service_fabric": {
        "identity",
        "intent",
        "kinds",
        "links.service_fabric",
        "parameters",
        "sensors.failure",
        "sensors.waiting",
        "upgrades",
    },
    "sensors.waiting": {
        "cluster",
        "endings",
        "hooks.service_fabric",
        "intent",
        "links.service_fabric",
        "narration",
        "reasons",
        "rest",
        "retelling",
        "sensors.failure",
        "sensors.service_fabric",
        "story",
        "triggers.service_fabric",
        "watching",
        "wire",
    },
    "operators.service_fabric": {
        "hooks.service_fabric",
        "kinds",
        "links.service_fabric",
        "narration",
        "parameters",
        "wording",
    },
    "simulator": {"simulator.scenarios", "simulator.server"},
    "simulator.scenarios": set(),
    "simulator.answers": {"simulator.scenarios"},
    "simulator.moments": {"simulator.scenarios"},
    "simulator.dialects": {"simulator.answers"},
    "simulator.domains": {"simulator.moments", "simulator.scenarios"},
    "simulator.health": {"simulator.domains", "simulator.scenarios"},
    "simulator.model": {
        "kinds",
        "simulator.answers",
        "simulator.dialects",
        "simulator.domains",
        "simulator.health",
        "simulator.moments",
        "simulator.scenarios",
    },
    "simulator.applications": {"simulator.model", "simulator.moments"},
    "simulator.cluster": {
        "applications",
        "kinds",
        "names",
        "rest",
        "simulator.answers",
        "simulator.applications",
        "simulator.model",
        "simulator.moments",
        "simulator.scenarios",
    },
    "simulator.certificates": set(),
    "simulator.tls": {"simulator.certificates"},
    "simulator.entra": {"simulator.answers", "simulator.certificates"},
    "simulator.gateway": {"simulator.answers", "simulator.tls"},
    "simulator.security": {
        "simulator.answers",
        "simulator.certificates",
        "simulator.cluster",
        "simulator.entra",
        "simulator.gateway",
        "simulator.tls",
    },
    "simulator.connection": {"simulator.security"},
    "simulator.server": {
        "simulator.answers",
        "simulator.certificates",
        "simulator.cluster",
        "simulator.entra",
        "simulator.gateway",
        "simulator.security",
    },
    "simulator.__main__": {
        "addresses",
        "kinds",
        "simulator",
        "simulator.certificates",
        "simulator.connection",
        "simulator.tls",
    },
    "hooks": set(),
    "links": set(),
    "operators": set(),
    "sensors": set(),
    "triggers": set(),
    "": {"connection_form"},
}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path) -> set[str]:
    """Return what a module imports of the package, in whatever place of the file, names without the package's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE.name:
            found.add((node.module or "").partition(".")[2])
    return found


def loaded_after(statement: str) -> set[str]:
    """Return which of the libraries a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*(name for name in {LIBRARIES!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", modules())
def test_arrows_point_one_way(module: str) -> None:
    assert imports(modules()[module]) <= ARROWS[module]


def test_every_arrow_is_used() -> None:
    """An arrow that nothing needs any more would allow what nobody decided."""
    assert {module: imports(path) for module, path in modules().items()} == ARROWS


@pytest.mark.parametrize(
    "module",
    [
        "rest",
        "error_codes",
        "wire",
        "addresses",
        "gateways",
        "certificates",
        "entra",
        "trust",
        "connection_form",
        "names",
        "kinds",
        "outcomes",
        "services",
        "domains",
        "health",
        "applications",
        "reasons",
        "upgrades",
        "identity",
        "intent",
        "parameters",
        "timeline",
        "story",
        "watching",
        "wording",
        "narration",
        "endings",
        "retelling",
    ],
)
def test_the_pure_core_loads_neither_airflow_nor_a_network_library(module: str) -> None:
    assert loaded_after(f"import airflow_provider_sf.{module}") == set()


def test_the_cluster_loads_no_library_before_it_is_used() -> None:
    assert loaded_after("import airflow_provider_sf.cluster") <= {"asyncio", "ssl"}


def test_the_simulator_needs_no_airflow() -> None:
    assert not loaded_after("import airflow_provider_sf.simulator.__main__") & {
        "airflow",
        "requests",
        "aiohttp",
    }


def test_nobody_in_the_package_imports_the_simulator() -> None:
    users = {
        module for module, path in modules().items() if any("simulator" in name for name in imports(path))
    }
    assert {module.partition(".")[0] for module in users} == {"simulator"}


def test_a_dag_file_that_imports_sensor_and_operator_pays_at_most_50_ms_and_loads_no_network_library() -> (
    None
):
    """The best of up to five, each in its own interpreter: the machine may be busy, the import may not."""
    code = """
import gc, sys, time
import airflow.sdk
gc.collect()  # of Airflow's own objects, which would fall anywhere
before = time.perf_counter()
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
print((time.perf_counter() - before) * 1000, "requests" in sys.modules, "aiohttp" in sys.modules)
"""
    fastest = 1e9
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        milliseconds, *loaded = done.stdout.split()
        assert loaded == ["False", "False"]
        fastest = min(fastest, float(milliseconds))
        if fastest <= 50:
            break
    assert fastest <= 50


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not {path.stem for path in PACKAGE.rglob("*.py")} & {
        "utils",
        "helpers",
        "common",
        "base",
        "manager",
    }
