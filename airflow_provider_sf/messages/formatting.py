"""The words that log lines and messages are made of: durations, times, counts, versions. Pure; no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.services import ServiceProgress
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.timeline import Stage

MOST_NAMED = 6
"""How many services one line names."""

NOBODY_KNOWS = "a state that this package does not know; it never counts as success"

MOST_CHECKS = 2
"""How many safety checks one line names."""

_BAR = 20
_MOST_LETTERS, _MOST_OF_A_SERVICE, _MOST_OF_A_TITLE, _MOST_OF_A_SENTENCE = 80, 60, 200, 300

UNHEALTHY = "Retry"
"""The phase in which a health check has found something unhealthy, and looks again."""

HEALTH_CHECKS = frozenset({"WaitDuration", "StableDuration", UNHEALTHY})
"""The phases in which a monitored upgrade looks at the health of what it has upgraded."""


def plain(said: str, most: int = _MOST_LETTERS) -> str:
    """Put what a cluster says on one line, without control characters and cut; ``?`` if nothing is left."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    words = words if len(words) <= most else f"{words[:most]}..."
    # Airflow's log view folds at ::group:: and ::endgroup::, wherever in a line they stand.
    words = words.replace("group::", "group: :")
    # What ends here may have a colon of ours behind it.
    return f"{words[:-1]} :" if words.endswith("group:") else words or "?"


def title(kind: str, name: str) -> str:
    """Name what is upgraded: ``application resource 'shop'``, ``the cluster``."""
    row = KINDS[kind]
    return f"{row.title} {plain(name, _MOST_OF_A_TITLE)!r}" if row.takes_name else f"the {row.title}"


def sentence(words: str) -> str:
    """Begin with a capital, as a sentence does."""
    return words[:1].upper() + words[1:]


def span(seconds: float | None) -> str:
    """Word a duration: ``7s``, ``12m04s``, ``1h05m``, ``2d03h``; ``-`` if unknown, ``0s`` if it is over."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def many(count: int, thing: str) -> str:
    """Count things: ``1 poll``, ``12 polls``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def clock(moment: datetime) -> str:
    """Word a time: ``2026-03-01 03:12:44 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def percent(value: float | None) -> str:
    """Word how far an upgrade is: ``62 %``."""
    return "percent unknown" if value is None else f"{value:.0f} %"


def bar(value: float | None) -> str:
    """Draw how far an upgrade is; nothing is drawn if that is not known."""
    if value is None:
        return f"[{'':{_BAR}}]"
    done = min(_BAR, max(0, int(value * _BAR / 100)))
    return f"[{'#' * done}{'-' * (_BAR - done)}]"


def replicas(service: ServiceProgress) -> str:
    """Word how many replicas of a service are upgraded: ``3/8``; ``?`` for what is not said."""
    done, pending = service.completed_replicas, service.pending_replicas
    total = "?" if done is None or pending is None else done + pending
    return f"{'?' if done is None else done}/{total}"


def _count(service: ServiceProgress) -> str:
    return f"{plain(service.name, _MOST_OF_A_SERVICE)} {replicas(service)}"


def counts(services: Iterable[ServiceProgress], more: int = 0) -> list[str]:
    """Word how far services are, each on its own, and how many more there are."""
    said = [_count(service) for service in services]
    more += len(said[MOST_NAMED:])
    return [*said[:MOST_NAMED], *([f"and {more} more"] if more else [])]


def behind(services: Sequence[ServiceProgress], more: int = 0) -> str:
    """Name the services that replicas of are still to come: ``web 6/8 (2 to come), and 3 more``."""
    said = [f"{_count(service)} ({service.pending_replicas} to come)" for service in services[:MOST_NAMED]]
    more += len(services[MOST_NAMED:])
    return ", ".join([*said, *([f"and {more} more"] if more else [])])


def checks(sentences: Sequence[str], more: int = 0) -> str:
    """Say what an upgrade domain waits for, and how many checks more there are."""
    more += len(sentences[MOST_CHECKS:])
    said = [plain(sentence, _MOST_OF_A_SENTENCE) for sentence in sentences[:MOST_CHECKS]]
    return "; ".join([*said, *([f"and {many(more, 'more check')}"] if more else [])])


def waits_for(record: UpgradeProgress) -> str:
    """Say which safety checks an upgrade waits for; nothing if there are none."""
    return checks(record.domains.current.safety_checks, dict(record.omitted).get("pending_safety_checks", 0))


def where(record: UpgradeProgress, *, waiting: bool = True) -> list[str]:
    """Say in which upgrade domain a rolling upgrade is and, if asked, which safety checks it waits for."""
    said = []
    if record.place and record.outcome.active:
        said.append(plain(record.place))
    if waiting and record.domains.current.safety_checks:
        said.append(waits_for(record))
    if record.health_check_phase in HEALTH_CHECKS and record.outcome.active:
        said.append(f"health check, {state_words(record.health_check_phase)}")
        said += [plain(sentence, _MOST_OF_A_SENTENCE) for sentence in record.unhealthy_evaluations[:1]]
    return [": ".join(said)] if said else []


def how_far(record: UpgradeProgress) -> float | None:
    """Return the percent that Service Fabric says, else that of upgraded domains, else of replicas."""
    if record.percent_completed is not None:
        return record.percent_completed
    said = [(service.completed_replicas, service.pending_replicas) for service in record.services]
    known = [(max(0, done), max(0, left)) for done, left in said if done is not None and left is not None]
    done = sum(done for done, _ in known)
    completed, of = record.domains_done or (done, done + sum(left for _, left in known))
    return 100.0 * completed / of if of else None


def state_words(state: str | None) -> str:
    """Spell a state of Service Fabric as words: RollingForward -> rolling forward."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain(state)).lower() if state else "no state"


