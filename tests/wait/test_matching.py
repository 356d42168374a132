"""Match upgrade is on record."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import Match, UpgradeIdentity, UpgradeSelector

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
BEFORE, LATER = NOON - timedelta(hours=2), NOON + timedelta(hours=1)
LATEST = UpgradeSelector()


def record(state: str, version: str | None = "v2", started_at: datetime | None = NOON) -> UpgradeProgress:
    return UpgradeProgress(
        "application_resource", "shop", state=state, target_version=version, started_at=started_at
    )


FORWARD = record("RollingForward")
FRESH = record("ProvisioningTarget", started_at=None)
BACK = record("RollingBack", "v1")
BACK_UNSTARTED = record("RollingBack", "v1", None)
DONE = record("CompletedRollforward")
ROLLED_BACK = record("CompletedRollback", "v1")
FAILED = record("Failed")
FAILED_UNSTARTED = record("Failed", started_at=None)
NEVER = record("CompletedRollforward", "v1", None)

OLD_DONE = record("CompletedRollforward", "v1", BEFORE)
OLD_MOVING = record("RollingForward", "v1", BEFORE)
OLD_BACK = record("RollingBack", "v0", BEFORE)
OLD_FRESH = record("ProvisioningTarget", "v1", None)
OLD_FAILED_UNSTARTED = record("Failed", "v1", None)
STRANGE = record("Invalid", None, None)


def learned(
    selector: UpgradeSelector, seen: UpgradeProgress, expected: UpgradeIdentity | None
) -> UpgradeIdentity | None:
    return selector.update_identity(seen, selector.match(seen, NOON, expected), expected)


YES, NO, UNSAID = True, False, None


@pytest.mark.parametrize("seen", [FORWARD, FRESH, BACK, DONE, ROLLED_BACK, FAILED])
def test_with_nothing_given_the_latest_upgrade_is_ours(seen: UpgradeProgress) -> None:
    assert LATEST.match(seen, NOON, None) is Match.EXPECTED


@pytest.mark.parametrize(
    "selector",
    [
        LATEST,
        UpgradeSelector(previous=OLD_DONE),
        UpgradeSelector(started_after=BEFORE),
        UpgradeSelector(target_version="v1"),
    ],
)
def test_what_nobody_ever_upgraded_is_never_ours(selector: UpgradeSelector) -> None:
    assert selector.match(NEVER, NOON, None) is Match.OTHER
    assert selector.match(NEVER, NOON, UpgradeIdentity(NOON, "v2")) is Match.OTHER


@pytest.mark.parametrize(
    ("previous", "seen", "said"),
    [
        # It was at rest, with a start: another start, or what moves, is new.
        (OLD_DONE, OLD_DONE, NO),
        (OLD_DONE, FORWARD, YES),
        (OLD_DONE, FRESH, YES),
        (OLD_DONE, DONE, YES),
        (OLD_DONE, FAILED, YES),
        (OLD_DONE, ROLLED_BACK, YES),
        (OLD_DONE, BACK_UNSTARTED, YES),
        (OLD_DONE, FAILED_UNSTARTED, UNSAID),
        # There was none, or none that we understood.
        (NEVER, FORWARD, YES),
        (NEVER, FRESH, YES),
        (NEVER, DONE, YES),
        (NEVER, FAILED_UNSTARTED, YES),
        (STRANGE, FRESH, YES),
        (STRANGE, DONE, UNSAID),
        (STRANGE, FAILED, UNSAID),
        (OLD_FAILED_UNSTARTED, FRESH, YES),
        (OLD_FAILED_UNSTARTED, DONE, YES),
        (OLD_FAILED_UNSTARTED, FAILED_UNSTARTED, YES),
        (OLD_FAILED_UNSTARTED, OLD_FAILED_UNSTARTED, UNSAID),
        (OLD_FAILED_UNSTARTED, STRANGE, UNSAID),
        # It was under way: Service Fabric rolls it back before it starts ours.
        (OLD_MOVING, OLD_MOVING, NO),
        (OLD_MOVING, OLD_BACK, NO),
        (OLD_MOVING, record("CompletedRollback", "v0", BEFORE), NO),
        (OLD_MOVING, FRESH, YES),
        (OLD_MOVING, FORWARD, YES),
        (OLD_MOVING, BACK, YES),
        # It was under way without a start: only a version can tell.
        (OLD_FRESH, OLD_FRESH, NO),
        (OLD_FRESH, OLD_MOVING, NO),
        (OLD_FRESH, OLD_DONE, NO),
        (OLD_FRESH, OLD_BACK, UNSAID),
        (OLD_FRESH, BACK, UNSAID),
        (OLD_FRESH, FRESH, YES),
        (OLD_FRESH, DONE, YES),
        (OLD_FRESH, record("RollingForward", None), UNSAID),
        (record("ProvisioningTarget", None, None), FORWARD, UNSAID),
    ],
)
def test_what_the_record_from_before_proves(
    previous: UpgradeProgress, seen: UpgradeProgress, said: object
) -> None:
    assert UpgradeSelector(previous=previous).satisfied_by(seen, NOON) is said


@pytest.mark.parametrize(
    ("started_after", "skew", "seen", "said"),
    [
        (NOON, 0.0, FORWARD, YES),
        (NOON + timedelta(seconds=1), 0.0, FORWARD, NO),
        (NOON + timedelta(seconds=60), 60.0, DONE, YES),
        (NOON + timedelta(seconds=61), 60.0, DONE, NO),
        (NOON + timedelta(seconds=61), 60.0, ROLLED_BACK, NO),
        (BEFORE, 0.0, ROLLED_BACK, YES),
        (BEFORE, 60.0, FRESH, YES),
        (BEFORE, 60.0, BACK_UNSTARTED, YES),
        (BEFORE, 60.0, FAILED_UNSTARTED, UNSAID),
        (LATER, 60.0, FRESH, NO),
    ],
)
def test_what_the_time_of_the_start_proves(
    started_after: datetime, skew: float, seen: UpgradeProgress, said: object
) -> None:
    assert UpgradeSelector(started_after=started_after, clock_skew=skew).satisfied_by(seen, NOON) is said


def configuration(
    state: str, version: str | None = "5", config_version: str | None = "1.0.3"
) -> UpgradeProgress:
    """Return a record of a kind that never says when an upgrade started."""
    return UpgradeProgress(
        "cluster_configuration", "", state=state, target_version=version, config_version=config_version
    )


CONFIGURED = configuration("RollingForwardCompleted")


@pytest.mark.parametrize(
    ("previous", "seen", "said"),
    [
        # At rest: the same is what was there, anything else has come since.
        (CONFIGURED, CONFIGURED, UNSAID),
        (CONFIGURED, configuration("RollingForwardCompleted", "6"), YES),
        (CONFIGURED, configuration("RollingForwardCompleted", "5", "1.0.4"), YES),
        (CONFIGURED, configuration("RollingBackCompleted"), YES),
        (CONFIGURED, configuration("Failed"), YES),
        # What moves has begun since, unless it moved before.
        (CONFIGURED, configuration("RollingForwardInProgress"), YES),
        (CONFIGURED, configuration("RollingBackInProgress"), YES),
        (configuration("RollingForwardInProgress"), configuration("RollingForwardInProgress", "6"), YES),
        (configuration("RollingForwardInProgress"), configuration("RollingForwardCompleted"), NO),
        (configuration("RollingForwardInProgress"), configuration("RollingBackCompleted", "4"), UNSAID),
        (configuration("RollingBackInProgress"), configuration("RollingBackCompleted"), UNSAID),
        # What nobody knows proves nothing.
        (CONFIGURED, configuration("Invalid", "6"), UNSAID),
        (configuration("Invalid"), configuration("RollingForwardCompleted", "6"), UNSAID),
        (configuration("Invalid"), configuration("RollingForwardInProgress", "6"), YES),
    ],
)
def test_where_start_times_are_not_said_something_else_at_rest_has_come_since(
    previous: UpgradeProgress, seen: UpgradeProgress, said: object
) -> None:
    assert UpgradeSelector(previous=previous).satisfied_by(seen, NOON) is said


def test_clocks_may_be_a_minute_apart_unless_said_otherwise() -> None:
    assert UpgradeSelector(started_after=NOON + timedelta(seconds=60)).satisfied_by(DONE, NOON) is YES
    assert UpgradeSelector(started_after=NOON + timedelta(seconds=61)).satisfied_by(DONE, NOON) is NO


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (FORWARD, YES),
        (FRESH, YES),
        (record("RollingForward", "v3"), NO),
        (record("RollingForward", None), UNSAID),
        (DONE, UNSAID),
        (FAILED, UNSAID),
        (record("CompletedRollforward", "v1"), NO),
        (record("Failed", "v1"), NO),
        (BACK, UNSAID),
        (record("RollingBack", "v2"), UNSAID),
        (ROLLED_BACK, UNSAID),
    ],
)
def test_what_the_version_proves(seen: UpgradeProgress, said: object) -> None:
    """Going back, Service Fabric reports the old version; at rest, the right one may be there since long."""
    assert UpgradeSelector(target_version="v2").satisfied_by(seen, NOON) is said


def test_all_that_is_given_must_hold_and_one_proof_is_enough() -> None:
    both = UpgradeSelector(previous=OLD_DONE, target_version="v2")
    assert both.satisfied_by(DONE, NOON) is YES
    assert both.satisfied_by(record("CompletedRollforward", "v3"), NOON) is NO
    assert both.satisfied_by(record("CompletedRollforward", "v2", BEFORE), NOON) is NO
    assert both.satisfied_by(FAILED_UNSTARTED, NOON) is UNSAID
    assert UpgradeSelector(previous=OLD_DONE, started_after=LATER).satisfied_by(DONE, NOON) is NO
    assert UpgradeSelector(started_after=BEFORE, target_version="v3").satisfied_by(DONE, NOON) is NO


@pytest.mark.parametrize("seen", [DONE, FAILED, ROLLED_BACK, BACK])
def test_what_nothing_proves_is_not_ours(seen: UpgradeProgress) -> None:
    assert UpgradeSelector(target_version="v2").match(seen, NOON, None) is Match.OTHER


@pytest.mark.parametrize("seen", [DONE, FAILED, ROLLED_BACK, BACK, FRESH, BACK_UNSTARTED, FAILED_UNSTARTED])
def test_once_ours_was_seen_its_end_needs_no_proof(seen: UpgradeProgress) -> None:
    assert (
        UpgradeSelector(target_version="v2").match(seen, NOON, UpgradeIdentity(NOON, "v2")) is Match.EXPECTED
    )
    assert LATEST.match(seen, NOON, UpgradeIdentity(NOON, "v2")) is Match.EXPECTED


@pytest.mark.parametrize(
    "seen",
    [
        record("RollingForward", "v2", LATER),
        record("CompletedRollforward", "v2", LATER),
        record("RollingBack", "v1", LATER),
        record("CompletedRollback", "v1", LATER),
        record("RollingForward", "v3"),
        record("RollingForward", "v3", None),
        record("CompletedRollforward", "v3"),
        record("Failed", "v3", None),
    ],
)
def test_another_start_or_another_target_going_forward_is_a_successor(seen: UpgradeProgress) -> None:
    assert LATEST.match(seen, NOON, UpgradeIdentity(NOON, "v2")) is Match.REPLACED
    assert UpgradeSelector(previous=OLD_DONE).match(seen, NOON, UpgradeIdentity(NOON, "v2")) is Match.REPLACED


@pytest.mark.parametrize("seen", [BACK, ROLLED_BACK, FORWARD, DONE])
def test_without_a_known_start_only_another_target_going_forward_is_a_successor(
    seen: UpgradeProgress,
) -> None:
    assert LATEST.match(seen, NOON, UpgradeIdentity(None, "v2")) is Match.EXPECTED
    assert LATEST.match(seen, NOON, UpgradeIdentity(None, None)) is Match.EXPECTED


def test_a_start_that_comes_late_and_is_not_ours_takes_the_claim_back() -> None:
    selector = UpgradeSelector(started_after=NOON)
    assert (
        selector.match(record("RollingForward", "v2", BEFORE), NOON, UpgradeIdentity(None, "v2"))
        is Match.OTHER
    )
    assert learned(selector, record("RollingForward", "v2", BEFORE), UpgradeIdentity(None, "v2")) is None


def test_ours_is_learned_while_it_moves_and_completed_later() -> None:
    assert learned(LATEST, FRESH, None) == UpgradeIdentity(None, "v2")
    assert learned(LATEST, FORWARD, UpgradeIdentity(None, "v2")) == UpgradeIdentity(NOON, "v2")
    assert learned(LATEST, BACK, None) == UpgradeIdentity(NOON, None)
    assert learned(LATEST, FORWARD, UpgradeIdentity(NOON, None)) == UpgradeIdentity(NOON, "v2")
    assert learned(LATEST, FRESH, UpgradeIdentity(NOON, "v2")) == UpgradeIdentity(NOON, "v2")


@pytest.mark.parametrize("seen", [DONE, FAILED, ROLLED_BACK, NEVER])
def test_at_rest_nothing_is_learned_and_nothing_forgotten(seen: UpgradeProgress) -> None:
    assert learned(LATEST, seen, None) is None
    assert learned(LATEST, seen, UpgradeIdentity(NOON, "v2")) == UpgradeIdentity(NOON, "v2")


def test_a_successor_teaches_nothing_about_ours() -> None:
    assert learned(
        LATEST, record("RollingForward", "v3", LATER), UpgradeIdentity(NOON, "v2")
    ) == UpgradeIdentity(NOON, "v2")


def test_anothers_upgrade_is_not_learned() -> None:
    assert learned(UpgradeSelector(previous=OLD_MOVING), OLD_BACK, None) is None


@pytest.mark.parametrize(
    ("seen", "accepted"),
    [
        (DONE, True),
        (record("CompletedRollforward", "v2", None), True),
        (record("CompletedRollforward", "v1"), False),
        (FORWARD, False),
        (FAILED, False),
        (record("CompletedRollback", "v2"), False),
    ],
)
def test_the_version_that_is_there_already_may_be_enough(seen: UpgradeProgress, *, accepted: bool) -> None:
    assert UpgradeSelector(target_version="v2", accept_current_version=True).accepts_current(seen) is accepted
    assert not UpgradeSelector(target_version="v2").accepts_current(seen)


@pytest.mark.parametrize(
    "selector",
    [
        LATEST,
        UpgradeSelector(previous=OLD_DONE, started_after=NOON, clock_skew=5.0, target_version="v2"),
        UpgradeSelector(target_version="v2", accept_current_version=True),
    ],
)
def test_what_is_meant_is_json_and_survives_it(selector: UpgradeSelector) -> None:
    assert UpgradeSelector.from_dict(json.loads(json.dumps(selector.to_dict(), allow_nan=False))) == selector


def test_what_an_earlier_release_did_not_write_has_its_default() -> None:
    assert UpgradeSelector.from_dict({}) == LATEST


@pytest.mark.parametrize("identity", [UpgradeIdentity(None, None), UpgradeIdentity(NOON, "v2")])
def test_an_identity_is_json_and_survives_it(identity: UpgradeIdentity) -> None:
    written: Any = json.loads(json.dumps(identity.to_dict()))
    assert set(written) == {"started_at", "target_version"}
    assert UpgradeIdentity.from_dict(written) == identity


@pytest.mark.parametrize(
    ("before", "seen", "said"),
    [
        (UpgradeIdentity(BEFORE, "v1"), DONE, YES),
        (UpgradeIdentity(None, None), DONE, YES),
        (UpgradeIdentity(BEFORE, "v1"), FAILED, YES),
        (UpgradeIdentity(NOON, "v2"), DONE, UNSAID),
        (None, DONE, UNSAID),
        (UpgradeIdentity(BEFORE, "v1"), ROLLED_BACK, UNSAID),
        (UpgradeIdentity(BEFORE, "v1"), record("CompletedRollforward", "v3"), NO),
    ],
)
def test_a_version_at_rest_proves_something_if_it_has_come_since_the_wait_began(
    before: UpgradeIdentity | None, seen: UpgradeProgress, said: object
) -> None:
    assert UpgradeSelector(target_version="v2").satisfied_by(seen, NOON, before) is said


@pytest.mark.parametrize(
    ("before", "seen", "another"),
    [
        (UpgradeIdentity(NOON, "v1"), DONE, False),
        (UpgradeIdentity(BEFORE, "v2"), DONE, True),
        (UpgradeIdentity(None, "v2"), DONE, True),
        (UpgradeIdentity(NOON, "v2"), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, "v2"), FAILED_UNSTARTED, False),
        (UpgradeIdentity(None, "v1"), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, None), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, "5"), CONFIGURED, False),
        (UpgradeIdentity(None, "4"), CONFIGURED, True),
    ],
)
def test_at_rest_another_start_is_another_upgrade_or_another_version_if_none_is_said(
    before: UpgradeIdentity, seen: UpgradeProgress, *, another: bool
) -> None:
    assert before.differs_from(seen) is another


@pytest.mark.parametrize(
    ("before", "said"),
    [(UpgradeIdentity(None, "4"), YES), (UpgradeIdentity(None, "5"), UNSAID), (None, UNSAID)],
)
def test_where_start_times_are_not_said_a_version_at_rest_has_come_if_another_was_there(
    before: UpgradeIdentity | None, said: object
) -> None:
    assert UpgradeSelector(target_version="5").satisfied_by(CONFIGURED, NOON, before) is said


@pytest.mark.parametrize(
    "selector", [LATEST, UpgradeSelector(target_version="v2"), UpgradeSelector(previous=OLD_DONE)]
)
def test_an_upgrade_that_failed_on_its_way_back_is_still_ours(selector: UpgradeSelector) -> None:
    """Failed covers whatever the upgrade did, and may come with the old version as the target."""
    assert selector.match(record("Failed", "v1"), NOON, UpgradeIdentity(NOON, "v2")) is Match.EXPECTED


def test_an_unknown_record_of_before_with_a_start_is_told_by_it() -> None:
    strange = record("RollingSideways", "v1", BEFORE)
    assert UpgradeSelector(previous=strange).satisfied_by(DONE, NOON) is YES
    assert UpgradeSelector(previous=strange).satisfied_by(OLD_DONE, NOON) is NO
