"""Whatever a trigger sends, the task ends with its result or with an error that names the problem."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred
from hypothesis import example, given

from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.sensors.service_fabric import UpgradeFailed
from airflow_provider_sf.wait.policy import Policy
from tests.sensors.running import sensor
from tests.simulated_waits import run_wait, simulated_cluster, subject_name

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s")

KIND = "application_resource"
SCENARIOS = ("good", "rolled_back", "failed", "superseded", "stuck", "unauthorised")
POLICY = Policy(15.0, stall_timeout=1800.0)


def event_of(scenario: str) -> dict[str, Any]:
    """Return the event of a simulated wait."""
    return run_wait(subject_name(scenario, KIND), simulated_cluster(scenario), POLICY).state.to_dict()


EVENTS = {scenario: event_of(scenario) for scenario in SCENARIOS}
CONTEXT: Any = {"ti": SimpleNamespace(try_number=1, max_tries=0, xcom_push=lambda **xcom: json.dumps(xcom))}


def complete(scenario: str, event: object) -> Any:
    return sensor(subject_name(scenario, KIND), "deferrable").execute_complete(CONTEXT, event)  # type: ignore[arg-type]


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places_in(item, (*path, key))


PLACES = {scenario: list(places_in(event)) for scenario, event in EVENTS.items()}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["upgrade", "timeout", "RollingBack", "2026-03-01T03:00:00Z", "0001-01-01T00:00:00Z"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=5,
)


@st.composite
def changed_events(draw: st.DrawFn) -> tuple[str, Any]:
    """A real event with one to three values replaced or removed."""
    scenario = draw(st.sampled_from(SCENARIOS))
    event = copy.deepcopy(EVENTS[scenario])
    for path in draw(st.lists(st.sampled_from(PLACES[scenario]), min_size=1, max_size=3)):
        _change(event, path, draw(json_values), remove=draw(st.booleans()))
    return scenario, event


def _change(event: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> None:
    owner = event
    for key in path[:-1]:
        try:
            owner = owner[key]
        except (KeyError, IndexError, TypeError):  # an earlier change has removed it
            return
    last = path[-1]
    is_item = isinstance(owner, list) and isinstance(last, int) and last < len(owner)
    if is_item or (isinstance(owner, dict) and isinstance(last, str)):
        owner[path[-1]] = value
        if remove:
            del owner[path[-1]]


def test_unchanged_events_have_their_results() -> None:
    assert complete("good", EVENTS["good"])["outcome"] == "succeeded"
    for scenario, error in (
        ("rolled_back", UpgradeFailed),
        ("failed", UpgradeFailed),
        ("superseded", UpgradeFailed),
        ("stuck", AirflowSensorTimeout),
        ("unauthorised", ServiceFabricError),
    ):
        with pytest.raises(error):
            complete(scenario, EVENTS[scenario])


@given(changed_events())
@example(("rolled_back", {**EVENTS["rolled_back"], "ended_by": None}))
def test_changed_event_is_never_a_bug(changed: tuple[str, Any]) -> None:
    """
    An error of another class would hide what is wrong, and a green task must have a completed upgrade.

    An event without an end says that the trigger has only found the upgrade: the task waits on.
    """
    scenario, event = changed
    try:
        record = complete(scenario, event)
    except (ServiceFabricError, UpgradeFailed, AirflowSensorTimeout):
        return
    except TaskDeferred:
        assert event.get("ended_by") is None
        return
    assert record["outcome"] == "succeeded"


@given(json_values)
def test_any_json_is_refused(event: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="invalid event from the trigger"):
        complete("good", event)


@pytest.mark.parametrize(
    ("kind", "name"), [("application_resource", "bad-shop"), ("compose_deployment", "good-shop")]
)
def test_event_of_another_upgrade_is_refused(kind: str, name: str) -> None:
    """A template of the name may give another value when the task resumes."""
    with pytest.raises(UnexpectedAnswer) as refused:
        sensor(name, "deferrable", kind=kind).execute_complete(CONTEXT, EVENTS["good"])
    assert str(refused.value) == (
        f"the trigger watched the application_resource 'good-shop', but this task now waits for the {kind} "
        f"'{name}': check that the templates of name give the same value when the task resumes"
    )


@pytest.mark.parametrize("name", ["fabric:/good-shop/web", "good-shop/web", "good-shop~web"])
def test_other_spelling_is_the_same_upgrade(name: str) -> None:
    event = run_wait(
        "fabric:/good-shop/web", simulated_cluster("good", kind="application"), POLICY, kind="application"
    )
    state = event.state.to_dict()
    assert (
        sensor(name, "deferrable", kind="application").execute_complete(CONTEXT, state)["outcome"]
        == "succeeded"
    )
