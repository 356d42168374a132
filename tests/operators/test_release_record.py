"""The operator writes the record of a run once, as JSON and as a page, without secrets."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.operators import masking
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricReleaseRecordOperator,
    ServiceFabricUpgradeApplicationOperator,
)
from airflow_provider_sf.releases.record_chain import problems_in
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from tests.releases.recorded_release import GATE, START, wait_xcoms

XCOMS = {
    ("gate", -1): {"upgrade_gate": GATE},
    ("upgrade", 0): {"upgrade_start": START, **wait_xcoms("rolled_back")},
    ("upgrade", 10): wait_xcoms("good"),
}
STATES = {"gate": "success", "upgrade_0": "failed", "upgrade_10": "success", "upgrade_2": None}


class Operator(ServiceFabricReleaseRecordOperator):
    log = logging.getLogger("operator")  # type: ignore[assignment]


class Channel:
    """The part of the task instance that asks the supervisor of the task: it cannot run here."""

    dag_id, task_id, map_index = "release", "record", -1

    def __init__(self, run_id: str, xcoms: dict[Any, Any]) -> None:
        self.run_id, self.stored, self.pushed = run_id, xcoms, dict[str, Any]()

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        return self.stored.get((task_ids, map_indexes), {}).get(key)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_task_states(self, *, dag_id: str, run_ids: list[str], task_ids: list[str]) -> dict[str, Any]:
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        (task_id,) = task_ids
        found = {name: state for name, state in STATES.items() if name.partition("_")[0] == task_id}
        return {self.run_id: found}


def execute(
    folder: Path, run_id: str = "manual__1", xcoms: dict[Any, Any] | None = None, **keywords: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the record and the other XComs."""
    ti = Channel(run_id, XCOMS if xcoms is None else xcoms)
    started_at = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
    dag_run = SimpleNamespace(triggering_user_name="ada", run_type="manual", start_date=started_at)
    task = Operator(task_id="record", folder=str(folder), **{"task_ids": ["gate", "upgrade"], **keywords})
    context: Any = {"ti": ti, "dag_run": dag_run}
    return task.execute(context), ti.pushed


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_record_and_page_are_written(tmp_path: Path) -> None:
    record, pushed = execute(tmp_path / "new" / "folder")
    assert pushed["release_record_files"]["json"].endswith("/release__manual__1.json")
    assert json.loads(Path(pushed["release_record_files"]["json"]).read_text()) == record
    assert Path(pushed["release_record_files"]["html"]).read_text().startswith("<!DOCTYPE html>")
    assert problems_in(files_in(tmp_path / "new" / "folder"), record["sha256"]) == []


def test_record_names_run_and_tasks(tmp_path: Path) -> None:
    record, _ = execute(tmp_path)
    assert (record["started_by"], record["run_type"], record["outcome"]) == ("ada", "manual", "rolled_back")
    tasks = {(task["task_id"], task["map_index"]): task["state"] for task in record["tasks"]}
    assert tasks == {
        ("gate", None): "success",
        ("upgrade", 0): "failed",
        ("upgrade", 10): "success",
        ("upgrade", 2): None,
    }


def test_repeated_try_writes_nothing_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, _ = execute(tmp_path)
    before = files_in(tmp_path)
    with caplog.at_level(logging.INFO, logger="operator"):
        assert execute(tmp_path)[0] == first
    assert files_in(tmp_path) == before
    assert "Found the record of an earlier try" in caplog.text


def test_changed_release_is_another_record(tmp_path: Path) -> None:
    """A task was cleared after the record was written: both records stay."""
    first, _ = execute(tmp_path)
    second, pushed = execute(tmp_path, xcoms={("gate", -1): {"upgrade_gate": GATE}})
    assert second["previous_sha256"] == first["sha256"]
    assert pushed["release_record_files"]["json"].endswith("__2.json")
    assert problems_in(files_in(tmp_path), second["sha256"]) == []


def test_runs_with_similar_names_stay_apart(tmp_path: Path) -> None:
    for run_id in ("a:b", "a/b", "a+b", "../b"):
        execute(tmp_path, run_id)
    files = files_in(tmp_path)
    runs = {json.loads(content)["run_id"] for name, content in files.items() if name.endswith(".json")}
    assert runs == {"a:b", "a/b", "a+b", "../b"}
    assert problems_in(files) == []


def test_page_of_a_killed_try_is_replaced(tmp_path: Path) -> None:
    execute(tmp_path, "first")
    (tmp_path / "release__second.html").write_text("a part")
    execute(tmp_path, "second")
    assert problems_in(files_in(tmp_path)) == []


def test_changed_records_stop_the_next(tmp_path: Path) -> None:
    _, pushed = execute(tmp_path, "first")
    path = Path(pushed["release_record_files"]["html"])
    path.write_text(path.read_text().replace("ada", "eve"))
    with pytest.raises(ValueError, match=r"first\.html: the page was changed"):
        execute(tmp_path, "second")
    assert not (tmp_path / "release__second.json").exists()


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000], ids=["list", "no JSON", "deep"])
def test_other_file_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "release__manual__1.json").write_text(content)
    with pytest.raises(ValueError, match=r"release__manual__1\.json: the file is not a release record"):
        execute(tmp_path)
    assert (tmp_path / "release__manual__1.json").read_text() == content


