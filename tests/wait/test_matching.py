"""Matching the upgrade on record with the expected upgrade."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import History, UpgradeIdentity
from airflow_provider_sf.wait.matching import Match, UpgradeSelector

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
DONE_UNSTARTED = UpgradeProgress(
    "application",
    "shop",
    state="RollingForwardCompleted",
    target_version="v1",
    rolling_upgrade_mode="Monitored",
)
"""An upgrade to the version that is deployed completes at once, without a start time."""

OLD_DONE = record("CompletedRollforward", "v1", BEFORE)
OLD_MOVING = record("RollingForward", "v1", BEFORE)
OLD_BACK = record("RollingBack", "v0", BEFORE)
OLD_BACK_UNSTARTED = record("RollingBack", "v0", None)
OLD_FRESH = record("ProvisioningTarget", "v1", None)
OLD_FAILED_UNSTARTED = record("Failed", "v1", None)
STRANGE = record("Invalid", None, None)


def updated_identity(
    selector: UpgradeSelector, observed: UpgradeProgress, expected: UpgradeIdentity | None
) -> UpgradeIdentity | None:
    history = History(expected)
    return selector.update_identity(observed, selector.match(observed, NOON, history), history)


YES, NO, UNDECIDED = True, False, None


@pytest.mark.parametrize("observed", [FORWARD, FRESH, BACK, DONE, ROLLED_BACK, FAILED])
def test_latest_upgrade_is_expected_by_default(observed: UpgradeProgress) -> None:
    assert LATEST.match(observed, NOON) is Match.EXPECTED


@pytest.mark.parametrize(
    "selector",
    [
        LATEST,
        UpgradeSelector(previous=OLD_DONE),
        UpgradeSelector(started_after=BEFORE),
        UpgradeSelector(target_version="v1"),
    ],
)
def test_never_upgraded_is_never_expected(selector: UpgradeSelector) -> None:
    assert selector.match(NEVER, NOON) is Match.OTHER
    assert selector.match(NEVER, NOON, History(UpgradeIdentity(NOON, "v2"))) is Match.OTHER


@pytest.mark.parametrize(
    ("previous", "observed", "satisfied"),
    [
        # Finished, with a start time: another start time is new, and so is a running upgrade.
        (OLD_DONE, OLD_DONE, NO),
        (OLD_DONE, FORWARD, YES),
        (OLD_DONE, FRESH, YES),
        (OLD_DONE, DONE, YES),
        (OLD_DONE, FAILED, YES),
        (OLD_DONE, ROLLED_BACK, YES),
        (OLD_DONE, BACK_UNSTARTED, YES),
        # Without a start time, it is another: an upgrade does not lose it.
        (OLD_DONE, FAILED_UNSTARTED, YES),
        (OLD_DONE, DONE_UNSTARTED, YES),
        (OLD_MOVING, DONE_UNSTARTED, YES),
        (OLD_DONE, STRANGE, UNDECIDED),
        # With the same start time, it was rolled back before it had its own.
        (OLD_DONE, OLD_BACK, YES),
        (OLD_DONE, record("CompletedRollback", "v0", BEFORE), YES),
        (OLD_DONE, OLD_MOVING, NO),
        # Never upgraded, or unknown.
        (NEVER, FORWARD, YES),
        (NEVER, FRESH, YES),
        (NEVER, DONE, YES),
        (NEVER, FAILED_UNSTARTED, YES),
        (STRANGE, FRESH, YES),
        (STRANGE, DONE, UNDECIDED),
        (STRANGE, FAILED, UNDECIDED),
        (OLD_FAILED_UNSTARTED, FRESH, YES),
        (OLD_FAILED_UNSTARTED, DONE, YES),
        (OLD_FAILED_UNSTARTED, FAILED_UNSTARTED, YES),
        (OLD_FAILED_UNSTARTED, OLD_FAILED_UNSTARTED, UNDECIDED),
        (OLD_FAILED_UNSTARTED, STRANGE, UNDECIDED),
        # Running: Service Fabric rolls it back before it starts the expected one.
        (OLD_MOVING, OLD_MOVING, NO),
        (OLD_MOVING, OLD_BACK, NO),
        (OLD_MOVING, record("CompletedRollback", "v0", BEFORE), NO),
        (OLD_MOVING, FRESH, YES),
        (OLD_MOVING, FORWARD, YES),
        (OLD_MOVING, BACK, YES),
        # Running without a start time: only the version can distinguish them.
        (OLD_FRESH, OLD_FRESH, NO),
        (OLD_FRESH, OLD_MOVING, NO),
        (OLD_FRESH, OLD_DONE, NO),
        (OLD_FRESH, OLD_BACK, UNDECIDED),
        (OLD_FRESH, BACK, UNDECIDED),
        (OLD_FRESH, FRESH, YES),
        (OLD_FRESH, DONE, YES),
        (OLD_FRESH, record("RollingForward", None), UNDECIDED),
        (record("ProvisioningTarget", None, None), FORWARD, UNDECIDED),
        (OLD_BACK_UNSTARTED, FORWARD, YES),
        (OLD_BACK_UNSTARTED, BACK, UNDECIDED),
        (OLD_BACK_UNSTARTED, DONE, UNDECIDED),
    ],
)
def test_previous(previous: UpgradeProgress, observed: UpgradeProgress, satisfied: object) -> None:
    assert UpgradeSelector(previous=previous).satisfied_by(observed, NOON) is satisfied


@pytest.mark.parametrize(
    ("started_after", "skew", "observed", "satisfied"),
    [
        (NOON, 0.0, FORWARD, YES),
        (NOON + timedelta(seconds=1), 0.0, FORWARD, NO),
        (NOON + timedelta(seconds=60), 60.0, DONE, YES),
        (NOON + timedelta(seconds=61), 60.0, DONE, NO),
        (NOON + timedelta(seconds=61), 60.0, ROLLED_BACK, NO),
        (BEFORE, 0.0, ROLLED_BACK, YES),
        (BEFORE, 60.0, FRESH, YES),
        (BEFORE, 60.0, BACK_UNSTARTED, YES),
        (BEFORE, 60.0, FAILED_UNSTARTED, UNDECIDED),
        (LATER, 60.0, FRESH, NO),
    ],
)
def test_started_after(
    started_after: datetime, skew: float, observed: UpgradeProgress, satisfied: object
) -> None:
    assert (
        UpgradeSelector(started_after=started_after, clock_skew=skew).satisfied_by(observed, NOON)
        is satisfied
    )


def configuration(
    state: str, version: str | None = "5", config_version: str | None = "1.0.3"
) -> UpgradeProgress:
    """Return a record of a kind without start times."""
    return UpgradeProgress(
        "cluster_configuration", "", state=state, target_version=version, config_version=config_version
    )


CONFIGURED = configuration("RollingForwardCompleted")


@pytest.mark.parametrize(
    ("previous", "observed", "satisfied"),
    [
        # Finished: another result is new.
        (CONFIGURED, CONFIGURED, UNDECIDED),
        (CONFIGURED, configuration("RollingForwardCompleted", "6"), YES),
        (CONFIGURED, configuration("RollingForwardCompleted", "5", "1.0.4"), YES),
        (CONFIGURED, configuration("RollingBackCompleted"), YES),
        (CONFIGURED, configuration("Failed"), YES),
        # Running: new, unless the previous was running.
        (CONFIGURED, configuration("RollingForwardInProgress"), YES),
        (CONFIGURED, configuration("RollingBackInProgress"), YES),
        (
            configuration("RollingForwardInProgress"),
            configuration("RollingForwardInProgress", "6"),
            UNDECIDED,
        ),
        (configuration("RollingForwardInProgress"), configuration("RollingForwardCompleted"), UNDECIDED),
        (configuration("RollingForwardInProgress"), configuration("RollingBackCompleted", "4"), UNDECIDED),
        (configuration("RollingBackInProgress"), configuration("RollingBackCompleted"), UNDECIDED),
        # Unknown: not decided.
        (CONFIGURED, configuration("Invalid", "6"), UNDECIDED),
        (configuration("Invalid"), configuration("RollingForwardCompleted", "6"), UNDECIDED),
        (configuration("Invalid"), configuration("RollingForwardInProgress", "6"), YES),
    ],
)
def test_previous_of_a_kind_without_start_times(
    previous: UpgradeProgress, observed: UpgradeProgress, satisfied: object
) -> None:
    assert UpgradeSelector(previous=previous).satisfied_by(observed, NOON) is satisfied


def test_default_clock_skew_is_a_minute() -> None:
    assert UpgradeSelector(started_after=NOON + timedelta(seconds=60)).satisfied_by(DONE, NOON) is YES
    assert UpgradeSelector(started_after=NOON + timedelta(seconds=61)).satisfied_by(DONE, NOON) is NO


@pytest.mark.parametrize(
    ("observed", "satisfied"),
    [
        (FORWARD, YES),
        (FRESH, YES),
        (record("RollingForward", "v3"), NO),
        (record("RollingForward", None), UNDECIDED),
        (DONE, UNDECIDED),
        (FAILED, UNDECIDED),
        (record("CompletedRollforward", "v1"), NO),
        (record("Failed", "v1"), NO),
        (BACK, UNDECIDED),
        (record("RollingBack", "v2"), UNDECIDED),
        (ROLLED_BACK, UNDECIDED),
    ],
)
def test_target_version(observed: UpgradeProgress, satisfied: object) -> None:
    """A rollback has the old version; a finished upgrade with this version may be an old one."""
    assert UpgradeSelector(target_version="v2").satisfied_by(observed, NOON) is satisfied


def test_all_criteria_must_hold() -> None:
    both = UpgradeSelector(previous=OLD_DONE, target_version="v2")
    assert both.satisfied_by(DONE, NOON) is YES
    assert both.satisfied_by(record("CompletedRollforward", "v3"), NOON) is NO
    assert both.satisfied_by(record("CompletedRollforward", "v2", BEFORE), NOON) is NO
    assert both.satisfied_by(FAILED_UNSTARTED, NOON) is YES
    assert both.satisfied_by(BACK, NOON) is UNDECIDED
    assert both.satisfied_by(ROLLED_BACK, NOON) is UNDECIDED
    assert UpgradeSelector(started_after=BEFORE, target_version="v2").satisfied_by(BACK, NOON) is UNDECIDED
    assert UpgradeSelector(previous=STRANGE, target_version="v2").satisfied_by(DONE, NOON) is UNDECIDED
    assert UpgradeSelector(previous=OLD_DONE, started_after=LATER).satisfied_by(DONE, NOON) is NO
    assert UpgradeSelector(started_after=BEFORE, target_version="v3").satisfied_by(DONE, NOON) is NO


@pytest.mark.parametrize("observed", [DONE, FAILED, ROLLED_BACK, BACK])
def test_undecided_upgrade_is_not_expected(observed: UpgradeProgress) -> None:
    assert UpgradeSelector(target_version="v2").match(observed, NOON) is Match.OTHER


@pytest.mark.parametrize("observed", [DONE, FAILED, ROLLED_BACK, BACK, FAILED_UNSTARTED])
def test_seen_upgrade_stays_expected(observed: UpgradeProgress) -> None:
    assert (
        UpgradeSelector(target_version="v2").match(observed, NOON, History(UpgradeIdentity(NOON, "v2")))
        is Match.EXPECTED
    )
    assert LATEST.match(observed, NOON, History(UpgradeIdentity(NOON, "v2"))) is Match.EXPECTED


@pytest.mark.parametrize(
    "observed",
    [
        record("RollingForward", "v2", LATER),
        record("CompletedRollforward", "v2", LATER),
        record("RollingBack", "v1", LATER),
        record("CompletedRollback", "v1", LATER),
        record("RollingForward", "v3"),
        record("RollingForward", "v3", None),
        record("CompletedRollforward", "v3"),
        record("Failed", "v3", None),
        FRESH,
        BACK_UNSTARTED,
        DONE_UNSTARTED,
    ],
)
def test_another_start_or_version_is_a_replacement(observed: UpgradeProgress) -> None:
    assert LATEST.match(observed, NOON, History(UpgradeIdentity(NOON, "v2"))) is Match.REPLACED
    assert (
        UpgradeSelector(previous=OLD_DONE).match(observed, NOON, History(UpgradeIdentity(NOON, "v2")))
        is Match.REPLACED
    )


@pytest.mark.parametrize("observed", [BACK, ROLLED_BACK, FORWARD, DONE])
def test_old_version_of_a_rollback_is_no_replacement(
    observed: UpgradeProgress,
) -> None:
    assert LATEST.match(observed, NOON, History(UpgradeIdentity(None, "v2"))) is Match.EXPECTED
    assert LATEST.match(observed, NOON, History(UpgradeIdentity(None, None))) is Match.EXPECTED


def test_late_start_time_can_reject_the_upgrade() -> None:
    selector = UpgradeSelector(started_after=NOON)
    assert (
        selector.match(record("RollingForward", "v2", BEFORE), NOON, History(UpgradeIdentity(None, "v2")))
        is Match.OTHER
    )
    assert (
        updated_identity(selector, record("RollingForward", "v2", BEFORE), UpgradeIdentity(None, "v2"))
        is None
    )


def test_running_upgrade_completes_the_identity() -> None:
    assert updated_identity(LATEST, FRESH, None) == UpgradeIdentity(None, "v2")
    assert updated_identity(LATEST, FORWARD, UpgradeIdentity(None, "v2")) == UpgradeIdentity(NOON, "v2")
    assert updated_identity(LATEST, BACK, None) == UpgradeIdentity(NOON, None, rolled_back=True)
    assert updated_identity(LATEST, BACK, UpgradeIdentity(NOON, "v2")) == UpgradeIdentity(
        NOON, "v2", rolled_back=True
    )
    assert updated_identity(LATEST, FORWARD, UpgradeIdentity(NOON, None)) == UpgradeIdentity(NOON, "v2")


@pytest.mark.parametrize("observed", [DONE, FAILED, ROLLED_BACK, NEVER])
def test_finished_upgrade_keeps_the_identity(observed: UpgradeProgress) -> None:
    assert updated_identity(LATEST, observed, None) is None
    assert updated_identity(LATEST, observed, UpgradeIdentity(NOON, "v2")) == UpgradeIdentity(NOON, "v2")


def test_replacement_keeps_the_identity() -> None:
    assert updated_identity(
        LATEST, record("RollingForward", "v3", LATER), UpgradeIdentity(NOON, "v2")
    ) == UpgradeIdentity(NOON, "v2")


def test_other_upgrade_has_no_identity() -> None:
    assert updated_identity(UpgradeSelector(previous=OLD_MOVING), OLD_BACK, None) is None


@pytest.mark.parametrize(
    ("observed", "accepted"),
    [
        (DONE, True),
        (record("CompletedRollforward", "v2", None), True),
        (record("CompletedRollforward", "v1"), False),
        (FORWARD, False),
        (FAILED, False),
        (record("CompletedRollback", "v2"), False),
    ],
)
def test_accept_current_version(observed: UpgradeProgress, *, accepted: bool) -> None:
    assert (
        UpgradeSelector(target_version="v2", accept_current_version=True).accepts_current(observed)
        is accepted
    )
    assert not UpgradeSelector(target_version="v2").accepts_current(observed)


@pytest.mark.parametrize(
    "selector",
    [
        LATEST,
        UpgradeSelector(previous=OLD_DONE, started_after=NOON, clock_skew=5.0, target_version="v2"),
        UpgradeSelector(target_version="v2", accept_current_version=True),
    ],
)
def test_selector_round_trip(selector: UpgradeSelector) -> None:
    assert UpgradeSelector.from_dict(json.loads(json.dumps(selector.to_dict(), allow_nan=False))) == selector


def test_missing_fields_have_their_default() -> None:
    assert UpgradeSelector.from_dict({}) == LATEST


@pytest.mark.parametrize(
    "identity", [UpgradeIdentity(None, None), UpgradeIdentity(NOON, "v2", rolled_back=True)]
)
def test_identity_round_trip(identity: UpgradeIdentity) -> None:
    stored: Any = json.loads(json.dumps(identity.to_dict()))
    assert set(stored) == {"started_at", "target_version", "rolled_back"}
    assert UpgradeIdentity.from_dict(stored) == identity


@pytest.mark.parametrize(
    ("before", "observed", "satisfied"),
    [
        (UpgradeIdentity(BEFORE, "v1"), DONE, YES),
        (UpgradeIdentity(None, None), DONE, YES),
        (UpgradeIdentity(BEFORE, "v1"), FAILED, YES),
        (UpgradeIdentity(NOON, "v2"), DONE, UNDECIDED),
        (None, DONE, UNDECIDED),
        (UpgradeIdentity(BEFORE, "v1"), ROLLED_BACK, UNDECIDED),
        (UpgradeIdentity(BEFORE, "v1"), record("CompletedRollforward", "v3"), NO),
    ],
)
def test_target_version_of_a_finished_upgrade(
    before: UpgradeIdentity | None, observed: UpgradeProgress, satisfied: object
) -> None:
    assert (
        UpgradeSelector(target_version="v2").satisfied_by(observed, NOON, History(before=before)) is satisfied
    )


@pytest.mark.parametrize(
    ("before", "observed", "differs"),
    [
        (UpgradeIdentity(NOON, "v1"), DONE, False),
        (UpgradeIdentity(BEFORE, "v2"), DONE, True),
        (UpgradeIdentity(None, "v2"), DONE, True),
        (UpgradeIdentity(NOON, "v2"), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, "v2"), FAILED_UNSTARTED, False),
        (UpgradeIdentity(None, "v1"), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, None), FAILED_UNSTARTED, True),
        (UpgradeIdentity(None, "1.0.3"), CONFIGURED, False),
        (UpgradeIdentity(None, "1.0.2"), CONFIGURED, True),
    ],
)
def test_identity_differs_by_start_or_version(
    before: UpgradeIdentity, observed: UpgradeProgress, *, differs: bool
) -> None:
    assert before.differs_from(observed) is differs


@pytest.mark.parametrize(
    ("before", "satisfied"),
    [(UpgradeIdentity(None, "1.0.2"), YES), (UpgradeIdentity(None, "1.0.3"), UNDECIDED), (None, UNDECIDED)],
)
def test_target_version_without_start_times(before: UpgradeIdentity | None, satisfied: object) -> None:
    assert (
        UpgradeSelector(target_version="1.0.3").satisfied_by(CONFIGURED, NOON, History(before=before))
        is satisfied
    )


@pytest.mark.parametrize(
    "selector", [LATEST, UpgradeSelector(target_version="v2"), UpgradeSelector(previous=OLD_DONE)]
)
def test_failed_rollback_stays_expected(selector: UpgradeSelector) -> None:
    """A failed rollback may report the old version."""
    assert (
        selector.match(record("Failed", "v1"), NOON, History(UpgradeIdentity(NOON, "v2"))) is Match.EXPECTED
    )


def test_unknown_previous_is_compared_by_start() -> None:
    unknown = record("RollingSideways", "v1", BEFORE)
    assert UpgradeSelector(previous=unknown).satisfied_by(DONE, NOON) is YES
    assert UpgradeSelector(previous=unknown).satisfied_by(OLD_DONE, NOON) is NO


# A record that is read late, and upgrades that were called off.


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (OLD_DONE, UpgradeIdentity(NOON, "v2")),
        (OLD_DONE, UpgradeIdentity(None, "v2")),
        (OLD_MOVING, UpgradeIdentity(NOON, "v2")),
        (OLD_MOVING, UpgradeIdentity(None, "v2")),
        (OLD_BACK, UpgradeIdentity(NOON, "v2")),
        (record("CompletedRollback", "v0", BEFORE), UpgradeIdentity(NOON, "v2")),
    ],
)
def test_earlier_upgrade_replaces_nothing(late: UpgradeProgress, expected: UpgradeIdentity) -> None:
    by_previous, seen = UpgradeSelector(previous=OLD_DONE), History(expected)
    assert by_previous.match(late, NOON, seen) is Match.OTHER
    assert by_previous.update_identity(late, Match.OTHER, seen) == expected
    seen = History(expected, before=UpgradeIdentity(BEFORE, "v1"))
    assert LATEST.match(late, NOON, seen) is Match.OTHER
    assert LATEST.update_identity(late, Match.OTHER, seen) == expected


@pytest.mark.parametrize(
    "selector", [UpgradeSelector(previous=OLD_DONE), UpgradeSelector(started_after=NOON), LATEST]
)
@pytest.mark.parametrize("back", [OLD_BACK, record("CompletedRollback", "v0", BEFORE)])
def test_early_rollback_has_an_earlier_start(selector: UpgradeSelector, back: UpgradeProgress) -> None:
    """During provisioning, a rollback is reported with the start time of the upgrade before."""
    assert selector.match(back, NOON, History(UpgradeIdentity(None, "v2"))) is Match.EXPECTED


def cluster(
    state: str, version: str, config: str = "4", *, start: datetime | None = NOON, reason: str | None = None
) -> UpgradeProgress:
    return UpgradeProgress(
        "cluster",
        "",
        state=state,
        target_version=version,
        config_version=config,
        started_at=start,
        rolling_upgrade_mode="Monitored",
        failure_reason=reason,
    )


FLIPPED = cluster("RollingForwardCompleted", "9.1", reason="Interrupted")
"""An upgrade to 10.0 that was called off by an upgrade to 9.1, the old version."""
OLD_CLUSTER = cluster("RollingForwardCompleted", "9.1", start=BEFORE)


@pytest.mark.parametrize(
    ("selector", "expected", "match"),
    [
        (LATEST, None, Match.EXPECTED),
        (LATEST, UpgradeIdentity(NOON, "10.0"), Match.REPLACED),
        (LATEST, UpgradeIdentity(NOON, None, rolled_back=True), Match.REPLACED),
        (LATEST, UpgradeIdentity(NOON, "9.1"), Match.REPLACED),
        (UpgradeSelector(previous=OLD_CLUSTER), None, Match.REPLACED),
        (UpgradeSelector(started_after=BEFORE), None, Match.REPLACED),
        (UpgradeSelector(previous=OLD_CLUSTER, target_version="10.0"), None, Match.OTHER),
        (UpgradeSelector(previous=OLD_CLUSTER, target_version="9.1"), None, Match.EXPECTED),
        (
            UpgradeSelector(previous=OLD_CLUSTER, target_version="10.0"),
            UpgradeIdentity(NOON, "10.0"),
            Match.REPLACED,
        ),
        # The snapshot shows the upgrade that was called off.
        (UpgradeSelector(previous=cluster("RollingForwardInProgress", "10.0")), None, Match.EXPECTED),
        (UpgradeSelector(previous=cluster("RollingBackInProgress", "9.1")), None, Match.OTHER),
        (UpgradeSelector(previous=FLIPPED), None, Match.OTHER),
    ],
)
def test_called_off_upgrade_is_no_success(
    selector: UpgradeSelector, expected: UpgradeIdentity | None, match: Match
) -> None:
    assert selector.match(FLIPPED, NOON, History(expected)) is match


def test_rollback_never_completes_forward() -> None:
    seen = History(UpgradeIdentity(NOON, "v2", rolled_back=True))
    assert LATEST.match(DONE, NOON, seen) is Match.REPLACED
    assert LATEST.match(FORWARD, NOON, seen) is Match.EXPECTED


def test_equal_start_does_not_excuse_the_version() -> None:
    seen = History(UpgradeIdentity(NOON, None))
    assert UpgradeSelector(target_version="v3").match(DONE, NOON, seen) is Match.OTHER
    assert UpgradeSelector(started_after=LATER).match(DONE, NOON, seen) is Match.OTHER


@pytest.mark.parametrize(
    ("history", "satisfied"),
    [
        (History(), UNDECIDED),
        (History(before=UpgradeIdentity(NOON, "v2")), UNDECIDED),
        (History(before=UpgradeIdentity(NOON, "v2"), began_at=NOON), YES),
        (History(before=UpgradeIdentity(NOON, "v2"), began_at=BEFORE), UNDECIDED),
        (History(before=UpgradeIdentity(None, "v1"), began_at=NOON), UNDECIDED),
    ],
)
def test_unstarted_result_began_during_the_wait(history: History, satisfied: object) -> None:
    """An upgrade to the deployed version has no start time; an earlier poll shows that it is new."""
    selector = UpgradeSelector(started_after=NOON, clock_skew=0.0)
    assert selector.satisfied_by(DONE_UNSTARTED, LATER, history) is satisfied


@pytest.mark.parametrize("version", ["10.0", "5"])
def test_cluster_version_is_code_or_configuration(version: str) -> None:
    selector = UpgradeSelector(previous=OLD_CLUSTER, target_version=version)
    assert selector.satisfied_by(cluster("RollingForwardCompleted", "10.0", "5"), NOON) is YES
    assert selector.satisfied_by(cluster("RollingForwardCompleted", "9.1", "4"), NOON) is NO
    accepting = UpgradeSelector(target_version=version, accept_current_version=True)
    assert accepting.accepts_current(cluster("RollingForwardCompleted", "10.0", "5"))


# A cluster configuration is upgraded in phases; its version changes after the last.

PHASE = configuration("RollingForwardCompleted", "6")
NEXT_PHASE = configuration("RollingForwardInProgress", "7")
CHANGED = configuration("RollingForwardCompleted", "7", "1.0.4")
BY_PREVIOUS = UpgradeSelector(previous=CONFIGURED)
BY_BOTH = UpgradeSelector(previous=CONFIGURED, target_version="1.0.4")
BY_VERSION = UpgradeSelector(target_version="1.0.4")
SEEN = History(UpgradeIdentity(None, None), before=UpgradeIdentity(None, "1.0.3"))


@pytest.mark.parametrize("selector", [LATEST, BY_PREVIOUS, BY_BOTH])
def test_phases_belong_to_one_upgrade(selector: UpgradeSelector) -> None:
    for observed in (PHASE, NEXT_PHASE, CHANGED, CONFIGURED):
        assert selector.match(observed, NOON, SEEN) is Match.EXPECTED
    assert [selector.is_phase(observed, SEEN) for observed in (PHASE, NEXT_PHASE, CHANGED)] == [
        True,
        False,
        False,
    ]


def test_phase_alone_does_not_prove_the_version() -> None:
    seen = History(before=UpgradeIdentity(None, "1.0.3"))
    assert BY_VERSION.match(PHASE, NOON, seen) is Match.OTHER
    assert BY_VERSION.match(NEXT_PHASE, NOON, seen) is Match.OTHER
    assert BY_VERSION.match(CHANGED, NOON, seen) is Match.EXPECTED
    assert BY_VERSION.match(CHANGED, NOON) is Match.OTHER
    assert BY_BOTH.match(PHASE, NOON) is Match.EXPECTED
    assert BY_BOTH.match(CHANGED, NOON) is Match.EXPECTED
    assert BY_BOTH.match(configuration("RollingForwardCompleted", "7", "1.0.5"), NOON) is Match.OTHER


def test_old_version_of_phases_may_be_unknown() -> None:
    assert not LATEST.is_phase(PHASE, History())
    assert not UpgradeSelector(previous=configuration("Invalid", "5", None)).is_phase(PHASE, History())


def test_other_version_after_a_rollback_is_a_replacement() -> None:
    seen = History(UpgradeIdentity(None, None, rolled_back=True), before=UpgradeIdentity(None, "1.0.3"))
    assert BY_PREVIOUS.match(CHANGED, NOON, seen) is Match.REPLACED
    assert BY_PREVIOUS.match(PHASE, NOON, seen) is Match.EXPECTED


def test_refused_start_is_not_the_latest_upgrade() -> None:
    refused = UpgradeProgress(
        "cluster_configuration",
        "",
        state="RollingForwardCompleted",
        target_version="5",
        config_version="1.0.3",
        status_details="-2147017627 : The upgrade policy is not allowed",
    )
    assert LATEST.match(refused, NOON) is Match.OTHER
    assert LATEST.match(refused, NOON, History(before=UpgradeIdentity(None, "1.0.3"))) is Match.OTHER
    assert LATEST.match(refused, NOON, History(before=UpgradeIdentity(None, "1.0.2"))) is Match.EXPECTED
    assert LATEST.match(CONFIGURED, NOON) is Match.EXPECTED


@pytest.mark.parametrize(
    ("selector", "observed", "lacks"),
    [
        (UpgradeSelector(previous=OLD_DONE, target_version="v2"), ROLLED_BACK, True),
        (UpgradeSelector(target_version="v2"), BACK, True),
        (UpgradeSelector(previous=OLD_DONE), ROLLED_BACK, False),
        (UpgradeSelector(previous=OLD_MOVING, target_version="v2"), OLD_BACK, False),
        (UpgradeSelector(previous=OLD_DONE, target_version="v2"), FAILED, False),
    ],
)
def test_rollback_lacks_the_version(
    selector: UpgradeSelector, observed: UpgradeProgress, *, lacks: bool
) -> None:
    assert selector.lacks_version(observed, NOON) is lacks


def test_details_of_a_single_phase_are_no_refusal() -> None:
    done = replace(DONE, status_details="a note")
    assert LATEST.match(done, NOON) is Match.EXPECTED


def test_version_is_lacking_only_if_asked_for() -> None:
    since_noon = UpgradeSelector(started_after=NOON)
    unknown = replace(ROLLED_BACK, started_at=None)
    assert since_noon.satisfied_by(unknown, NOON) is None
    assert since_noon.lacks_version(unknown, NOON) is False


@pytest.mark.parametrize(("now", "lacks"), [(LATER, True), (BEFORE, False)])
def test_rollback_without_a_start_time_began_by_now(now: datetime, *, lacks: bool) -> None:
    selector = UpgradeSelector(started_after=NOON, target_version="v2")
    unknown = UpgradeProgress("application_resource", "shop", state="RollingBack")
    assert selector.lacks_version(unknown, now) is lacks
