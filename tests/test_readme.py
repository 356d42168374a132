"""README and docs show what really happens."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.starts import started_line
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from airflow_provider_sf.simulator.courses import PREPARATION_SECONDS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import step
from tests.test_example_dags import RUN, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conftest import Clock

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str, except_in: str = "") -> list[pytest.param]:  # type: ignore[valid-type]
    return [
        pytest.param(match[2], id=f"{page.relative_to(ROOT)}-{place}")
        for page in PAGES
        if page.parent.name != except_in
        for place, match in enumerate(
            found for found in FENCE.finditer(page.read_text()) if found[1] == language
        )
    ]


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("code", blocks("python"))
def test_python_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the connection is not part of the block."""
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("code", blocks("bash"))
def test_bash_block_is_a_connection(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["bash", "-ec", f'{code}\nprintf %s "${CONNECTION}"']
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    monkeypatch.setenv(CONNECTION, printed.stdout)
    assert ServiceFabricHook().get_conn().endpoints == ("http://mycluster.example.com:19080",)


@pytest.mark.parametrize("code", blocks("json", except_in="how-to"))
def test_json_block_is_a_connection(code: str) -> None:
    """The files that the block names are replaced by their content. Those of the guides are in test_how_to.py."""
    connection = json.loads(code)
    if "conn_type" in connection:
        client = Authority().client()
        files = {
            "client_certificate": client.pem,
            "private_key": client.encrypted_key_pem("..."),
            "ca_bundle": client.pem,
        }
        extra = {
            name: files[name].decode() if name in files else value
            for name, value in connection["extra"].items()
        }
        assert Cluster.at(connection["host"], None, extra).endpoint == "https://mycluster.example.com:19080"


def test_readme_dag_has_at_most_15_lines() -> None:
    dag = next(code for code in FENCE.findall(PAGES[0].read_text()) if "DAG(" in code[1])[1]
    assert len([line for line in dag.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_and_headings_exist(page: Path) -> None:
    for target, heading in re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not heading or heading in headings(file), f"{target}#{heading}"


def headings(page: Path) -> set[str]:
    """Return the anchors that a web site makes of the headings."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_record_keys_are_documented() -> None:
    page = (ROOT / "docs" / "reference" / "record.md").read_text()
    for key in UpgradeProgress("application_resource", "shop").to_dict():
        assert f"`{key}`" in page


def test_connection_fields_are_documented() -> None:
    page = (ROOT / "docs" / "reference" / "connection.md").read_text()
    for field in get_provider_info()["connection-types"][0]["conn-fields"]:
        assert f"`{field}`" in page


def upgrade_log(clock: Clock, name: str, seconds: Iterable[float]) -> list[str]:
    """Start an upgrade, poll it at these seconds after its start, and return the lines of the log and the error."""
    hook, policy, logged = ServiceFabricHook(), Policy(15.0), LogState()
    upgrade = ApplicationUpgrade(name=name, target_version="v1", monitoring_policy=MonitoringPolicy())
    old_version = hook.get_application(name).type_version
    hook.start_application_upgrade(upgrade)
    began_at, clock.now = clock.now, clock.now + PREPARATION_SECONDS
    first = hook.get_upgrade_progress(name, kind="application")
    identity = replace(UpgradeIdentity.from_record(first), target_version="v1")
    lines, state = [started_line(identity, is_adopted=False)], WaitState()
    state = replace(state, expected=identity, old_version=old_version)
    for second in seconds:
        clock.now = began_at + PREPARATION_SECONDS + second
        now = datetime.fromtimestamp(clock.now, timezone.utc)
        record = hook.get_upgrade_progress(name, kind="application")
        before, (state, _) = state, step(policy, state, record, now)
        logged, new_lines = changed_lines(logged, before, state, policy, now)
        lines += [line for _, line in new_lines]
    return [*lines, result(policy, state)]


def result(policy: Policy, state: WaitState) -> str:
    """Return the last message of a wait."""
    record = state.record
    assert record is not None
    state = replace(
        state.ended("upgrade", datetime.now(timezone.utc)),
        reasons=failure_reasons([FailureDetails.from_record(record)]),
    )
    if record.outcome is Outcome.SUCCEEDED:
        return success_message(state, record)
    return failure_message(policy, state, record, Verdict.FAILED)


def text_block(*lines: str) -> str:
    return "\n".join(("```text", *lines, "```\n"))


@pytest.mark.usefixtures("simulator")
def test_readme_log_is_the_real_log(clock: Clock, documented: Any) -> None:
    log = upgrade_log(clock, "fabric:/idle-shop/web", [15.0 * poll for poll in range(40)])
    documented("../README.md", "log", text_block(*log))


@pytest.mark.usefixtures("simulator")
def test_readme_error_is_the_real_error(clock: Clock, documented: Any) -> None:
    log = upgrade_log(clock, "fabric:/idle_rolled_back-shop/web", [15.0 * poll for poll in range(44)])
    documented("../README.md", "error", text_block(log[-1]))


@pytest.mark.live
def test_readme_release_runs_offline(tmp_path: Path) -> None:
    """The first DAG of the README is a whole release: exactly one upgrade, and it succeeds."""
    readme = PAGES[0].read_text()
    code = (
        readme.partition("```python\n")[2]
        .partition("```")[0]
        .replace("max_active_runs=1):", "max_active_runs=1) as dag:")
    )
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "release.py").write_text(code)
    with Simulator(speed=20.0) as simulator:
        folder = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        job = {
            "path": str(dags / "release.py"),
            "options": {},
            "connections": {CONNECTION: f"service-fabric://127.0.0.1:{simulator.port}"},
            "log": str(tmp_path / "log.txt"),
        }
        run(["-m", "airflow", "db", "migrate"], tmp_path, **folder)
        run(["-m", "airflow", "dags", "reserialize"], tmp_path, **folder)
        run(["-c", RUN, json.dumps([job])], tmp_path, **folder)
        assert [command.call for command in simulator.journal] == ["start_application_upgrade"]
    assert 'STATES ["success", ["upgrade", -1, "success"]]' in (tmp_path / "log.txt").read_text()
