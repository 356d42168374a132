"""The operator reads the progress once, and succeeds with every outcome."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_provider_sf.operators import service_fabric as operators
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.upgrades import UpgradeProgress


class Operator(ServiceFabricUpgradeProgressOperator):
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("operator")  # type: ignore[assignment]


def operator(name: str, **keywords: Any) -> ServiceFabricUpgradeProgressOperator:
    return Operator(task_id="read", name=name, **keywords)


@pytest.mark.parametrize(
    ("scenario", "outcome"),
    [
        ("good", "succeeded"),
        ("rolled_back", "rolled_back"),
        ("failed", "failed"),
        ("never_upgraded", "not_upgraded"),
    ],
)
def test_any_record_is_pushed(scenario: str, outcome: str, simulator: Any, clock: Any, ti: Any) -> None:
    operator(f"{scenario}-shop").execute({"ti": ti})
    clock.now += 3600
    record = operator(f"{scenario}-shop").execute({"ti": ti})
    assert record["outcome"] == outcome
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert len(simulator.requests) == 2


@pytest.mark.usefixtures("simulator")
def test_log_names_what_blocks_the_upgrade(clock: Any, ti: Any, caplog: pytest.LogCaptureFixture) -> None:
    name = "fabric:/stuck-shop/web"
    operator(name).execute({"ti": ti})
    clock.now += 3600
    with caplog.at_level(logging.INFO, logger="operator"):
        operator(name).execute({"ti": ti})
    status, blocker = [line for logger, _, line in caplog.record_tuples if logger == "operator"][-2:]
    assert status.startswith(
        f"Upgrade of application '{name}': rolling forward in progress   40 %  [####------]"
    )
    assert blocker.startswith("  node node5 waits for EnsureAvailability: ")


def test_only_a_failed_read_fails_the_task(simulator: Any, ti: Any) -> None:
    with pytest.raises(Rejected, match="not_found-shop"):
        operator("not_found-shop").execute({"ti": ti})
    assert len(simulator.requests) == 1


def test_include_raw_adds_the_answer(simulator: Any, ti: Any) -> None:
    assert "raw" not in operator("good-shop").execute({"ti": ti})
    assert operator("good-shop", include_raw=True).execute({"ti": ti})["raw"]["Name"] == "good-shop"
    assert simulator.requests


def test_name_and_connection_are_templated() -> None:
    assert operator("{{ params.a }}").template_fields == ("name", "kind", "service_fabric_conn_id")


def test_name_shows_the_kind(simulator: Any, ti: Any) -> None:
    assert operator("fabric:/good-shop/web").execute({"ti": ti})["kind"] == "application"
    assert operator("good-shop").execute({"ti": ti})["kind"] == "application_resource"
    assert len(simulator.requests) == 2


INVALID: dict[str, dict[str, Any]] = {
    "ServiceFabricApplyApplicationResourceOperator": {"name": "", "description": {}},
    "ServiceFabricBakeOperator": {"name": "", "bake_time": 0},
    "ServiceFabricCreateApplicationOperator": {"name": "", "type_name": "T", "type_version": "1"},
    "ServiceFabricProvisionApplicationTypeOperator": {"type_name": "T", "type_version": "1"},
    "ServiceFabricReleaseRecordOperator": {"folder": "a", "task_ids": "upgrade"},
    "ServiceFabricResumeUpgradeOperator": {"name": ""},
    "ServiceFabricRollbackUpgradeOperator": {"name": ""},
    "ServiceFabricUnprovisionApplicationTypeOperator": {"type_name": "T"},
    "ServiceFabricUpdateUpgradeOperator": {"name": ""},
    "ServiceFabricUpgradeApplicationOperator": {"name": "", "target_version": "1"},
    "ServiceFabricUpgradeComposeDeploymentOperator": {"name": "", "compose_file": "a"},
    "ServiceFabricUpgradeGateOperator": {"name": "", "target_version": "1"},
    "ServiceFabricUpgradeProgressOperator": {"name": ""},
    "ServiceFabricUploadApplicationPackageOperator": {"package": "a", "parallel": 0},
}


@pytest.mark.parametrize("name", operators.__all__)
def test_error_begins_with_the_task(name: str) -> None:
    with pytest.raises(ValueError, match=r"^task 'release': \w"):
        getattr(operators, name)(task_id="release", **INVALID[name])


@pytest.mark.parametrize(
    ("keywords", "message"), [({"name": "a/b"}, "'a/b'"), ({"name": "a", "kind": "mesh"}, "'mesh'")]
)
def test_invalid_parameter_is_refused_at_parse_time(keywords: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operator(**keywords)


def test_name_of_a_cluster_may_be_none(simulator: Any, ti: Any) -> None:
    """As a mapped task passes it on."""
    made = Operator(task_id="read", name=None, kind="cluster")
    record = made.execute({"ti": ti})
    assert record["name"] == ""
    assert UpgradeProgress.from_dict(record).to_dict() == record
    assert simulator.requests


def test_too_large_raw_answer_is_omitted(
    recorder: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"UpgradeState": "RollingForward", "Unknown": "x" * 20_000}).encode()
    recorder.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", recorder.url.replace("http", "service-fabric"))
    made = operator("shop", include_raw=True)
    with caplog.at_level(logging.WARNING):
        record = made.execute({"ti": ti})
    assert (record["raw"], record["omitted"]) == (None, {"raw": len(body)})
    assert (
        caplog.messages[-1]
        == f"raw is null: the answer ({len(body)} bytes) is too large for an XCom or cannot be stored"
    )
