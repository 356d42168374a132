"""Upgrade domains and nodes of a simulated upgrade, as the gateway writes them. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.scenarios import UPGRADE_DOMAINS
from airflow_provider_sf.simulator.timeline import UPGRADE_SHARE, checks_health, domain_at

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Phase
    from airflow_provider_sf.simulator.timeline import Snapshot

PARTITION = "6f1c2f5e-0d6b-4a53-9c0e-5b7a1d2e3f40"
"""The partition for which the nodes wait."""

NOWHERE: dict[str, Any] = {"DomainName": "", "NodeUpgradeProgressList": []}
"""How the gateway writes that no domain or unit is in progress."""

_ROLLING = frozenset({"RollingForward", "Paused", "RollingBack", "Failed"})

_PHASES = ("PreUpgradeSafetyCheck", "Upgrading", "PostUpgradeSafetyCheck")


def upgrade_domains(snapshot: Snapshot) -> list[dict[str, str]]:
    """Return UpgradeDomains; empty if there was no upgrade."""
    if not snapshot.upgraded:
        return []
    done, current = _done(snapshot), _current_name(snapshot)
    completed = _order(snapshot.phase)[:done]
    return [{"Name": name, "State": _state(name, completed, current)} for name in UPGRADE_DOMAINS]


def current_domain(snapshot: Snapshot) -> dict[str, Any]:
    """Return CurrentUpgradeDomainProgress."""
    name, phase = _current_name(snapshot), snapshot.phase
    if name is None:
        return NOWHERE
    if phase.state in {"Paused", "Failed"}:
        return _progress(name, "PostUpgradeSafetyCheck")
    if phase.done == phase.until:
        return _progress(name, "PreUpgradeSafetyCheck", "EnsureAvailability")
    share = domain_at(snapshot.fraction)[1] / (UPGRADE_SHARE if checks_health(phase) else 1.0)
    node_phase = _PHASES[min(int(3 * share + 1e-9), 2)]
    return _progress(name, node_phase, "EnsurePartitionQuorum" if node_phase == _PHASES[0] else None)


def next_domain(snapshot: Snapshot) -> str:
    """Return NextUpgradeDomain: the domain after the current one, empty after the last one."""
    if not snapshot.upgraded:
        return ""
    begun = _done(snapshot) + (_current_name(snapshot) is not None)
    return next(iter(_order(snapshot.phase)[begun:]), "")


def domain_at_failure(snapshot: Snapshot) -> dict[str, Any]:
    """Return UpgradeDomainProgressAtFailure."""
    if snapshot.failure is None:
        return NOWHERE
    names = tuple(UPGRADE_DOMAINS)
    reached = min(domain_at(snapshot.failure.fraction)[0], len(names) - 1)
    return _progress(names[reached], "PostUpgradeSafetyCheck")


def _done(snapshot: Snapshot) -> int:
    """Return how many domains are completed, including a domain in its health check."""
    return domain_at(snapshot.fraction)[0] + (snapshot.check is not None)


def _current_name(snapshot: Snapshot) -> str | None:
    if not snapshot.upgraded or snapshot.phase.state not in _ROLLING or snapshot.check is not None:
        return None
    return next(iter(_order(snapshot.phase)[_done(snapshot) :]), None)


def _order(phase: Phase) -> tuple[str, ...]:
    """Return the domains in the order of the upgrade; a rollback has the reverse order."""
    names = tuple(UPGRADE_DOMAINS)
    return names[::-1] if phase.backward else names


def _state(name: str, completed: tuple[str, ...], current: str | None) -> str:
    if name in completed:
        return "Completed"
    return "InProgress" if name == current else "Pending"


def _progress(domain: str, phase: str, check: str | None = None) -> dict[str, Any]:
    """Return the nodes of a domain, all in one phase. With a safety check, the first node waits for it."""
    waits = [{"SafetyCheck": {"Kind": check, "PartitionId": PARTITION}}] if check else []
    nodes = [
        {"NodeName": node, "UpgradePhase": phase, "PendingSafetyChecks": waits if place == 0 else []}
        for place, node in enumerate(UPGRADE_DOMAINS[domain])
    ]
    return {"DomainName": domain, "NodeUpgradeProgressList": nodes}
