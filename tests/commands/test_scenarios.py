"""``sf-wait`` has the verdict, the log and the JSON of the sensor, in each scenario and for each kind."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.upgrades.kinds import DEFAULT_KIND, KINDS
from tests.sensors.test_scenarios import (
    CASES,
    FAILED,
    OF_ANOTHER,
    ONE_PER_RESULT,
    PAUSED,
    REFUSED,
    REJECTED,
    ROLLED_BACK,
    ROLLING_BACK,
    SHORT,
    STALL,
    START,
    SUCCESS,
    SUPERSEDED,
    TIMEOUT,
    UNKNOWN,
    Case,
    expected,
    made,
)
from tests.simulated_waits import KIND_SCENARIOS, subject_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
    from airflow_provider_sf.simulator import Simulator
    from tests.commands.conftest import Done

CODES = {
    SUCCESS: 0,
    OF_ANOTHER: 0,
    REFUSED: 2,
    FAILED: 10,
    ROLLED_BACK: 11,
    "UpgradeFailed: undone": 12,
    SUPERSEDED: 13,
    PAUSED: 14,
    ROLLING_BACK: 15,
    TIMEOUT: 20,
    START: 21,
    STALL: 22,
    UNKNOWN: 23,
    REJECTED: 31,
}
"""The result of the sensor -> the exit code."""

INTERVAL = 60.0


def is_thorough(kind: str, case: Case) -> bool:
    """Whether ``make test`` leaves this out: for most kinds it runs one case for each result."""
    return kind != DEFAULT_KIND and case not in ONE_PER_RESULT


def run_sensor(sensor: ServiceFabricUpgradeSensor, clock: Any, ti: Any) -> tuple[list[str], str]:
    """Poke until the wait has ended, with the simulated clock; return the log and the last message."""
    lines: list[str] = []
    log: Any = sensor.log
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        while not sensor.poke({"ti": ti}).is_done:
            clock.now += INTERVAL
    except (AirflowException, ServiceFabricError) as error:
        return lines, str(error)
    finally:
        log.removeHandler(handler)
    return lines[:-1], lines[-1]


def words_of(sensor: ServiceFabricUpgradeSensor, case: Case, previous: Path | None) -> list[str]:
    """Return the command line for the parameters of a sensor."""
    words = [sensor.name, "--kind", str(sensor.kind), "--poll-interval", f"{INTERVAL:g}", "--json"]
    for parameter in case.keywords:
        value = getattr(sensor, parameter)
        words += [f"--{parameter.replace('_', '-')}", *([] if value is True else [str(value)])]
    return [*words, *(["--previous", str(previous)] if previous else [])]


@pytest.mark.unmeasured
@pytest.mark.filterwarnings("ignore:.*is shorter than poke_interval")
@pytest.mark.usefixtures("moving_clock")
@pytest.mark.parametrize(
    ("kind", "case"),
    [
        pytest.param(
            *(kind, case),
            id=f"{kind}-{case.scenario}-{case.parameters}",
            marks=[pytest.mark.thorough] if is_thorough(kind, case) else [],
        )
        for kind in KINDS
        for case in CASES
        if (kind, case.scenario) in KIND_SCENARIOS
    ],
)
def test_command_waits_as_the_sensor(
    *,
    kind: str,
    case: Case,
    simulator: Simulator,
    clock: Any,
    ti: Any,
    sf_wait: Callable[..., Done],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same exit code as in the table, and the log and the XCom of the sensor in poke mode."""
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{simulator.port}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")  # it folds as Airflow does
    simulator.cluster_scenario = case.scenario
    wanted, began_at, file, known = expected(case, kind, "poke"), clock.now, tmp_path / "snap.json", {}
    if case.snapshot:
        known = {"previous": snapshot(subject_name(case.scenario, kind), kind, clock)}
        file.write_text(json.dumps(known["previous"]))
    # The timeouts of the table are for the real clock.
    case = replace(
        case, keywords={name: 600.0 if value == SHORT else value for name, value in case.keywords.items()}
    )
    if wanted == REFUSED:
        unchecked = made(replace(case, keywords={}), kind, "poke", poke_interval=INTERVAL)
        refused = sf_wait(
            *words_of(unchecked, Case("", "", ""), None), "--started-after", "2026-03-01T03:00:00Z"
        )
        assert (refused.code, refused.out) == (CODES[wanted], "")
        assert "started_after is not supported" in refused.err
        return
    sensor = made(case, kind, "poke", poke_interval=INTERVAL, **known)
    lines, message = run_sensor(sensor, clock, ti)

    clock.now = began_at
    simulator.reset()
    if case.snapshot:
        snapshot(subject_name(case.scenario, kind), kind, clock)
    done = sf_wait(*words_of(sensor, case, file if case.snapshot else None))
    assert done.code == CODES[wanted]
    assert done.err.splitlines() == [*lines, *message.splitlines()]
    assert json.loads(done.out) == ti.xcoms["upgrade_wait"]


def snapshot(name: str, kind: str, clock: Any) -> dict[str, Any]:
    """Read the record 50 seconds after the first request, which shows the state before the upgrade."""
    hook = ServiceFabricHook()
    hook.get_upgrade_progress(name, kind=kind)
    clock.now += 50.0
    return hook.get_upgrade_progress(name, kind=kind).to_dict()


def test_every_result_has_a_case() -> None:
    assert {case.ends for case in CASES} <= set(CODES)
