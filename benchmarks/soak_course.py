"""What is measured in a soak: its size, the changes of gateways, and what the triggerers hold."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from benchmarks.answers import names
from benchmarks.report import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.flapping import Change
    from benchmarks.live_triggerer import LiveTriggerer

GATEWAYS = 2
"""The gateways of each cluster."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a soak."""

    waits: int
    minutes: int
    clusters: int
    interval: float

    @property
    def names(self) -> list[str]:
        """The name that each wait polls."""
        return names(self.waits)

    def gateways(self, cluster: int) -> range:
        """Return the gateways of a cluster. Waits alternate between the clusters."""
        return range(cluster * GATEWAYS, (cluster + 1) * GATEWAYS)


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory of both processes of a triggerer in MiB, their open files, and the child's sockets."""

    child_rss: float
    child_uss: float
    """What the child does not share with other processes."""
    supervisor_rss: float
    supervisor_uss: float
    child_files: int
    supervisor_files: int
    """The supervisor writes the logs of the tasks."""
    sockets: int

    @classmethod
    def of(cls, triggerer: LiveTriggerer) -> Sample:
        """Look at a triggerer."""
        child, supervisor = triggerer.child.memory_full_info(), triggerer.supervisor.memory_full_info()
        return cls(
            child.rss / _MIB,
            child.uss / _MIB,
            supervisor.rss / _MIB,
            supervisor.uss / _MIB,
            triggerer.child.num_fds(),
            triggerer.supervisor.num_fds(),
            len(triggerer.child.net_connections("tcp")),
        )


@dataclass(slots=True)
class Course:
    """What was measured. Times are seconds of the clock that all processes share."""

    plan: Plan
    began_at: float
    ended_at: float = 0.0
    changes: list[Change] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By triggerer, one a minute, and one after the end."""
    cpu_before: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The CPU seconds of child and supervisor up to the begin, by triggerer."""
    cpu_after: dict[str, tuple[float, float]] = field(default_factory=dict)
    blocked_before: dict[str, int] = field(default_factory=dict)
    """How many times Airflow has logged a blocked event loop before the soak, by triggerer."""
    blocked_after: dict[str, int] = field(default_factory=dict)
    """The same before the end of the upgrades."""
    most_files: int = 0
    most_sockets: int = 0
    requests: int = 0
    arrivals: dict[str, list[float]] = field(default_factory=dict)
    """The times of the answered polls, by name."""
    ended_early: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    seconds_to_fire: float = 0.0
    connections_left: int = 0
    triggers_left: int = 0


def samples_table(samples: Mapping[str, Sequence[Sample]]) -> str:
    """Return the samples of each minute of each triggerer as a Markdown table."""
    columns = [member.name for member in fields(Sample)]
    head = ["triggerer", "minute", *(name.replace("_", " ") for name in columns)]
    lines = [
        [
            trigger,
            "end" if place == len(found) else str(place),
            *(shown(getattr(each, name)) for name in columns),
        ]
        for trigger, found in samples.items()
        for place, each in enumerate(found, 1)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))
