"""
How a name behaves: what happens to it without commands, and how its upgrades go. A pure function; no I/O.

A word such as ``idle_previous_rolled_back`` describes a behaviour. It is assigned to a name, or it is the
part of the name before the first ``-``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from typing import TYPE_CHECKING

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.courses import COURSES, Course, course_of
from airflow_provider_sf.simulator.model import type_name
from airflow_provider_sf.simulator.scenarios import DAY, SCENARIOS, Phase, Scenario, never_upgraded
from airflow_provider_sf.simulator.timeline import FINISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

START_DELAY = 60.0
"""How many seconds of a scenario the first request shows the state before the upgrade."""

CLUSTER = "cluster"
"""Stands for the cluster and its configuration, which have no name."""

_EARLIER = (
    Phase("RollingForward", 600, until=1.0),
    Phase("CompletedRollforward", DAY - 600 + START_DELAY, done=1.0, until=1.0),
)
"""Yesterday's upgrade. Its record is there for a while before the next upgrade begins."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to a name without commands, and how the upgrades go that commands start."""

    scenario: Scenario
    course: Course
    has_upgrade: bool = True
    """Whether an upgrade is, or will be, on record without a command."""


def begins_at_once(scenario: Scenario) -> bool:
    """Whether the first phase of a scenario is an upgrade that runs."""
    return (
        bool(scenario.phases) and not scenario.elapsed_at_start and scenario.phases[0].state not in FINISHED
    )


_ENDINGS = ("good", *(word.removeprefix("idle_") for word in COURSES if word != "idle"))

WORDS: dict[str, tuple[bool, bool, str]] = {
    **{word: (False, False, word) for word in SCENARIOS},
    **{
        f"previous_{word}": (False, True, word)
        for word, scenario in SCENARIOS.items()
        if begins_at_once(scenario)
    },
    **{f"idle_{word}": (True, False, word) for word in _ENDINGS},
    **{f"idle_previous_{word}": (True, True, word) for word in _ENDINGS},
    "idle": (True, False, "good"),
    "idle_previous": (True, True, "good"),
}
"""Each word -> whether it waits for a command, whether an earlier upgrade is on record, and its ending."""


@cache
def behaviour_of(word: str, start_delay: float = START_DELAY) -> Behaviour:
    """
    Return the behaviour that a word describes.

    :raises ValueError: the word is unknown
    """
    if word not in WORDS:
        close = get_close_matches(word, WORDS, 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        msg = f"invalid scenario {word!r}{hint}: choose one of {', '.join(WORDS)}"
        raise ValueError(msg)
    is_idle, has_previous, ending = WORDS[word]
    course = course_of(ending)
    if is_idle:
        return Behaviour(_WAITING[has_previous], course, has_upgrade=has_previous)
    scenario = SCENARIOS[ending]
    return Behaviour(_after_earlier(scenario) if has_previous else _delayed(scenario, start_delay), course)


_WAITING = (
    Scenario("", (never_upgraded(),)),
    Scenario("", (_EARLIER[0], replace(_EARLIER[1], seconds=0.0)), elapsed_at_start=DAY),
)
"""What a name that waits for a command shows: without, and with an earlier upgrade."""


def _delayed(scenario: Scenario, delay: float) -> Scenario:
    """Return a scenario that first shows an application without an upgrade on record."""
    if not delay or not begins_at_once(scenario):
        return scenario
    return _later(scenario, (never_upgraded(delay),), delay)


def _after_earlier(scenario: Scenario) -> Scenario:
    """Return a scenario that first shows yesterday's upgrade. Its own versions follow that upgrade."""
    following = replace(scenario, phases=tuple(map(_with_next_versions, scenario.phases)))
    return replace(_later(following, _EARLIER, START_DELAY), elapsed_at_start=DAY)


def _later(scenario: Scenario, before: tuple[Phase, ...], delay: float) -> Scenario:
    """Return a scenario with other phases before its own; its faults are later."""
    faults = tuple(
        replace(fault, from_second=fault.from_second + delay, to_second=fault.to_second + delay)
        for fault in scenario.faults
    )
    return replace(scenario, phases=(*before, *scenario.phases), faults=faults)


def _with_next_versions(phase: Phase) -> Phase:
    upgrade = replace(
        phase.upgrade, old=_next_version(phase.upgrade.old), new=_next_version(phase.upgrade.new)
    )
    return replace(phase, upgrade=upgrade, config=phase.config and _next_version(phase.config))


def _next_version(version: str) -> str:
    return f"v{int(version[1:]) + 1}"


@dataclass(frozen=True)
class NameScenarios:
    """
    Which behaviour each name has: the assigned one, or the one of its prefix.

    :raises ValueError: a name is empty, or its word is unknown
    """

    words: Mapping[str, str] = field(default_factory=dict)
    """The assigned words by name."""
    start_delay: float = START_DELAY

    def __post_init__(self) -> None:
        """Check the names and words."""
        for name, word in self.words.items():
            if not normalized_name(name):
                msg = f"the scenario {word!r} has no name: set one, for example 'fabric:/shop/web'"
                raise ValueError(msg)
            try:
                behaviour_of(word)
            except ValueError as error:
                msg = f"{name}: {error}"
                raise ValueError(msg) from None

    def behaviour(self, name: str) -> Behaviour | None:
        """Return the behaviour of a name; None without a scenario."""
        key = normalized_name(name)
        word = self._assigned.get(key) or key.partition("-")[0]
        return behaviour_of(word, self.start_delay) if word in WORDS else None

    @cached_property
    def types(self) -> frozenset[str]:
        """The application types of the assigned names that exist."""
        return frozenset(
            type_name(name) for name, word in self.words.items() if behaviour_of(word).scenario.exists
        )

    @cached_property
    def _assigned(self) -> dict[str, str]:
        return {normalized_name(name): word for name, word in self.words.items()}
