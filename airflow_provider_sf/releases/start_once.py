"""
How to start exactly one upgrade of a classic application: the decisions. No I/O, no clock.

A task reads what is on record and asks :func:`next_step`. Before it sends the request, it stores the state
that the step contains. After every answer that is not certain, and in every later try, it reads again: the
record shows whether the request has arrived. Service Fabric has no id for a request, so a request is sent
again only if the record has not changed long after the cluster would have answered.

A rollback on record does not show what it undoes. If its start time is new, it counts as that of the task: a
task may report the rollback of an upgrade that another person has started in the same second, but it never
sends a second request, and never reports a success that is not its own.

    on record                                nothing sent yet    sent, answer not known
    no upgrade is in progress                Send                LookAgain; long after it was sent, Send again
    deployed already, same parameters        NothingToDo         -
    an upgrade is in progress                if_upgrading        Started; Refused if it is not the task's
    another start time than before           -                   Started; Refused if it is not the task's
    never upgraded, but it was before        Send                Refused: the preparation has failed
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_sf.releases.application_upgrade import described_content
from airflow_provider_sf.releases.parameters import sha256_of
from airflow_provider_sf.releases.start_state import Before, Seen, StartOptions, StartState
from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import History, UpgradeIdentity

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.upgrades import UpgradeProgress

__all__ = [
    "LookAgain",
    "NothingToDo",
    "Refused",
    "Seen",
    "Send",
    "StartOptions",
    "StartState",
    "Started",
    "Step",
    "WaitForOther",
    "after_answer",
    "next_step",
]

ALREADY_DEPLOYED = "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION"
SAME_IN_PROGRESS = "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"

LOOK_AGAIN_SECONDS = 5.0
LATE = timedelta(seconds=60)
"""How much later than the time limit of a request its effect may appear: the cluster manager's interval."""

MAX_SENDS = 3


@dataclass(frozen=True, slots=True)
class Send:
    """Store this state, then send the request."""

    state: StartState


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Read the cluster again after some seconds."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class WaitForOther:
    """Wait until the upgrade on record has ended, then look again."""

    upgrade: UpgradeIdentity


@dataclass(frozen=True, slots=True)
class Started:
    """The upgrade of this task is on record. It may have ended already; the wait decides how."""

    identity: UpgradeIdentity
    before: Before | None
    """What was on record before the request; None if this task sent none."""

    @property
    def history(self) -> History:
        """What the wait for this upgrade knows from the start."""
        if self.before is None:
            return History(expected=self.identity)
        return History(self.identity, self.before.upgrade, old_version=self.before.version)


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """Version and parameters are deployed already."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may be sent, or the cluster has refused it. ``reason`` is a part of a sentence."""

    reason: str


Step = Send | LookAgain | WaitForOther | Started | NothingToDo | Refused


def next_step(
    upgrade: ApplicationUpgrade, options: StartOptions, state: StartState | None, seen: Seen
) -> Step:
    """Return what to do next; ``state`` is what this or an earlier process has stored."""
    if seen.progress.outcome is Outcome.UNKNOWN:
        sent = "" if state else ", so nothing was sent"
        return Refused(f"the state {seen.progress.state!r} of the upgrade on record is not known{sent}")
    if state is None:
        return _first_step(upgrade, options, seen)
    if state.max_tries != options.max_tries:
        return _step_after_clear(upgrade, options, state, seen)
    if not _is_about(state, upgrade):
        is_late = seen.now > state.answer_due_at + LATE
        text = "the request of an earlier try for another version may still arrive"
        return _first_step(upgrade, options, seen) if is_late else LookAgain(LOOK_AGAIN_SECONDS, text)
    if state.started is not None:
        return Started(state.started, state.before)
    return _step_after_request(upgrade, state, seen)


def after_answer(
    state: StartState, options: StartOptions, error: ServiceFabricError | None
) -> StartState | NothingToDo | Refused:
    """
    Return what is known after the answer to the request.

    :raises ServiceFabricError: certainly nothing was changed, but a later request may be accepted
    """
    if error is None or error.code == SAME_IN_PROGRESS:
        return replace(state, is_accepted=True)
    if isinstance(error, (ResultUnknown, UnexpectedAnswer)):
        return state
    if error.code == ALREADY_DEPLOYED:
        return _same_version(options)
    if isinstance(error, Rejected):
        return Refused(f"the cluster refused the upgrade: {error}")
    raise error


