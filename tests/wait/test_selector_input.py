"""The parameters that select an upgrade. Error messages name the parameter, the value and the fix."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pendulum
import pytest

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.parameters import SELECTOR_PARAMETERS
from airflow_provider_sf.wait.selector_input import check_previous, read_selector

SNAPSHOT = UpgradeProgress(
    kind="application_resource",
    name="shop",
    state="CompletedRollforward",
    target_version="v6",
    percent_completed=100.0,
    started_at=datetime(2026, 2, 1, 3, 0, 0, 123_000, timezone.utc),
    duration_seconds=93.5,
    status_details='The owner\'s "shop".',
    services=(ServiceProgress("web", 8, 0),),
    observed_at=datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc),
    endpoint="http://localhost:19080",
)
WRITTEN: dict[str, Any] = {
    "schema": "service_fabric.upgrade_progress/1",
    "kind": "application_resource",
    "name": "shop",
    "outcome": "succeeded",
    "state": "CompletedRollforward",
    "target_version": "v6",
    "previous_version": None,
    "percent_completed": 100.0,
    "started_at": "2026-02-01T03:00:00.123Z",
    "failed_at": None,
    "duration_seconds": 93.5,
    "upgrade_kind": None,
    "rolling_upgrade_mode": None,
    "replica_check_timeout_seconds": None,
    "status_details": 'The owner\'s "shop".',
    "failure_reason": None,
    "failure_domain": None,
    "health_check_phase": None,
    "services": [{"name": "web", "completed_replicas": 8, "pending_replicas": 0}],
    "upgrade_domains": [],
    "current_domain": None,
    "unhealthy_evaluations": [],
    "pending_safety_checks": [],
    "observed_at": "2026-03-01T03:00:00Z",
    "endpoint": "http://localhost:19080",
}
NO_RECORD = (
    "previous must be a record that ServiceFabricUpgradeProgressOperator returned, for example "
    "previous=snapshot.output, not "
)
NO_MOMENT = "started_after must be a date and time with a time zone, not "
NO_TIME = "invalid started_after "
NO_VERSION = "target_version must be a version that Service Fabric reports, not "
AS_THIS = ": write it as '2026-03-01T03:00:00Z'"


def read(**value: Any) -> UpgradeSelector:
    return read_selector(clock_skew=60.0, accept_current_version=False, **value)


def refusal_of(**value: object) -> str:
    with pytest.raises(ValueError, match=next(iter(value))) as refused:
        read(**value)
    return str(refused.value)


def test_no_parameters_select_the_latest_upgrade() -> None:
    assert read() == UpgradeSelector(None, None, 60.0, None, accept_current_version=False)


@pytest.mark.parametrize("parameter", SELECTOR_PARAMETERS)
def test_none_is_like_no_parameter(parameter: str) -> None:
    assert read(**{parameter: None}) == read()


def test_all_parameters_are_used() -> None:
    assert read_selector(
        previous=SNAPSHOT,
        started_after="2026-03-01T03:00:00Z",
        target_version="v7",
        clock_skew=5.0,
        accept_current_version=True,
    ) == UpgradeSelector(
        previous=SNAPSHOT,
        started_after=datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc),
        clock_skew=5.0,
        target_version="v7",
        accept_current_version=True,
    )


@pytest.mark.parametrize(
    "value",
    [SNAPSHOT, WRITTEN, json.dumps(WRITTEN), json.dumps(WRITTEN, indent=2), str(WRITTEN), f"\n{WRITTEN!s}\n"],
    ids=["record", "dict", "JSON", "indented JSON", "printed by a template", "printed between line ends"],
)
def test_previous_in_each_form(value: object) -> None:
    assert read(previous=value).previous == SNAPSHOT


def test_unknown_field_of_previous_is_ignored() -> None:
    assert read(previous={**WRITTEN, "new_in_the_next_release": 1}).previous == SNAPSHOT


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({}, "None"),
        ("{}", "None"),
        ({"schema": "shop/1"}, "'shop/1'"),
        ('{"schema": "shop/1"}', "'shop/1'"),
        ({"schema": "service_fabric.upgrade_progress/2"}, "'service_fabric.upgrade_progress/2'"),
    ],
)
def test_previous_of_another_schema_is_refused(value: object, found: str) -> None:
    reason = f"expected schema 'service_fabric.upgrade_progress/1', got {found}"
    assert refusal_of(previous=value) == f"{NO_RECORD}{value!r}: {reason}"


@pytest.mark.parametrize(
    ("value", "found"),
    [([], "[]"), (7, "7"), (b"{}", "b'{}'"), ("[]", "[]"), ("null", "None"), ("None", "None")],
)
def test_previous_must_be_an_object(value: object, found: str) -> None:
    reason = f"expected a JSON object for UpgradeProgress, got {found}"
    assert refusal_of(previous=value) == f"{NO_RECORD}{value!r}: {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{[]: 1}", ""),
        ("", "invalid syntax"),
        ("the last release", "invalid syntax"),
        ("{'schema': ", "'{' was never closed"),
        ("shop", "malformed node or string"),
        ("open('/etc/passwd').read()", "malformed node or string"),
    ],
)
def test_previous_text_is_never_executed(value: str, reason: str) -> None:
    assert refusal_of(previous=value).startswith(f"{NO_RECORD}{value!r}: {reason}")


@pytest.mark.parametrize("key", ["kind", "name", "state", "started_at"])
def test_previous_without_a_key_is_refused(key: str) -> None:
    record = {member: value for member, value in WRITTEN.items() if member != key}
    reason = f"UpgradeProgress: the member {key!r} is missing"
    assert refusal_of(previous=record) == f"{NO_RECORD}{repr(record)[:100]}...: {reason}"
    assert refusal_of(previous=str(record)).endswith(f"...: {reason}")


@pytest.mark.parametrize("services", [7, [7], [{}], [{"name": "web"}]])
def test_previous_with_invalid_services_is_refused(services: object) -> None:
    assert "'services'" in refusal_of(previous={**WRITTEN, "services": services}).rpartition("...")[2]


def test_the_cause_of_a_refusal_is_kept() -> None:
    with pytest.raises(ValueError, match="previous") as refused:
        read(previous={"schema": "service_fabric.upgrade_progress/1"})
    assert isinstance(refused.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 3, 1, 3, 0, 0, 123_456, timezone.utc),
        datetime(2026, 3, 1, 5, 0, 0, 123_456, timezone(timedelta(hours=2))),
        datetime(2026, 2, 28, 21, 30, 0, 123_456, timezone(-timedelta(hours=5, minutes=30))),
        "2026-03-01T03:00:00.123456Z",
        "2026-03-01 03:00:00.123456Z",
        "2026-03-01T03:00:00.123456+00:00",
        "2026-03-01T05:00:00.123456+02:00",
        "2026-02-28T21:30:00.123456-05:30",
    ],
)
def test_time_is_converted_to_utc(value: object) -> None:
    moment = read(started_after=value).started_after
    assert moment == datetime(2026, 3, 1, 3, 0, 0, 123_456, timezone.utc)
    assert type(moment) is datetime
    assert moment.tzinfo is timezone.utc


def test_time_without_seconds() -> None:
    assert read(started_after="2026-03-01T03:00Z").started_after == datetime(
        2026, 3, 1, 3, tzinfo=timezone.utc
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 3, 1, 3, 0), "datetime.datetime(2026, 3, 1, 3, 0)"),  # noqa: DTZ001 - refused for it
        (date(2026, 3, 1), "datetime.date(2026, 3, 1)"),
        (1_772_334_000, "1772334000"),
        (1_772_334_000.5, "1772334000.5"),
        (0, "0"),
        (True, "True"),
        (timedelta(hours=1), "datetime.timedelta(seconds=3600)"),
        ([], "[]"),
        ("now", "'now'"),
        ("2026-03-01T03:00:00", "'2026-03-01T03:00:00'"),
        ("2026-03-01 03:00:00", "'2026-03-01 03:00:00'"),
        ("2026-03-01", "'2026-03-01'"),
        ("2026-03", "'2026-03'"),
        ("03:00", "'03:00'"),
        ("PT1H", "'PT1H'"),
        ("P1D", "'P1D'"),
        ("2026-03-01T03:00:00Z/PT1H", "'2026-03-01T03:00:00Z/PT1H'"),
    ],
)
def test_time_without_date_or_zone_is_refused(value: object, shown: str) -> None:
    assert refusal_of(started_after=value) == NO_MOMENT + shown + AS_THIS


@pytest.mark.parametrize(
    "value",
    ["", " ", "None", "NOW", "yesterday", "1772334000", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"],
)
def test_invalid_time_is_refused(value: str) -> None:
    assert refusal_of(started_after=value) == f"{NO_TIME}{value!r}{AS_THIS}"


@pytest.mark.parametrize("value", ["v7", "1.0.0", "7", "none of them", "版本"])
def test_version_is_kept_unchanged(value: str) -> None:
    assert read(target_version=value).target_version == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "''"),
        (" ", "' '"),
        ("None", "'None'"),
        (" None\n", "' None\\n'"),
        (7, "7"),
        (1.0, "1.0"),
        (True, "True"),
        (b"v7", "b'v7'"),
        (["v7"], "['v7']"),
    ],
)
def test_invalid_version_is_refused(value: object, shown: str) -> None:
    """A template prints None for an XCom that is not there."""
    assert refusal_of(target_version=value) == NO_VERSION + shown


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        ("started_after", "9" * 98, f"{NO_TIME}'{'9' * 98}'{AS_THIS}"),
        ("started_after", "9" * 99, f"{NO_TIME}'{'9' * 99}...{AS_THIS}"),
        ("started_after", [7] * 1000, f"{NO_MOMENT}[{'7, ' * 33}...{AS_THIS}"),
        ("target_version", [7] * 1000, f"{NO_VERSION}[{'7, ' * 33}..."),
        ("target_version", " " * 1000, f"{NO_VERSION}'{' ' * 99}..."),
        ("previous", [7] * 1000, f"{NO_RECORD}[{'7, ' * 33}...: expected a JSON object"),
    ],
)
def test_long_value_is_shortened_in_messages(parameter: str, value: object, text: str) -> None:
    refusal = refusal_of(**{parameter: value})
    assert refusal.startswith(text)
    assert len(refusal) < 400


@pytest.mark.parametrize("name", ["shop", "SHOP", "Shop"])
def test_previous_of_the_same_application(name: str) -> None:
    check_previous(SNAPSHOT, "application_resource", name)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("application_resource", "till", "application_resource 'till'"),
        ("application_resource", "shop2", "application_resource 'shop2'"),
        ("cluster", "", "cluster"),
        ("application", "shop", "application 'shop'"),
        ("Application_Resource", "shop", "Application_Resource 'shop'"),
        ("compose_deployment", "till", "compose_deployment 'till'"),
    ],
)
def test_previous_of_another_name_is_refused(kind: str, name: str, text: str) -> None:
    with pytest.raises(ValueError, match="previous") as refused:
        check_previous(SNAPSHOT, kind, name)
    assert (
        str(refused.value)
        == f"previous is a record of application_resource 'shop': set it to a record of {text}"
    )


@pytest.mark.parametrize("value", [5, "2026-02-01 00:00:00+00:00", "0001-01-01T00:00:00Z", "Sun Feb 1"])
def test_previous_with_an_invalid_start_is_refused(value: object) -> None:
    """Without its start, the same old upgrade would pass for a new one."""
    assert "'started_at'" in refusal_of(previous={**WRITTEN, "started_at": value}).rpartition("...")[2]


@pytest.mark.parametrize("name", [None, [], True])
def test_previous_without_a_name_is_refused(name: object) -> None:
    assert "'name'" in refusal_of(previous={**WRITTEN, "name": name}).rpartition("...")[2]


@pytest.mark.parametrize(
    "value", ["[" * 100_000, "-" * 200_000, "1+" * 50_000 + "1", "{broken " + "x" * 5000]
)
def test_huge_text_gives_a_short_message(value: str) -> None:
    refusal = refusal_of(previous=value)
    assert len(refusal) < 500
    assert refusal.rpartition(": ")[2] not in {"", "NoneType"}


@pytest.mark.parametrize(
    "value",
    [
        "P99999999999D",
        "2026-03-01/03:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00Z",
        "1969-12-31T00:00Z",
    ],
)
def test_time_out_of_range_is_refused(value: str) -> None:
    assert repr(value) in refusal_of(started_after=value)


def test_spaces_around_a_version_are_removed() -> None:
    assert read(target_version=" v7\n").target_version == "v7"


def test_repeated_hour_at_the_end_of_summer_time() -> None:
    zone = "Europe/Berlin"
    twice = [pendulum.datetime(2026, 10, 25, 2, 30, tz=zone, fold=fold) for fold in (0, 1)]
    assert [read(started_after=moment).started_after for moment in twice] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),
        datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc),
    ]


def test_previous_name_with_scheme() -> None:
    check_previous(replace(SNAPSHOT, name="fabric:/Shop"), "application_resource", "shop")


@pytest.mark.parametrize("mine", ["fabric:/shop/web", "shop/web", "shop~web", "FABRIC:/Shop/Web"])
@pytest.mark.parametrize("value", ["fabric:/shop/web", "shop/web", "shop~web"])
def test_three_spellings_are_one_application(mine: str, value: str) -> None:
    check_previous(UpgradeProgress("application", mine), "application", value)


@pytest.mark.parametrize("kind", KINDS)
def test_previous_of_every_kind(kind: str) -> None:
    name = "shop" if KINDS[kind].takes_name else ""
    before, found = UpgradeProgress(kind, name), f"{kind} '{name}'" if name else kind
    check_previous(before, kind, name)
    assert read(previous=before.to_dict()).previous == before
    for other in set(KINDS) - {kind}:
        with pytest.raises(
            ValueError, match=f"^previous is a record of {found}: set it to a record of {other}( '|$)"
        ):
            check_previous(before, other, "shop" if KINDS[other].takes_name else "")


@pytest.mark.parametrize("year", [1970, 8999])
def test_first_and_last_year_are_accepted(year: int) -> None:
    selector = read_selector(
        started_after=f"{year}-06-01T00:00:00Z", clock_skew=0.0, accept_current_version=False
    )
    assert selector.started_after is not None
    assert selector.started_after.year == year


@pytest.mark.parametrize("year", [1969, 9000])
def test_year_before_or_after_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match=r"started_after is out of range \(1970-8999\)"):
        read_selector(started_after=f"{year}-06-01T00:00:00Z", clock_skew=0.0, accept_current_version=False)
