"""Which versions of an application type may be unprovisioned, so that the newest ones stay. No I/O."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.application_types import ApplicationType
    from airflow_provider_sf.upgrades.applications import Application

_Numbers: TypeAlias = tuple[tuple[bool, int, str], ...]

_PARTS = re.compile(r"\d+|\D+", re.ASCII)

_REMOVABLE = frozenset({"Available", "Failed"})


def versions_to_unprovision(
    types: Iterable[ApplicationType], in_use: Collection[str], keep: int, protected: Collection[str] = ()
) -> list[str]:
    """
    Return the versions to unprovision, the oldest first.

    The newest ``keep`` versions stay, whether they are in use or not. All that are in use or protected stay,
    and for each of them the next older one: it is needed to go back, and Service Fabric does not always
    report it. A version that is being provisioned or unprovisioned stays, too. Service Fabric does not report
    when a version was provisioned, so "newest" is by number, see :func:`version_order`.

    :param types: the provisioned versions of one application type
    :param in_use: the versions of all its applications, see :func:`versions_in_use`
    :param protected: more versions to keep, for example one that is released next
    :raises ValueError: ``keep`` is not a number from 1 on
    """
    if type(keep) is not int or keep < 1:
        msg = f"keep must be a whole number from 1 on, not {keep!r}"
        raise ValueError(msg)
    removable = {found.version: found.status in _REMOVABLE for found in types}
    oldest_first = sorted(removable, key=version_order)
    needed = {*in_use, *protected}
    stay = {*oldest_first[-keep:], *needed}
    stay.update(
        older
        for older, version in pairwise(sorted({*oldest_first, *needed}, key=version_order))
        if version in needed
    )
    return [version for version in oldest_first if removable[version] and version not in stay]


def versions_in_use(application: Application, progress: UpgradeProgress) -> set[str]:
    """
    Return the versions that an application runs, upgrades to, or would go back to.

    The version before a finished upgrade is one of them, as long as Service Fabric reports it.
    """
    versions = {application.type_version, progress.previous_version}
    if progress.outcome is not Outcome.NOT_UPGRADED:
        versions.add(progress.target_version)
    return {version for version in versions if version}


def version_order(version: str) -> tuple[_Numbers, bool, _Numbers, str]:
    """
    Return a key that sorts versions by their numbers: 1.9, 1.10-rc1, 1.10, 2.

    A version with a suffix after a hyphen comes before the one without. Versions are any texts to Service
    Fabric, so this is a convention.
    """
    core, hyphen, suffix = version.partition("-")
    return _numbers(core), not hyphen, _numbers(suffix), version


def _numbers(text: str) -> _Numbers:
    return tuple(
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _PARTS.findall(text)
    )