def _first_step(upgrade: ApplicationUpgrade, options: StartOptions, seen: Seen) -> Step:
    """Return the first step of a task that has sent nothing, as far as is known."""
    progress = seen.progress
    is_blind = options.is_retry and not options.keeps_state
    if is_blind and _may_be_of_earlier_try(upgrade, options, progress):
        return Started(_identity(upgrade, progress), None)
    if progress.outcome.active and options.if_upgrading != "supersede":
        return _step_during_other(options, progress)
    if _goes_forward(progress) and upgrade.matches_description(progress.raw):
        return Started(_identity(upgrade, progress), None)  # the request could only roll it back
    has_failed = progress.outcome is Outcome.FAILED
    if not progress.outcome.active and not has_failed and _is_deployed(upgrade, seen):
        return _same_version(options)
    if is_blind and _may_still_arrive(options, seen.now):
        return LookAgain(LOOK_AGAIN_SECONDS, "a request of an earlier try may still arrive")
    return Send(_state_of(upgrade, options, seen, sends=1))


def _step_during_other(options: StartOptions, progress: UpgradeProgress) -> WaitForOther | Refused:
    if options.if_upgrading == "wait":
        return WaitForOther(UpgradeIdentity.from_record(progress))
    return Refused("another upgrade is in progress (if_upgrading='fail'), so nothing was sent")


def _may_still_arrive(options: StartOptions, now: datetime) -> bool:
    """Whether a request of an earlier try, of which nothing is stored, may not be on record yet."""
    if options.try_began_at is None:
        return False
    return now <= options.try_began_at + timedelta(seconds=options.request_seconds) + LATE


def _step_after_clear(
    upgrade: ApplicationUpgrade, options: StartOptions, state: StartState, seen: Seen
) -> Step:
    """Return the first step after a person has cleared the task: its upgrade may still run."""
    if _is_about(state, upgrade) and seen.progress.outcome.active:
        if state.started is not None and not state.started.contradicts(seen.progress):
            return Started(state.started, state.before)
        found = _step_after_request(upgrade, state, seen)
        if isinstance(found, Started):
            return found
    if seen.now <= state.answer_due_at + LATE and state.started is None:
        return LookAgain(LOOK_AGAIN_SECONDS, "the request of an earlier try may still arrive")
    return _first_step(upgrade, options, seen)


def _step_after_request(upgrade: ApplicationUpgrade, state: StartState, seen: Seen) -> Step:
    """Return what the record shows of the request that was sent."""
    progress, before = seen.progress, state.before
    if progress.outcome is Outcome.NOT_UPGRADED and before.was_upgraded:
        return Refused("the cluster could not prepare the upgrade: its record is gone")
    if _is_unchanged(state, progress):
        return _step_without_change(upgrade, state, seen)
    if not progress.going_back and not _is_of_request(state, progress):
        accepted = "the cluster has accepted it, but " if state.is_accepted else ""
        return Refused(f"{accepted}another upgrade was started at the same time")
    is_early = progress.outcome.active and progress.started_at is None
    if is_early and seen.now <= state.answer_due_at:
        return LookAgain(
            LOOK_AGAIN_SECONDS, "the cluster has accepted the upgrade, but has not started it yet"
        )
    return Started(_identity(upgrade, progress), before)


def _is_unchanged(state: StartState, progress: UpgradeProgress) -> bool:
    """Whether the record is still about the upgrade from before, which may have moved on if it was active."""
    before = state.before
    if before.was_active and before.upgrade.started_at is None and not _is_of_request(state, progress):
        return progress.new_version in {None, before.upgrade.target_version}  # it may have its start time now
    if progress.started_at != before.upgrade.started_at:
        return False
    if before.was_active:
        return before.upgrade.started_at is not None
    is_upgraded = progress.outcome is not Outcome.NOT_UPGRADED
    if progress.outcome.active or is_upgraded != before.was_upgraded:
        return False
    return progress.going_back == before.upgrade.rolled_back


