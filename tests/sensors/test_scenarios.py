"""Each scenario ends as the table in docs/explanation/how_the_sensor_decides.md shows, for each kind and in the three modes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor, UpgradeFailed
from airflow_provider_sf.simulator import SCENARIOS
from airflow_provider_sf.simulator.kind_formats import KIND_FORMATS, KindFormat
from airflow_provider_sf.upgrades.kinds import DEFAULT_KIND, KINDS
from tests.sensors.running import MODES, run, sensor
from tests.simulated_waits import KIND_SCENARIOS, subject_name

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses", "simulator"),
]

SHORT = 0.06


@dataclass(frozen=True)
class Case:
    """A scenario, the parameters of the sensor, and the result; ``reschedule`` if it differs in that mode."""

    scenario: str
    parameters: str
    ends: str
    reschedule: str | None = None
    keywords: dict[str, Any] = field(default_factory=dict)
    snapshot: bool = False
    version: str = "v1"

    def expected(self, mode: str) -> str:
        return self.reschedule if mode == "reschedule" and self.reschedule else self.ends


SUCCESS = "success"
OF_ANOTHER = "success, of another upgrade"
FAILED, ROLLED_BACK, ROLLING_BACK = (
    "UpgradeFailed: failed",
    "UpgradeFailed: rolled back",
    "UpgradeFailed: rolling back",
)
PAUSED, SUPERSEDED = "UpgradeFailed: paused", "UpgradeFailed: superseded"
START, STALL = "AirflowSensorTimeout: start_timeout", "AirflowSensorTimeout: stall_timeout"
UNKNOWN, TIMEOUT = "AirflowSensorTimeout: unknown_state_timeout", "AirflowSensorTimeout: timeout"
REJECTED = "Rejected"
REFUSED = "refused when the DAG is parsed"

CASES = [
    Case("good", "", SUCCESS),
    Case("good", "a short timeout", TIMEOUT, keywords={"timeout": 0}),
    Case("flapping", "", SUCCESS),
    Case("failed", "", FAILED),
    Case("rolled_back", "", ROLLED_BACK),
    Case("rolled_back", 'on_rollback="fail_fast"', ROLLING_BACK, keywords={"on_rollback": "fail_fast"}),
    Case("paused", "", SUCCESS),
    Case("paused", 'on_paused="fail"', PAUSED, keywords={"on_paused": "fail"}),
    Case("next_domain", "", SUCCESS),
    Case("next_domain", 'on_paused="fail"', PAUSED, keywords={"on_paused": "fail"}),
    Case("stuck", "stall_timeout", STALL, REFUSED, keywords={"stall_timeout": SHORT}),
    Case("unknown_state", "", UNKNOWN, keywords={"unknown_state_timeout": SHORT}),
    Case("never_upgraded", "", START, keywords={"start_timeout": SHORT}),
    Case("slow_start", "", SUCCESS),
    Case("previous_first", "", OF_ANOTHER, version="v2"),
    Case("previous_first", "previous", SUCCESS, snapshot=True, version="v2"),
    Case(
        "previous_first",
        "started_after",
        SUCCESS,
        keywords={"started_after": "2026-03-01T03:00:00Z"},
        version="v2",
    ),
    Case(
        "previous_first", "target_version", SUCCESS, REFUSED, keywords={"target_version": "v2"}, version="v2"
    ),
    Case(
        "previous_first",
        "target_version that is there",
        START,
        REFUSED,
        keywords={"target_version": "v1", "start_timeout": SHORT},
    ),
    Case(
        "previous_first",
        "accept_current_version, too",
        OF_ANOTHER,
        REFUSED,
        keywords={"target_version": "v1", "accept_current_version": True},
        version="v2",
    ),
    Case("superseded", "", SUPERSEDED, OF_ANOTHER),
    Case("interrupted", "", SUPERSEDED, OF_ANOTHER),
    Case("interrupted", "previous", SUCCESS, snapshot=True, version="v2"),
    Case("not_found", "", REJECTED),
    Case(
        "not_found",
        "wait_for_existence",
        START,
        keywords={"wait_for_existence": True, "start_timeout": SHORT},
    ),
    Case("several_phases", "", SUCCESS, REFUSED),
    Case("later_phase_fails", "", "UpgradeFailed: undone", REFUSED),
    Case("refused", "", START, REFUSED, keywords={"start_timeout": SHORT}),
    Case("unauthorised", "", REJECTED),
]

ONE_PER_RESULT = list({case.ends: case for case in reversed(CASES)}.values())
"""The first case for each result."""


def expected(case: Case, kind: str, mode: str) -> str:
    """
    Return the result in the table.

    A kind without start times refuses ``started_after``; a kind with phases needs ``previous`` in reschedule mode.
    """
    has_start = "started_at" in KINDS[kind].keys
    is_undecided = KINDS[kind].is_multi_phase and mode == "reschedule" and not case.snapshot
    if is_undecided or (not has_start and "started_after" in case.keywords):
        return REFUSED
    return case.expected(mode)


def made(case: Case, kind: str, mode: str, **keywords: Any) -> ServiceFabricUpgradeSensor:
    """Return the sensor of a case, with versions in the form of the kind."""
    parameters = {**case.keywords, **keywords}
    if "target_version" in parameters:
        parameters["target_version"] = version_of(kind, parameters["target_version"])
    return sensor(subject_name(case.scenario, kind), mode, kind=kind, **parameters)


def version_of(kind: str, version: str) -> str:
    kind_format = KIND_FORMATS.get(kind, KindFormat())
    versions = kind_format.config_versions if KINDS[kind].is_multi_phase else kind_format.versions
    return str(versions.get(version, version))


def result(case: Case, kind: str, mode: str, ti: Any, **keywords: Any) -> str:
    """Run a wait, and return its result as in the table."""
    try:
        run(lambda: made(case, kind, mode, **keywords), ti)
    except ValueError as error:
        assert re.search("reschedule mode|started_after", str(error))  # noqa: PT017 - of many
        return REFUSED
    except UpgradeFailed as error:
        first = str(error).partition("\n")[0].lower()
        words = ("superseded", "rolling back", "rolled back", "undone", "paused", "failed")
        return "UpgradeFailed: " + next(word for word in words if first.startswith(word))
    except AirflowSensorTimeout as error:
        (parameter,) = re.findall(r"\((\w*timeout)\)", str(error).splitlines()[0])
        return f"AirflowSensorTimeout: {parameter}"
    except Rejected:
        return REJECTED
    version = ti.xcoms["upgrade_wait"]["expected"]["target_version"]
    return SUCCESS if version == version_of(kind, case.version) else OF_ANOTHER


def is_thorough(kind: str, case: Case, mode: str) -> bool:
    """Whether ``make test`` leaves this out: for most modes and kinds it runs one case for each result."""
    is_first = case in ONE_PER_RESULT
    if kind == DEFAULT_KIND:
        return mode == "poke" and not is_first
    return mode != "deferrable" or not is_first


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("kind", "case", "mode"),
    [
        pytest.param(
            *(kind, case, mode),
            id=f"{mode}-{kind}-{case.scenario}-{case.parameters}",
            marks=[pytest.mark.thorough] if is_thorough(kind, case, mode) else [],
        )
        for kind in KINDS
        for case in CASES
        for mode in MODES
        if (kind, case.scenario) in KIND_SCENARIOS
    ],
)
def test_scenario_ends_as_documented(
    *, kind: str, case: Case, mode: str, simulator: Any, clock: Any, ti: Any
) -> None:
    simulator.cluster_scenario = case.scenario
    look = partial(ServiceFabricHook().get_upgrade_progress, subject_name(case.scenario, kind), kind=kind)
    known: dict[str, Any] = {}
    if case.snapshot:
        look()
        clock.now += 50.0
        known["previous"] = look().to_dict()
    clock.step = 60.0
    assert result(case, kind, mode, ti, **known) == expected(case, kind, mode)


def case_title(case: Case) -> str:
    parameters = case.parameters if " " in case.parameters else f"`{case.parameters}`"  # words or code
    return f"`{case.scenario}`" + (f" with {parameters}" if case.parameters else "")


def case_end(case: Case) -> str:
    end, rescheduled = case.ends, case.expected("reschedule")
    return f"{end}." if rescheduled == end else f"{end}. In reschedule mode: {rescheduled}."


def test_documented_ends_are_the_same(documented: Any) -> None:
    ends = "".join(f"{case_title(case)}\n: {case_end(case)}\n\n" for case in CASES)
    documented("explanation/how_the_sensor_decides.md", "scenarios", "\n" + ends)


def test_every_scenario_is_in_the_table() -> None:
    assert {case.scenario for case in CASES} == set(SCENARIOS)
