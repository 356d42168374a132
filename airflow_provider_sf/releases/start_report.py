"""The XCom ``upgrade_start``: which upgrade a task has started, and what was there before. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.releases.parameters import sha256_of
from airflow_provider_sf.rest.plain_text import shorten_repr
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.serialization import REQUIRED, Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.selector_input import read_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "service_fabric.upgrade_start/1"


@dataclass(frozen=True, slots=True)
class BeforeStart(Record):
    """What was deployed, and which upgrade was on record, before the start."""

    version: str | None
    parameters: tuple[str, ...]
    """The names of the parameters."""
    parameters_sha256: str | None
    """The SHA-256 hash of names and values: it shows whether they were restored."""
    values: tuple[tuple[str, str], ...] = ()
    """Names and values, only with ``store_parameters``."""
    started_at: datetime | None = None
    """The start time of the upgrade that was on record."""
    target_version: str | None = None
    health: ObservedHealth | None = None


@dataclass(frozen=True, slots=True)
class StartReport(Record):
    """Which upgrade a task has started. It holds no values of parameters, unless the user wants that."""

    schema_id: ClassVar[str] = SCHEMA

    kind: str
    name: str
    target_version: str
    how: str
    """Either started, adopted (an earlier try has started it) or not_necessary (deployed already)."""
    posted_at: datetime | None
    """When the request was sent."""
    started_at: datetime | None = field(default=None, metadata=REQUIRED)
    """The start time that Service Fabric reports."""
    description_sha256: str | None = None
    """The SHA-256 hash of the whole request."""
    description: tuple[tuple[str, str], ...] = ()
    """The members of the request, without the values of the parameters."""
    before: BeforeStart | None = None


def started_identity(value: object, kind: str, name: str) -> UpgradeIdentity:
    """
    Return the identity of the upgrade that a value is about.

    :param value: the XCom ``upgrade_start`` of a task, a record of an upgrade, or the text of one of them
    :raises ValueError: it is something else, or about another application
    """
    report = read_report(value)
    if (report.kind, normalized_name(report.name)) != (kind, normalized_name(name)):
        msg = (
            f"upgrade is about the {report.kind} {report.name!r}: set it to the XCom 'upgrade_start' of the "
            f"task that upgrades the {kind} {name!r}"
        )
        raise ValueError(msg)
    if isinstance(report, StartReport):
        return UpgradeIdentity(report.started_at, report.target_version)
    return UpgradeIdentity.from_record(report)


def version_before(value: object) -> list[str]:
    """
    Return the version that was deployed before an upgrade, in a list; an empty list if it is not known.

    :param value: the XCom ``upgrade_start`` of a task, or its text
    :raises ValueError: it is something else
    """
    report = read_report(value)
    before = report.before if isinstance(report, StartReport) else None
    return [before.version] if before and before.version else []


def restored(value: object, current: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """
    Return the version and the parameters from before an upgrade.

    :param value: the XCom ``upgrade_start`` of the task that upgraded, or its text
    :param current: the present parameters; they are those from before if the upgrade did not change them
    :raises ValueError: it is something else, or it does not contain the parameters
    """
    report = read_report(value)
    before = report.before if isinstance(report, StartReport) else None
    if before is None or not before.version:
        msg = "restore must be the XCom 'upgrade_start' of a task that has started an upgrade"
        raise ValueError(msg)
    for parameters in (dict(before.values), dict(current)):
        if sha256_of(parameters) == before.parameters_sha256:
            return before.version, parameters
    msg = (
        f"the parameters of version {before.version!r} are not known: they were changed since, and "
        "upgrade_start has no values. Set store_parameters=True in the task that upgrades, or set "
        "target_version and parameters"
    )
    raise ValueError(msg)


def read_report(value: object) -> StartReport | UpgradeProgress:
    """
    Read the XCom ``upgrade_start``, or a record of an upgrade.

    :raises ValueError: it is something else
    """
    try:
        data: Any = read_literal(value) if isinstance(value, str) else value
        is_report = isinstance(data, dict) and data.get("schema") == SCHEMA
        return StartReport.from_dict(data) if is_report else UpgradeProgress.from_dict(data)
    except (TypeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        msg = (
            "upgrade must be the XCom 'upgrade_start' of the task that started it, for example "
            f"upgrade=XComArg(upgrade, key='upgrade_start'), not {shorten_repr(value)}"
        )
        raise ValueError(msg) from error