def _step_without_change(upgrade: ApplicationUpgrade, state: StartState, seen: Seen) -> Step:
    """Return the step while the record is the one from before the request."""
    if seen.progress.outcome.active:
        return WaitForOther(UpgradeIdentity.from_record(seen.progress))
    if seen.now <= max(state.answer_due_at, _ended_at(seen.progress) or state.answer_due_at) + LATE:
        return LookAgain(LOOK_AGAIN_SECONDS, "the upgrade is not on record yet")
    if reason := _reason_to_stop(upgrade, state, seen.progress):
        return Refused(reason)
    request = state.answer_due_at - state.sent_at
    again = replace(state, sent_at=seen.now, answer_due_at=seen.now + request, sends=state.sends + 1)
    return Send(again)


def _reason_to_stop(upgrade: ApplicationUpgrade, state: StartState, progress: UpgradeProgress) -> str:
    """
    Return why a request without effect is not sent again; empty if it may be sent again.

    A request rolls a running upgrade back before its own starts. If a person requests a rollback meanwhile,
    Service Fabric drops it: so after a rollback nothing shows whether the request had arrived.
    """
    if state.is_accepted:
        return "the cluster has accepted the upgrade, but it is not on record"
    if state.before.was_active and progress.going_back:
        return "the other upgrade was rolled back, but that of this task has not followed"
    if state.description_sha256 != upgrade.sha256():
        return "the parameters were changed after the request was sent, so it was not sent again"
    if state.sends >= MAX_SENDS:
        return f"the request was sent {state.sends} times and never answered"
    return ""


def _is_of_request(state: StartState, progress: UpgradeProgress) -> bool:
    """Whether the upgrade on record has the version and the parameters of the request."""
    version, parameters = described_content(progress.raw)
    if version is None:
        return progress.new_version in {None, state.target_version}
    return (version, sha256_of(parameters)) == (state.target_version, state.parameters_sha256)


def _state_of(upgrade: ApplicationUpgrade, options: StartOptions, seen: Seen, *, sends: int) -> StartState:
    return StartState(
        name=normalized_name(upgrade.name),
        target_version=upgrade.target_version,
        description_sha256=upgrade.sha256(),
        parameters_sha256=sha256_of(upgrade.parameters),
        max_tries=options.max_tries,
        before=Before.of(seen),
        sent_at=seen.now,
        answer_due_at=seen.now + timedelta(seconds=options.request_seconds),
        sends=sends,
    )


def _is_about(state: StartState, upgrade: ApplicationUpgrade) -> bool:
    return (state.name, state.target_version) == (normalized_name(upgrade.name), upgrade.target_version)


def _identity(upgrade: ApplicationUpgrade, progress: UpgradeProgress) -> UpgradeIdentity:
    return UpgradeIdentity(progress.started_at, upgrade.target_version, progress.going_back)


def _same_version(options: StartOptions) -> NothingToDo | Refused:
    if options.if_same_version == "succeed":
        return NothingToDo()
    return Refused("this version is deployed already, with the same parameters (if_same_version='fail')")


def _is_deployed(upgrade: ApplicationUpgrade, seen: Seen) -> bool:
    return seen.version == upgrade.target_version and dict(seen.parameters) == dict(upgrade.parameters)


def _goes_forward(progress: UpgradeProgress) -> bool:
    return progress.outcome.active and not progress.going_back


def _may_be_of_earlier_try(
    upgrade: ApplicationUpgrade, options: StartOptions, progress: UpgradeProgress
) -> bool:
    """
    Whether the upgrade on record may be that of an earlier try, of which nothing is stored.

    It has the same description, and it runs or began during this DAG run. A rollback may have another
    description; then one that began during this DAG run counts, since sending again would be worse.
    """
    began = progress.started_at is not None and options.run_started_at is not None
    is_of_run = began and progress.started_at >= options.run_started_at  # type: ignore[operator]  # both are set
    if progress.going_back:
        return is_of_run
    is_same = upgrade.matches_description(progress.raw)
    return is_same and (progress.outcome.active or is_of_run)


def _ended_at(progress: UpgradeProgress) -> datetime | None:
    if progress.started_at is None or progress.duration_seconds is None:
        return None
    return progress.started_at + timedelta(seconds=progress.duration_seconds)
