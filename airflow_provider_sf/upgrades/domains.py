"""
Upgrade domains, units and nodes: where a rolling upgrade is, and what it waits for there. Pure; no I/O.

Service Fabric upgrades one domain after the other, or one unit, which is a node, after the other. Before and
after it touches a node it makes safety checks, and as long as one is pending the upgrade stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import objects, short_text, text
from airflow_provider_sf.rest.storage_limits import WORD_BYTES, fitting_indices, fitting_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNITS_BYTES, NODES_BYTES, CHECKS_BYTES = 1_024, 1_024, 1_024
"""How much JSON domains or units, the nodes of a domain and their safety checks may each take in a record."""

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
class UpgradeUnit:
    """An upgrade domain, or an upgrade unit, and its state in Service Fabric's word."""

    name: str
    state: str | None

    @property
    def completed(self) -> bool:
        """Whether the upgrade is done with it."""
        return self.state == _COMPLETED

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; the keys are the constructor's names."""
        return {"name": self.name, "state": self.state}


@dataclass(frozen=True, slots=True)
class NodeProgress:
    """A node that is being upgraded and its phase in Service Fabric's word."""

    name: str
    phase: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; the keys are the constructor's names."""
        return {"name": self.name, "phase": self.phase}


@dataclass(frozen=True, slots=True)
class DomainProgress:
    """The domain or unit that an upgrade is in, or was in when it failed; empty if nothing is said of one."""

    name: str | None = None
    nodes: tuple[NodeProgress, ...] = ()
    safety_checks: tuple[str, ...] = ()
    """A sentence for each check that is pending."""


_NOWHERE = DomainProgress()


