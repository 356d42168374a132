"""
Upgrade domains, units and nodes: where a rolling upgrade is and which safety checks are pending. No I/O.

Service Fabric upgrades one domain after another, or one unit (a node) after another. It runs safety checks
before and after it upgrades a node. While a check is pending, the upgrade does not continue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import MAX_ITEMS, first_objects, objects, seconds, word
from airflow_provider_sf.rest.storage_limits import fitting_indices, fitting_texts
from airflow_provider_sf.serialization import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNITS_BYTES, NODES_BYTES, CHECKS_BYTES = 1_024, 1_024, 1_024
"""How many bytes of JSON each of these lists may take in a record."""

_COMPLETED, _IN_PROGRESS, _FAILED = "Completed", "InProgress", "Failed"

_MOST_NAMES = 2
"""How many units under way a place names."""

# A longer duration takes more bytes, but it must not change which nodes fit: that would look like progress.
_SAMPLE_DURATION = 1_000_000.0

# https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-safetycheckkind
_CHECKS = {
    "EnsureSeedNodeQuorum": "a quorum of the seed nodes would be lost",
    "EnsurePartitionQuorum": "{} would lose its quorum of replicas",
    "EnsureAvailability": "{} would not be available",
    "WaitForPrimaryPlacement": "the primary replica of {} is to come back first",
    "WaitForPrimarySwap": "the primary replica of {} is to move to another node first",
    "WaitForReconfiguration": "{} is still reconfiguring",
    "WaitForInbuildReplica": "a replica of {} is still being built",
}


@dataclass(frozen=True, slots=True)
class UpgradeUnit(Record):
    """An upgrade domain or upgrade unit, and its state in Service Fabric's word."""

    name: str
    state: str | None

    @property
    def completed(self) -> bool:
        """Whether the upgrade of this domain or unit is complete."""
        return self.state == _COMPLETED

    @property
    def failed(self) -> bool:
        """Whether the upgrade of this unit has failed; domains have no such state."""
        return self.state == _FAILED


@dataclass(frozen=True, slots=True)
class NodeProgress(Record):
    """A node in the current domain, and its phase in Service Fabric's word."""

    name: str
    phase: str | None
    duration_seconds: float | None = field(default=None, compare=False)
    """How long its upgrade has taken. Only time passes, so nodes that differ in it are equal."""


@dataclass(frozen=True, slots=True)
class DomainProgress(Record):
    """The upgrade domain or unit that is in progress."""

    name: str | None = None
    """A unit may have no name."""
    nodes: tuple[NodeProgress, ...] = ()


