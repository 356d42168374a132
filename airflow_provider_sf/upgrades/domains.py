"""
Upgrade domains, units and nodes: where a rolling upgrade is and which safety checks are pending. No I/O.

Service Fabric upgrades one domain after another, or one unit (a node) after another. It runs safety checks
before and after it upgrades a node. While a check is pending, the upgrade does not continue.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import objects, short_text
from airflow_provider_sf.rest.storage_limits import WORD_BYTES, fitting_indices, fitting_texts
from airflow_provider_sf.serialization import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNITS_BYTES, NODES_BYTES, CHECKS_BYTES = 1_024, 1_024, 1_024
"""How many bytes of JSON each of these lists may take in a record."""

_COMPLETED, _IN_PROGRESS = "Completed", "InProgress"

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


@dataclass(frozen=True, slots=True)
class NodeProgress(Record):
    """A node in the current domain, and its phase in Service Fabric's word."""

    name: str
    phase: str | None


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

    def place(self, omitted: Mapping[str, int]) -> str | None:
        """Describe where the upgrade is: ``domain UD2 (2 of 5)`` or, between two, ``2 of 5 domains``."""
        noun, name, done = self._listed[0], self.under_way, self.done(omitted)
        if done is None:
            return name and f"{noun} {name}"
        completed, total = done
        return f"{noun} {name} ({completed + 1} of {total})" if name else f"{completed} of {total} {noun}s"

    @property
    def under_way(self) -> str | None:
        """
        The domain, or unit, that is being upgraded; None between two of them.

        During the health check of a domain, Service Fabric already reports the next one as current.
        """
        units = self._listed[1]
        if not units:
            return self.current_domain.name if self.current_domain else None
        return next((unit.name for unit in units if unit.state == _IN_PROGRESS), None)

    @property
    def _listed(self) -> tuple[str, tuple[UpgradeUnit, ...]]:
        if self.upgrade_units and not self.upgrade_domains:
            return "unit", self.upgrade_units
        return "domain", self.upgrade_domains


_NOWHERE = DomainProgress()


def domains_of(values: Mapping[str, object]) -> tuple[Domains, dict[str, int]]:
    """
    Read where an upgrade is, within the size limits of a record, and count the omitted items.

    :param values: ``upgrade_domains``, ``upgrade_units``, ``current_domain``, ``current_unit`` and
        ``failure_domain``, each in Service Fabric's JSON; all are optional
    """
    domains, more_domains = _units_of(values.get("upgrade_domains"))
    units, more_units = _units_of(values.get("upgrade_units"))
    domain, unit = (_progress_of(values.get(key)) for key in ("current_domain", "current_unit"))
    # Runtimes report both; the one that is not in use has no nodes.
    in_domain = domain[0].nodes or (domain[0].name and not unit[0].nodes)
    current, checks, more_current = domain if in_domain else unit
    at_failure, checks_at_failure, more_at_failure = _progress_of(values.get("failure_domain"))
    omitted = {
        "upgrade_domains": more_domains[0],
        "upgrade_domains_completed": more_domains[1],
        "upgrade_units": more_units[0],
        "upgrade_units_completed": more_units[1],
        "current_nodes": more_current[0],
        "pending_safety_checks": more_current[1],
        "nodes_at_failure": more_at_failure[0],
        "safety_checks_at_failure": more_at_failure[1],
    }
    return (
        Domains(
            upgrade_domains=domains,
            upgrade_units=units,
            current_domain=None if current == _NOWHERE else current,
            pending_safety_checks=checks,
            failure_domain=at_failure.name,
            nodes_at_failure=at_failure.nodes,
            safety_checks_at_failure=checks_at_failure,
        ),
        omitted,
    )


def _units_of(listed: object) -> tuple[tuple[UpgradeUnit, ...], tuple[int, int]]:
    """Read a list of domains or units; count the omitted ones, and those of them that are completed."""
    units = [UpgradeUnit(_named(item, "Name"), _word(item.get("State"))) for item in objects(listed)]
    completed = [unit.completed for unit in units]
    room = fitting_indices([unit.to_dict() for unit in units], UNITS_BYTES, omit_first=completed)
    kept = tuple(units[place] for place in room)
    return kept, (len(units) - len(kept), sum(completed) - sum(unit.completed for unit in kept))


def _progress_of(value: object) -> tuple[DomainProgress, tuple[str, ...], tuple[int, int]]:
    """Read progress in a domain or unit, its safety checks, and how many nodes and checks are omitted."""
    if not isinstance(value, dict):
        return _NOWHERE, (), (0, 0)
    listed = [(_named(node, "NodeName"), node) for node in objects(value.get("NodeUpgradeProgressList"))]
    nodes = [NodeProgress(name, _word(node.get("UpgradePhase"))) for name, node in listed]
    room = fitting_indices([node.to_dict() for node in nodes], NODES_BYTES)
    pending = sum(len(objects(node.get("PendingSafetyChecks"))) for _, node in listed)
    # By node, so that the choice does not depend on the order in which a cluster lists its nodes.
    sentences = fitting_texts(_sentences(sorted(listed, key=itemgetter(0))), CHECKS_BYTES)
    kept = tuple(nodes[place] for place in room)
    progress = DomainProgress(_word(value.get("DomainName")) or None, kept)
    return progress, tuple(sentences), (len(nodes) - len(kept), pending - len(sentences))


def _sentences(nodes: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for name, node in nodes:
        for wrapped in objects(node.get("PendingSafetyChecks")):
            check = wrapped.get("SafetyCheck")
            yield _sentence(name, check if isinstance(check, dict) else wrapped)


def _sentence(node: str, check: dict[str, Any]) -> str:
    """Return a sentence: ``node3 waits for WaitForReconfiguration: partition ... is still reconfiguring``."""
    kind = _word(check.get("Kind")) or "a check without a name"
    partition = f"partition {_word(check.get('PartitionId')) or 'unknown'}"
    reason = _CHECKS.get(kind, "{}" if check.get("PartitionId") else "")
    return f"{node} waits for {kind}" + (f": {reason.format(partition)}" if reason else "")


def _named(item: dict[str, Any], key: str) -> str:
    return _word(item.get(key)) or "?"


def _word(value: object) -> str | None:
    return short_text(value, WORD_BYTES)