@dataclass(frozen=True, slots=True)
class Domains:
    """Where a rolling upgrade is. One that goes node by node has units, all others have domains."""

    upgrade_domains: tuple[UpgradeUnit, ...] = ()
    upgrade_units: tuple[UpgradeUnit, ...] = ()
    current: DomainProgress = _NOWHERE
    at_failure: DomainProgress = _NOWHERE

    @property
    def position(self) -> tuple[object, ...]:
        """What changes when the upgrade moves, in whatever order it is listed."""
        parts = (
            self.upgrade_domains,
            self.upgrade_units,
            self.current.nodes,
            self.current.safety_checks,
        )
        return self.current.name, *map(frozenset, parts)

    def done(self, omitted: Mapping[str, int]) -> tuple[int, int] | None:
        """Return how many domains, or units, are completed and how many there are; None if none is named."""
        what, named = self._listed
        completed = sum(unit.completed for unit in named) + omitted.get(f"upgrade_{what}s_completed", 0)
        return (completed, len(named) + omitted.get(f"upgrade_{what}s", 0)) if named else None

    def place(self, omitted: Mapping[str, int]) -> str | None:
        """Say where the upgrade is: ``domain UD2 (2 of 5)`` or, between two, ``2 of 5 domains``."""
        what, name, done = self._listed[0], self.under_way, self.done(omitted)
        if done is None:
            return name and f"{what} {name}"
        completed, of = done
        return f"{what} {name} ({completed + 1} of {of})" if name else f"{completed} of {of} {what}s"

    @property
    def under_way(self) -> str | None:
        """
        The domain, or unit, that is being upgraded; None if there is none.

        While the health of one is checked, Service Fabric calls the next one current, which is still pending.
        """
        named = self._listed[1]
        if not named:
            return self.current.name
        return next((unit.name for unit in named if unit.state == _IN_PROGRESS), None)

    @property
    def _listed(self) -> tuple[str, tuple[UpgradeUnit, ...]]:
        if self.upgrade_units and not self.upgrade_domains:
            return "unit", self.upgrade_units
        return "domain", self.upgrade_domains

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of a record that say where the upgrade is; :meth:`from_dict` undoes it."""
        current = {"name": self.current.name, "nodes": [node.to_dict() for node in self.current.nodes]}
        return {
            "upgrade_domains": [domain.to_dict() for domain in self.upgrade_domains],
            "upgrade_units": [unit.to_dict() for unit in self.upgrade_units],
            "current_domain": None if self.current == _NOWHERE else current,
            "pending_safety_checks": list(self.current.safety_checks),
            "failure_domain": self.at_failure.name,
            "nodes_at_failure": [node.to_dict() for node in self.at_failure.nodes],
            "safety_checks_at_failure": list(self.at_failure.safety_checks),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Domains:
        """Read what :meth:`to_dict` wrote, now or in an earlier release."""
        current = record["current_domain"] or {"name": None, "nodes": []}
        return cls(
            tuple(UpgradeUnit(**domain) for domain in record["upgrade_domains"]),
            tuple(UpgradeUnit(**unit) for unit in record.get("upgrade_units", [])),
            _progress(current["name"], current["nodes"], record["pending_safety_checks"]),
            _progress(
                record["failure_domain"],
                record.get("nodes_at_failure", []),
                record.get("safety_checks_at_failure", []),
            ),
        )


def domains_of(said: Mapping[str, object]) -> tuple[Domains, dict[str, int]]:
    """
    Read where an upgrade is, as much of it as a record has room for, and count what is omitted.

    :param said: ``upgrade_domains``, ``upgrade_units``, ``current_domain``, ``current_unit`` and
        ``failure_domain``, each in Service Fabric's JSON, as far as an answer has it
    """
    domains, more_domains = _units_of(said.get("upgrade_domains"))
    units, more_units = _units_of(said.get("upgrade_units"))
    domain, unit = (_progress_of(said.get(key)) for key in ("current_domain", "current_unit"))
    # Runtimes say both, one of them without nodes; which one depends on whether it goes node by node.
    in_domain = domain[0].nodes or (domain[0].name and not unit[0].nodes)
    current, more_current = domain if in_domain else unit
    at_failure, more_at_failure = _progress_of(said.get("failure_domain"))
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
    return Domains(domains, units, current, at_failure), omitted


def _units_of(listed: object) -> tuple[tuple[UpgradeUnit, ...], tuple[int, int]]:
    """Read a list of domains or units; how many are omitted, and how many of these are completed."""
    units = [UpgradeUnit(_named(item, "Name"), _word(item.get("State"))) for item in objects(listed)]
    completed = [unit.completed for unit in units]
    room = fitting_indices([unit.to_dict() for unit in units], UNITS_BYTES, omit_first=completed)
    kept = tuple(units[place] for place in room)
    return kept, (len(units) - len(kept), sum(completed) - sum(unit.completed for unit in kept))


def _progress_of(value: object) -> tuple[DomainProgress, tuple[int, int]]:
    """Read progress in a domain or unit; how many nodes and how many safety checks are omitted."""
    if not isinstance(value, dict):
        return _NOWHERE, (0, 0)
    listed = [(_named(node, "NodeName"), node) for node in objects(value.get("NodeUpgradeProgressList"))]
    nodes = [NodeProgress(name, _word(node.get("UpgradePhase"))) for name, node in listed]
    room = fitting_indices([node.to_dict() for node in nodes], NODES_BYTES)
    pending = sum(len(objects(node.get("PendingSafetyChecks"))) for _, node in listed)
    # By node, so that those that are kept do not depend on how a cluster lists its nodes.
    sentences = fitting_texts(_sentences(sorted(listed, key=itemgetter(0))), CHECKS_BYTES)
    kept = tuple(nodes[place] for place in room)
    progress = DomainProgress(_word(value.get("DomainName")) or None, kept, tuple(sentences))
    return progress, (len(nodes) - len(kept), pending - len(sentences))


def _progress(name: object, nodes: list[dict[str, Any]], checks: list[object]) -> DomainProgress:
    return DomainProgress(text(name), tuple(NodeProgress(**node) for node in nodes), tuple(map(str, checks)))


def _sentences(nodes: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for name, node in nodes:
        for wrapped in objects(node.get("PendingSafetyChecks")):
            check = wrapped.get("SafetyCheck")
            yield _sentence(name, check if isinstance(check, dict) else wrapped)


def _sentence(node: str, check: dict[str, Any]) -> str:
    """Say what a node waits for: ``node3 waits for WaitForReconfiguration: ... is still reconfiguring``."""
    kind = _word(check.get("Kind")) or "a check without a name"
    partition = f"partition {_word(check.get('PartitionId')) or 'unknown'}"
    reason = _CHECKS.get(kind, "{}" if check.get("PartitionId") else "")
    return f"{node} waits for {kind}" + (f": {reason.format(partition)}" if reason else "")


def _named(item: dict[str, Any], key: str) -> str:
    return _word(item.get(key)) or "?"


def _word(value: object) -> str | None:
    return short_text(value, WORD_BYTES)
