"""
How to start one upgrade of a kind that generates its versions: the decision. No I/O, no clock.

A compose deployment and an application resource get the new version from Service Fabric, so only the record
from before the request shows whether an upgrade has started. Service Fabric never interrupts a running
upgrade of these kinds: it refuses the request, or lets it wait. An application resource has a wanted state,
so its request may be repeated at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.criteria import differs_from_previous

if TYPE_CHECKING:
    from airflow_provider_sf.releases.start_state import StartOptions

LATE = timedelta(seconds=60)
"""How much later than the time limit of a request its effect may appear: the cluster manager's interval."""

MAX_SENDS = 3


class NextStep(Enum):
    """What a task does next."""

    SEND = "send"
    LOOK_AGAIN = "look_again"
    NOTHING_TO_DO = "nothing_to_do"
    """The request changes nothing."""
    STARTED = "started"
    """The upgrade on record is another one than before the request."""
    WAIT_FOR_OTHER = "wait_for_other"
    OTHER_IN_PROGRESS = "another upgrade is in progress (if_upgrading='fail'), so nothing was sent"
    UNKNOWN_STATE = "the state of the upgrade on record is not known, so nothing was sent"
    NEVER_ANSWERED = "the request was sent three times and never answered"
    NOT_ON_RECORD = "the cluster has accepted the request, but no upgrade is on record"


@dataclass(frozen=True, slots=True)
class RequestState(Record):
    """What a task knows of its request. It is stored before the request is sent."""

    schema_id: ClassVar[str] = "service_fabric.request_state/1"

    before: UpgradeProgress
    max_tries: int
    sent_at: datetime
    answer_due_at: datetime
    sends: int = 1
    is_accepted: bool = False
    is_unchanged: bool = False
    """Whether the cluster has answered that the request changes nothing."""


def next_step(
    options: StartOptions,
    state: RequestState | None,
    record: UpgradeProgress,
    now: datetime,
    *,
    is_repeatable: bool,
) -> NextStep:
    """
    Return what to do next.

    :param state: what this or an earlier process has stored; None if nothing was sent
    :param is_repeatable: whether a repeated request changes nothing more

    If the answer is that nothing changes, an earlier request without an answer may have made the change: the
    upgrade can still appear.
    """
    if record.outcome is Outcome.UNKNOWN:
        return NextStep.UNKNOWN_STATE
    is_cleared = state is not None and state.max_tries != options.max_tries
    if state is None or (is_cleared and not record.outcome.active):
        return _first_step(options, record)
    if state.is_unchanged and state.sends == 1 and not is_cleared:
        return NextStep.NOTHING_TO_DO
    if differs_from_previous(state.before, record):
        return NextStep.STARTED
    return _step_without_change(state, now, is_repeatable=is_repeatable)


def _step_without_change(state: RequestState, now: datetime, *, is_repeatable: bool) -> NextStep:
    may_send_again = not state.is_accepted and state.sends < MAX_SENDS
    if is_repeatable and may_send_again:
        return NextStep.SEND
    if now <= state.answer_due_at + LATE:
        return NextStep.LOOK_AGAIN
    if state.is_unchanged:
        return NextStep.NOTHING_TO_DO
    if state.is_accepted:
        return NextStep.NOT_ON_RECORD
    return NextStep.SEND if may_send_again else NextStep.NEVER_ANSWERED


def _first_step(options: StartOptions, record: UpgradeProgress) -> NextStep:
    if not record.outcome.active:
        return NextStep.SEND
    return NextStep.WAIT_FOR_OTHER if options.if_upgrading == "wait" else NextStep.OTHER_IN_PROGRESS