def test_xcoms_can_be_turned_off(tmp_path: Path) -> None:
    record, pushed = execute(tmp_path, do_xcom_push=False)
    assert pushed == {}
    assert problems_in(files_in(tmp_path), record["sha256"]) == []


def test_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        execute(tmp_path / "file")


def test_release_without_xcoms_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no XComs to record"):
        execute(tmp_path, xcoms={})
    assert files_in(tmp_path) == {}


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    """Airflow knows a secret from a connection; others stand where values of parameters are."""
    masking.mask("planted-token-of-connection")
    wait = wait_xcoms("rolled_back")
    wait["upgrade_wait"] |= {
        "message": "refused planted-token-of-connection",
        "reasons": ["at https://a/b?sig=planted"],
    }
    deep = {**GATE, "decisions": [{"checks": [{"name": "c", "message": "planted-token-of-connection"}]}]}
    xcoms = {("gate", -1): {"upgrade_gate": deep}, ("upgrade", 0): {"upgrade_start": START, **wait}}
    record, _ = execute(tmp_path, xcoms=xcoms)
    assert record["tasks"][0]["message"] == "refused ***"
    assert [name for name, content in files_in(tmp_path).items() if b"planted" in content] == []
    assert len(files_in(tmp_path)) == 2


def test_full_disk_does_not_stop_other_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The disk is full after the page. A page without its record would be a problem of the folder.

    The call is replaced, because a test cannot fill the disk at that moment.
    """
    write = os.fsync
    calls: list[int] = []

    def full(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        write(number)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        execute(tmp_path)
    assert files_in(tmp_path) == {}
    monkeypatch.undo()
    execute(tmp_path, "manual__2")
    execute(tmp_path)
    assert len(files_in(tmp_path)) == 4
    assert problems_in(files_in(tmp_path)) == []


def test_upstream_tasks_of_the_provider_are_recorded() -> None:
    with DAG(dag_id="recorded", schedule=None):
        mapped = ServiceFabricUpgradeSensor.partial(task_id="mapped").expand(name=["a", "b"])
        upgrade = ServiceFabricUpgradeApplicationOperator(
            task_id="upgrade", name="fabric:/a", target_version="v1"
        )
        first = Operator(task_id="first", folder="/a")
        last = Operator(task_id="last", folder="/a")
        other = ServiceFabricUpgradeSensor(task_id="other", name="a")
        mapped >> upgrade >> first >> last
        last >> other
    assert last.recorded_task_ids() == ["mapped", "upgrade"]
    assert last.trigger_rule == "all_done"
    assert Operator(task_id="a", folder="/a", trigger_rule="one_failed").trigger_rule == "one_failed"


def test_record_names_the_connections() -> None:
    """A template, or one of several connections of a mapped task, is not known from the DAG file."""
    with DAG(dag_id="connected", schedule=None):
        sensor = ServiceFabricUpgradeSensor
        plain = sensor(task_id="plain", name="a", service_fabric_conn_id="west")
        default = sensor.partial(task_id="default").expand(name=["a", "b"])
        same = sensor.partial(task_id="same", service_fabric_conn_id="east").expand(name=["a", "b"])
        mapped = sensor.partial(task_id="mapped", name="a").expand(service_fabric_conn_id=["c", "d"])
        keywords = sensor.partial(task_id="keywords").expand_kwargs([{"name": "a"}])
        template = sensor(task_id="template", name="a", service_fabric_conn_id="{{ params.a }}")
        record = Operator(task_id="last", folder="/a")
        [plain, default, same, mapped, keywords, template] >> record
    assert record._connections([*record.recorded_task_ids(), "gone"]) == {
        "default": "service_fabric_default",
        "plain": "west",
        "same": "east",
    }


def test_task_ids_must_be_a_list() -> None:
    with pytest.raises(ValueError, match="task 'record': task_ids must be a list of task ids"):
        Operator(task_id="record", folder="/a", task_ids="upgrade")


def test_states_come_from_models_on_airflow_2(tmp_path: Path) -> None:
    """There a task reads the database, and its instance has no ``get_task_states``."""

    class OldChannel(Channel):
        get_task_states = property()

    instances = [
        SimpleNamespace(task_id="upgrade", map_index=0, state="failed"),
        SimpleNamespace(task_id="gate", map_index=-1, state="success"),
    ]
    dag_run = SimpleNamespace(get_task_instances=lambda: instances, start_date=None)
    context: Any = {"ti": OldChannel("old", XCOMS), "dag_run": dag_run}
    task = Operator(task_id="record", folder=str(tmp_path), task_ids=["gate", "upgrade"])
    record = task.execute(context)
    assert {(item["task_id"], item["state"]) for item in record["tasks"]} == {
        ("gate", "success"),
        ("upgrade", "failed"),
    }
    assert record["started_by"] is None