def standing(one: UpgradeProgress | Stage) -> str:
    """Return a state in words; what nobody ever upgraded calls itself completed."""
    return "not upgraded" if one.outcome is Outcome.NOT_UPGRADED else state_words(one.state)


STATE_WIDTH = max(len(state_words(state)) for state in OUTCOMES)
"""How wide a column of states is."""


def version(said: str | None) -> str:
    """Name a version."""
    return plain(said) if said else "an unknown version"


def which(record: UpgradeProgress) -> str:
    """Say which upgrade a record is about: ``to v1, started 2026-03-01 03:00:00 UTC``."""
    direction = "back to" if record.going_back else "to"
    start = f", started {clock(record.started_at)}" if record.started_at else ", not started yet"
    says_when = "started_at" in KINDS[record.kind].keys
    return f"{direction} {version(record.target_version)}{start if says_when else ''}"


def meaning(selector: UpgradeSelector) -> str:
    """Say which upgrade is meant."""
    said = []
    if selector.previous is not None and selector.previous.outcome is Outcome.NOT_UPGRADED:
        said.append("the first one ever (previous)")
    elif selector.previous is not None:
        said.append(f"another than the one {which(selector.previous)} (previous)")
    if selector.started_after is not None:
        skew = f" or up to {span(selector.clock_skew)} before" if selector.clock_skew else ""
        said.append(f"one that starts after {clock(selector.started_after)}{skew} (started_after)")
    if selector.target_version is not None:
        said.append(f"one to {version(selector.target_version)} (target_version)")
    there = f"; {version(selector.target_version)} there already is enough (accept_current_version)"
    return (" and ".join(said) or "the latest on record") + (there if selector.accept_current_version else "")


def pause(record: UpgradeProgress) -> str:
    """Say why an upgrade is paused and what a person must do."""
    if record.going_back:
        cause = "Paused in its rollback before the next upgrade domain, as its mode is UnmonitoredManual"
        remedy = "let the next upgrade domain begin"
    elif record.failed_at:
        cause = f"Paused after a failure at {clock(record.failed_at)}, as its FailureAction is Manual"
        remedy = "mend the cause, then resume the upgrade or roll it back"
    else:
        cause = "Paused before the next upgrade domain, as its mode is UnmonitoredManual"
        remedy = "let the next upgrade domain begin, or roll the upgrade back"
    return f"{cause}. Nothing moves until a person acts: {remedy}"