@dataclass(frozen=True, slots=True)
class Domains(Record):
    """Where a rolling upgrade is. An upgrade that goes node by node has units, all others have domains."""

    upgrade_domains: tuple[UpgradeUnit, ...] = ()
    upgrade_units: tuple[UpgradeUnit, ...] = ()
    """An upgrade that goes node by node has units instead of upgrade domains."""
    current_domain: DomainProgress | None = None
    """The upgrade domain, or unit, that is in progress."""
    pending_safety_checks: tuple[str, ...] = ()
    """A sentence for each safety check that the nodes of the current domain wait for."""
    failure_domain: str | None = None
    """The upgrade domain, or unit, in which the upgrade failed."""
    nodes_at_failure: tuple[NodeProgress, ...] = ()
    safety_checks_at_failure: tuple[str, ...] = ()
    next_domain: str | None = None
    """The upgrade domain that comes next. The command that resumes a paused upgrade needs its name."""

    @property
    def position(self) -> tuple[object, ...]:
        """A value that changes when the upgrade moves; the order of the lists does not matter."""
        current = self.current_domain or _NOWHERE
        parts = (self.upgrade_domains, self.upgrade_units, current.nodes, self.pending_safety_checks)
        return current.name, *map(frozenset, parts)

    def done(self, omitted: Mapping[str, int]) -> tuple[int, int] | None:
        """Return the completed and the total number of domains or units; None if none is listed."""
        noun, units = self._listed
        completed = sum(unit.completed for unit in units) + omitted.get(f"upgrade_{noun}s_completed", 0)
        return (completed, len(units) + omitted.get(f"upgrade_{noun}s", 0)) if units else None

    def failed_count(self, omitted: Mapping[str, int]) -> int:
        """Return how many units have failed."""
        return len(self.failed) + omitted.get("upgrade_units_failed", 0)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the listed units that have failed."""
        return tuple(unit.name for unit in self._listed[1] if unit.failed)

    def place(self, omitted: Mapping[str, int]) -> str | None:
        """
        Describe where the upgrade is: ``domain UD2 (2 of 5)`` or, between two, ``2 of 5 domains``.

        If several units are under way or some have failed: ``units N4, N5 (3 of 9 completed, 1 failed)``.
        """
        noun, names, done = self._listed[0], self._under_way, self.done(omitted)
        if done is None:
            return f"{noun} {names[0]}" if names else None
        (completed, total), failed = done, self.failed_count(omitted)
        failures = f", {failed} failed" if failed else ""
        if not names:
            return f"{completed} of {total} {noun}s{failures}"
        if len(names) == 1 and not failed:
            return f"{noun} {names[0]} ({completed + 1} of {total})"
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        units = f"{noun}{'s' if names[1:] else ''} {', '.join(names[:_MOST_NAMES])}{more}"
        return f"{units} ({completed} of {total} completed{failures})"

    @property
    def under_way(self) -> str | None:
        """
        The first domain, or unit, that is being upgraded; None between two of them.

        During the health check of a domain, Service Fabric already reports the next one as current.
        """
        return next(iter(self._under_way), None)

    @property
    def _under_way(self) -> list[str]:
        units = self._listed[1]
        if units:
            return [unit.name for unit in units if unit.state == _IN_PROGRESS]
        current = self.current_domain or _NOWHERE
        return [current.name] if current.name else []

    @property
    def _listed(self) -> tuple[str, tuple[UpgradeUnit, ...]]:
        if self.upgrade_units and not self.upgrade_domains:
            return "unit", self.upgrade_units
        return "domain", self.upgrade_domains


_NOWHERE = DomainProgress()


def domains_of(values: Mapping[str, object]) -> tuple[Domains, dict[str, int]]:
    """
    Read where an upgrade is, within the size limits of a record, and count the omitted items.

    :param values: ``upgrade_domains``, ``upgrade_units``, ``current_domain``, ``current_unit``,
        ``next_domain`` and ``failure_domain``, each in Service Fabric's JSON; all are optional
    """
    domains, more_domains = _units_of(values.get("upgrade_domains"))
    units, more_units = _units_of(values.get("upgrade_units"))
    current, checks, more_current = _current(values)
    at_failure, checks_at_failure, more_at_failure = _progress_of(values.get("failure_domain"))
    read = Domains(
        upgrade_domains=domains,
        upgrade_units=units,
        current_domain=None if current == _NOWHERE else current,
        pending_safety_checks=checks,
        failure_domain=at_failure.name,
        nodes_at_failure=at_failure.nodes,
        safety_checks_at_failure=checks_at_failure,
        next_domain=word(values.get("next_domain")) or None,
    )
    return read, {
        **{f"upgrade_domains{what}": count for what, count in more_domains.items()},
        **{f"upgrade_units{what}": count for what, count in more_units.items()},
        "current_nodes": more_current[0],
        "pending_safety_checks": more_current[1],
        "nodes_at_failure": more_at_failure[0],
        "safety_checks_at_failure": more_at_failure[1],
    }


_Progress = tuple[DomainProgress, tuple[str, ...], tuple[int, int]]
"""Progress in a domain or unit, its safety checks, and how many nodes and checks are omitted."""


def _current(values: Mapping[str, object]) -> _Progress:
    """Read progress in the current domain or unit: runtimes report both, and that in use has nodes."""
    domain, unit = (_progress_of(values.get(key)) for key in ("current_domain", "current_unit"))
    in_domain = domain[0].nodes or (domain[0].name and not unit[0].nodes)
    return domain if in_domain else unit


def _units_of(listed: object) -> tuple[tuple[UpgradeUnit, ...], dict[str, int]]:
    """Read a list of domains or units; count the omitted ones, and how many of them are in which state."""
    items, unread = first_objects(listed)
    units = [UpgradeUnit(_named(item, "Name"), word(item.get("State"))) for item in items]
    priority = [_omission_priority(unit) for unit in units]
    room = fitting_indices([unit.to_dict() for unit in units], UNITS_BYTES, omit_first=priority)
    kept = tuple(units[place] for place in room)
    return kept, {
        "": len(units) - len(kept) + unread,
        "_completed": sum(unit.completed for unit in units) - sum(unit.completed for unit in kept),
        "_failed": sum(unit.failed for unit in units) - sum(unit.failed for unit in kept),
    }


def _omission_priority(unit: UpgradeUnit) -> int:
    """Return a number that is larger for units that a reader needs less."""
    if unit.completed:
        return 2
    return 0 if unit.failed or unit.state == _IN_PROGRESS else 1


def _progress_of(value: object) -> _Progress:
    if not isinstance(value, dict):
        return _NOWHERE, (), (0, 0)
    items, unread = first_objects(value.get("NodeUpgradeProgressList"))
    listed = [(_named(node, "NodeName"), node) for node in items]
    nodes = [_node(name, node) for name, node in listed]
    room = fitting_indices([_sized(node) for node in nodes], NODES_BYTES)
    # By node, so that the choice does not depend on the order in which a cluster lists its nodes.
    pending = dict.fromkeys(islice(_sentences(sorted(listed, key=itemgetter(0))), MAX_ITEMS))
    checks = sum(len(objects(node.get("PendingSafetyChecks"))) for node in items)
    sentences = fitting_texts(iter(pending), CHECKS_BYTES)
    kept = tuple(nodes[place] for place in room)
    progress = DomainProgress(word(value.get("DomainName")) or None, kept)
    return (
        progress,
        tuple(sentences),
        (
            len(nodes) - len(kept) + unread,
            len(pending) - len(sentences) + max(0, checks - MAX_ITEMS),
        ),
    )


def _node(name: str, node: dict[str, Any]) -> NodeProgress:
    duration = seconds(node.get("UpgradeDuration"))
    return NodeProgress(
        name, word(node.get("UpgradePhase")), None if duration is None else float(round(duration))
    )


def _sized(node: NodeProgress) -> dict[str, Any]:
    """Return the JSON form of a node with a duration that always takes the same number of bytes."""
    duration = node.duration_seconds
    return {**node.to_dict(), "duration_seconds": None if duration is None else _SAMPLE_DURATION}


def _sentences(nodes: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for name, node in nodes:
        for wrapped in objects(node.get("PendingSafetyChecks")):
            check = wrapped.get("SafetyCheck")
            yield _sentence(name, check if isinstance(check, dict) else wrapped)


def _sentence(node: str, check: dict[str, Any]) -> str:
    """Return a sentence: ``node N3 waits for WaitForReconfiguration: partition ... is reconfiguring``."""
    kind = word(check.get("Kind")) or "a check without a name"
    partition = f"partition {word(check.get('PartitionId')) or 'unknown'}"
    reason = _CHECKS.get(kind, "{}" if check.get("PartitionId") else "")
    return f"node {node} waits for {kind}" + (f": {reason.format(partition)}" if reason else "")


def _named(item: dict[str, Any], key: str) -> str:
    return word(item.get(key)) or "?"
