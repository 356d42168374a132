"""Name the versions of an upgrade: of the software, of a configuration, of a cluster manifest. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_version, one_line
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.timeline import last_forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity
    from airflow_provider_sf.wait.timeline import Stage


@dataclass(frozen=True, slots=True)
class Version:
    """
    The version that one record names; None if it is not known.

    ``main`` is the version of the software, or the number of a cluster manifest. ``config`` is the version of
    a configuration; only clusters have one.
    """

    main: str | None = None
    config: str | None = None


_UNKNOWN = Version()


def version_of(progress: UpgradeProgress | Stage) -> Version:
    """Return the version on record."""
    return Version(progress.target_version, progress.config_version)


def describe_version(record: UpgradeProgress) -> str:
    """Name the version on record: ``v1``, ``10.1 (configuration 5)``, ``1.1.0 (manifest 4)``."""
    version = version_of(record)
    if not version.config:
        return format_version(version.main)
    config = one_line(version.config)
    if not KINDS[record.kind].is_multi_phase:
        return f"{format_version(version.main)} (configuration {config})"
    if record.outcome in {Outcome.SUCCEEDED, Outcome.ROLLED_BACK}:
        return f"{config} (manifest {format_version(version.main)})"
    return f"manifest {format_version(version.main)} (configuration still {config})"


def describe_configuration(record: UpgradeProgress) -> list[str]:
    """Name manifest and configuration, if the upgrade of this kind has several phases; else nothing."""
    if not KINDS[record.kind].is_multi_phase:
        return []
    named = {"manifest": record.target_version, "configuration": record.config_version}
    known = ", ".join(f"{noun} {one_line(version)}" for noun, version in named.items() if version)
    return [known] if known else []


def from_to(kind: str, old: Version, new: Version) -> str:
    """Name the versions that are known: `` from v0 to v1``, `` (configuration from 4 to 5)``."""
    if KINDS[kind].is_multi_phase:
        manifest = f"manifest {one_line(new.main)}" if new.main else None
        both = f"{one_line(new.config)} ({manifest})" if new.config and manifest else new.config
        return _arrow(old.config, both or manifest)
    if new == _UNKNOWN:
        return f"{_arrow(old.main, None)}{_configuration(None, old.config)}"
    config = _configuration(old.config, new.config)
    is_config_only = config and old.main == new.main
    return f"{'' if is_config_only else _arrow(old.main, new.main)}{config}"


def to_new(kind: str, timeline: Sequence[Stage], expected: UpgradeIdentity | None) -> str:
    """
    Name the new version of the expected upgrade, if it was seen going forward: `` to v1``.

    A retry has not seen it, but may know its identity from an earlier try.
    """
    forward = last_forward(timeline)
    if forward is None:
        return from_to(kind, _UNKNOWN, Version(expected.target_version)) if expected else ""
    return from_to(kind, _UNKNOWN, _new_in(forward, kind))


def old_and_new(
    record: UpgradeProgress, timeline: Sequence[Stage], *, is_rollback: bool
) -> tuple[Version, Version]:
    """
    Return the old and the new version of the upgrade, as far as they are known.

    During and after a rollback, Service Fabric reports the old version as the target.
    """
    forward = last_forward(timeline)
    if KINDS[record.kind].is_multi_phase:
        return _old_and_new_configuration(record, timeline, is_rollback=is_rollback)
    if not is_rollback:
        before = _version_before(timeline)
        return Version(record.previous_version or before.main, before.config), version_of(record)
    old = version_of(record)
    new = version_of(forward) if forward else Version(record.previous_version)
    return old, _UNKNOWN if new == old or new == Version(old.main) else new


def _old_and_new_configuration(
    record: UpgradeProgress, timeline: Sequence[Stage], *, is_rollback: bool
) -> tuple[Version, Version]:
    """Return the versions of an upgrade with several phases: only a success has the new configuration."""
    forward = last_forward(timeline)
    if is_rollback or record.outcome is not Outcome.SUCCEEDED:
        new = _new_in(forward, record.kind) if forward else _UNKNOWN
        return Version(config=record.config_version), new
    old = timeline[0].config_version if timeline else None
    return Version(config=None if old == record.config_version else old), version_of(record)


def _new_in(forward: Stage, kind: str) -> Version:
    """Return the new version in a stage; with several phases, only the number of the manifest is new."""
    return Version(forward.target_version) if KINDS[kind].is_multi_phase else version_of(forward)


def _version_before(timeline: Sequence[Stage]) -> Version:
    """Return the version of a success that was on record right before the expected upgrade."""
    earlier = list(takewhile(lambda stage: not stage.expected, timeline))[-1:]
    return next((version_of(stage) for stage in earlier if stage.outcome is Outcome.SUCCEEDED), _UNKNOWN)


def _configuration(old: str | None, new: str | None) -> str:
    """Name the versions of a configuration that an upgrade changes."""
    if old == new:
        return ""
    versions = _arrow(old, new) if old else f" {one_line(new or '')}"
    return f" (configuration{versions})"


def _arrow(old: str | None, new: str | None) -> str:
    return f"{f' from {one_line(old)}' if old else ''}{f' to {one_line(new)}' if new else ''}"
