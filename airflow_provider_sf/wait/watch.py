"""
Find the ends of upgrades in a series of records. No I/O, no clock.

    observe(state, record, now) -> (state, ends)

The first record is the baseline: if an upgrade is in progress, its end is found; if none is, that upgrade has
ended before the watch. Service Fabric keeps only the latest upgrade, so each later record is one of these:

    the upgrade of the baseline               nothing has ended
    another upgrade, in progress              it is expected to end
    the expected upgrade, finished            one end
    another upgrade, finished already         one end: it began and ended between two records
    another one than the expected upgrade     the end of the expected one, superseded; then as above
    never upgraded, or an unknown state       nothing has ended; the application may have been created again

Which records are about the same upgrade is decided as in a wait: by the start time and, while an upgrade goes
forward, by its version. No time of another clock is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import REQUIRED, Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.criteria import CALLED_OFF
from airflow_provider_sf.wait.identity import History, UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.state_machine import identity_before, judge
from airflow_provider_sf.wait.upgrade_end import SUPERSEDED, UpgradeEnd

if TYPE_CHECKING:
    from datetime import datetime

SCHEMA = "service_fabric.upgrade_watch/1"


@dataclass(frozen=True, slots=True)
class WatchState(Record):
    """What a watch knows. A new watch knows nothing."""

    previous: UpgradeProgress | None = field(default=None, metadata=REQUIRED)
    """The latest upgrade that has ended, before the watch began or since."""
    expected: UpgradeIdentity | None = field(default=None, metadata=REQUIRED)
    """The identity of the upgrade in progress."""
    latest: UpgradeProgress | None = None
    """The latest record of the upgrade in progress."""
    before: UpgradeIdentity | None = None
    """The version before the upgrade in progress, of a kind with several phases, if previous is not known."""

    @property
    def has_begun(self) -> bool:
        """Whether there was a first record."""
        return self.previous is not None or self.expected is not None


@dataclass(frozen=True, slots=True)
class StoredWatch(Record):
    """What a watch keeps for the next triggerer. Airflow stores it for each asset."""

    schema_id: ClassVar[str] = SCHEMA

    watch_id: str
    """Airflow's id of the trigger. A DAG that is paused and unpaused again has a new one: a new watch."""
    state: WatchState
    unconfirmed: tuple[UpgradeEnd, ...] = ()
    """Ends that were found. It is not known whether Airflow has stored their events."""


def observe(
    state: WatchState, record: UpgradeProgress, now: datetime
) -> tuple[WatchState, tuple[UpgradeEnd, ...]]:
    """Add a record to the state, and return the ends that it shows, the earlier one first."""
    if record.outcome is Outcome.UNKNOWN:
        return state, ()
    if record.outcome is Outcome.NOT_UPGRADED:
        return WatchState(previous=state.previous or _brief(record)), _undone(state)
    if not (state.has_begun or record.outcome.active):
        return WatchState(previous=_brief(record)), ()
    if state.expected is None and _was_called_off(state.previous, record):
        return WatchState(previous=_brief(record)), (UpgradeEnd.of(record),)
    return _judge(state, record, now)


def _judge(
    state: WatchState, record: UpgradeProgress, now: datetime
) -> tuple[WatchState, tuple[UpgradeEnd, ...]]:
    """Match a record with the expected upgrade, as a wait does that began after the previous one."""
    policy = Policy(0.0, selector=UpgradeSelector(previous=state.previous))
    history = History(state.expected, state.before)
    match = policy.selector.match(record, now, history)
    verdict = judge(policy, match, record, history)
    if verdict is Verdict.SUPERSEDED and state.latest is not None:
        superseded = UpgradeEnd.of(state.latest, state.expected, SUPERSEDED)
        after, ends = observe(WatchState(previous=state.latest), record, now)
        return after, (superseded, *ends)
    if verdict in {Verdict.SUCCEEDED, Verdict.FAILED, Verdict.SUPERSEDED}:
        end = UpgradeEnd.of(record, state.expected, _outcome(verdict, record))
        return WatchState(previous=_brief(record)), (end,)
    expected = policy.selector.update_identity(record, match, history)
    if expected == state.expected:
        return state, ()
    before = state.before or (None if state.previous else identity_before(record, match, verdict))
    return replace(state, expected=expected, latest=_brief(record), before=before), ()


def key_facts(record: UpgradeProgress) -> tuple[object, ...]:
    """Return what an end depends on; a change of it is read twice before it is believed."""
    return record.outcome, record.started_at, record.target_version, record.config_version, record.going_back


def _undone(state: WatchState) -> tuple[UpgradeEnd, ...]:
    """
    Return the end of the expected upgrade when no upgrade is on record any more.

    Service Fabric undoes the first configuration upgrade of a cluster in this way. Everything else was
    deleted and created again, and its upgrade has no end.
    """
    latest, expected = state.latest, state.expected
    if latest is None or expected is None or not expected.rolled_back:
        return ()
    is_undone = get_kind(latest.kind).is_multi_phase
    return (UpgradeEnd.of(latest, expected, Outcome.ROLLED_BACK.value),) if is_undone else ()


def _was_called_off(previous: UpgradeProgress | None, record: UpgradeProgress) -> bool:
    """
    Whether the record of an upgrade that was rolled back has become that of one to the old version.

    This happens on a cluster, see CALLED_OFF. The record keeps its start time.
    """
    if previous is None or not previous.going_back or previous.started_at != record.started_at:
        return False
    return record.outcome is Outcome.SUCCEEDED and record.failure_reason == CALLED_OFF


def _outcome(verdict: Verdict, record: UpgradeProgress) -> str | None:
    """Return the outcome if it is not that of the record: an upgrade of several phases is undone forward."""
    is_undone = verdict is Verdict.FAILED and record.outcome is Outcome.SUCCEEDED
    return Outcome.ROLLED_BACK.value if is_undone else None


def _brief(record: UpgradeProgress) -> UpgradeProgress:
    """Return the parts of a record that identify its upgrade; the rest is much and changes often."""
    return replace(
        record,
        percent_completed=None,
        duration_seconds=None,
        status_details=None,
        services=(),
        health_check_phase=None,
        health_check_elapsed_seconds=None,
        domain_duration_seconds=None,
        monitoring_policy=None,
        domains=Domains(),
        unhealthy_evaluations=(),
        observed_at=None,
        endpoint=None,
        omitted=(),
        raw=None,
    )
