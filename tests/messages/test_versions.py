"""The versions of an upgrade in words, for each kind: software, configuration, manifest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.messages.versions import (
    Version,
    describe_configuration,
    describe_version,
    from_to,
    old_and_new,
    to_new,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.timeline import Stage

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
OLD, NEW = Version("8.2", "4"), Version("8.3", "5")


def record(
    kind: str, state: str, target: str | None, config: str | None = None, **fields: Any
) -> UpgradeProgress:
    return UpgradeProgress(kind, "", state=state, target_version=target, config_version=config, **fields)


def stage(progress: UpgradeProgress, *, expected: bool = True) -> Stage:
    return Stage.from_record(progress, START, expected=expected)


def cluster(state: str, target: str, config: str, days: int = 0) -> UpgradeProgress:
    return record("cluster", state, target, config, started_at=START + timedelta(days=days))


def configuration(state: str, manifest: str | None, config: str | None) -> UpgradeProgress:
    return record("cluster_configuration", f"Rolling{state}", manifest, config)


# One version.


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (record("application", "RollingForwardInProgress", "v1"), "v1"),
        (record("application", "RollingForwardInProgress", None), "an unknown version"),
        (cluster("RollingForwardInProgress", "8.2", "5"), "8.2 (configuration 5)"),
        (record("cluster", "RollingForwardInProgress", "8.2"), "8.2"),
        (configuration("ForwardCompleted", "4", "1.1.0"), "1.1.0 (manifest 4)"),
        (configuration("BackCompleted", "4", "1.0.0"), "1.0.0 (manifest 4)"),
        (configuration("ForwardInProgress", "4", "1.0.0"), "manifest 4 (configuration still 1.0.0)"),
        (configuration("ForwardInProgress", "4", None), "4"),
    ],
)
def test_version_has_the_names_of_its_kind(progress: UpgradeProgress, expected: str) -> None:
    assert describe_version(progress) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (configuration("ForwardInProgress", "4", "1.0.0"), ["manifest 4, configuration 1.0.0"]),
        (configuration("ForwardInProgress", None, "1.0.0"), ["configuration 1.0.0"]),
        (configuration("ForwardInProgress", None, None), []),
        (cluster("RollingForwardInProgress", "8.2", "5"), []),
    ],
)
def test_status_line_has_manifest_and_configuration(progress: UpgradeProgress, expected: list[str]) -> None:
    assert describe_configuration(progress) == expected


# Two versions.


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"),
    [
        ("application", Version("v0"), Version("v1"), " from v0 to v1"),
        ("application", Version(), Version("v1"), " to v1"),
        ("application", Version(), Version(), ""),
        ("application", Version("v1"), Version("v1"), " from v1 to v1"),
        ("cluster", OLD, NEW, " from 8.2 to 8.3 (configuration from 4 to 5)"),
        ("cluster", OLD, Version("8.3", "4"), " from 8.2 to 8.3"),
        ("cluster", OLD, Version("8.2", "5"), " (configuration from 4 to 5)"),
        ("cluster", Version(), NEW, " to 8.3 (configuration 5)"),
        ("cluster", OLD, Version(), " from 8.2 (configuration 4)"),
        ("cluster", OLD, Version("8.3"), " from 8.2 to 8.3 (configuration from 4)"),
        ("cluster_configuration", Version(config="1.0.0"), Version("4", "1.1.0"), " from 1.0.0 to 1.1.0 (manifest 4)"),
        ("cluster_configuration", Version(config="1.0.0"), Version("4"), " from 1.0.0 to manifest 4"),
        ("cluster_configuration", Version(), Version(config="1.1.0"), " to 1.1.0"),
        ("cluster_configuration", Version(), Version(), ""),
    ],
)  # fmt: skip
def test_only_versions_that_differ_are_named(kind: str, old: Version, new: Version, expected: str) -> None:
    assert from_to(kind, old, new) == expected


def test_success_takes_the_old_version_from_before() -> None:
    before = stage(cluster("RollingForwardCompleted", "8.2", "4", days=-1), expected=False)
    done = cluster("RollingForwardCompleted", "8.2", "5")
    assert old_and_new(done, (before, stage(done)), is_rollback=False) == (OLD, Version("8.2", "5"))


def test_rollback_takes_the_new_version_from_before() -> None:
    back = cluster("RollingBackCompleted", "8.2", "4")
    timeline = (stage(cluster("RollingForwardInProgress", "8.2", "5")), stage(back))
    assert old_and_new(back, timeline, is_rollback=True) == (OLD, Version("8.2", "5"))
    assert old_and_new(back, timeline[1:], is_rollback=True) == (OLD, Version())


def test_rollback_to_equal_versions_has_no_new_one() -> None:
    back = record("application", "RollingBackCompleted", "v0", previous_version="v0")
    assert old_and_new(back, (), is_rollback=True) == (Version("v0"), Version())
    known = replace(back, previous_version="v1")
    assert old_and_new(known, (), is_rollback=True) == (Version("v0"), Version("v1"))


def test_configuration_changes_after_the_last_phase() -> None:
    first = configuration("ForwardInProgress", "2", "1.0.0")
    done = configuration("ForwardCompleted", "4", "1.1.0")
    versions = (Version(config="1.0.0"), Version("4", "1.1.0"))
    assert old_and_new(done, (stage(first), stage(done)), is_rollback=False) == versions
    assert old_and_new(done, (stage(done),), is_rollback=False) == (Version(), Version("4", "1.1.0"))
    assert old_and_new(done, (), is_rollback=False) == (Version(), Version("4", "1.1.0"))


@pytest.mark.parametrize("state", ["BackCompleted", "ForwardCompleted"])
def test_undone_configuration_has_only_a_new_manifest(state: str) -> None:
    undone = configuration(state, "4", "1.0.0")
    timeline = (stage(configuration("ForwardInProgress", "3", "1.0.0")), stage(undone))
    assert old_and_new(undone, timeline, is_rollback=True) == (Version(config="1.0.0"), Version("3"))
    assert old_and_new(undone, (), is_rollback=True) == (Version(config="1.0.0"), Version())


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (record("application", "RollingForwardInProgress", "v1"), " to v1"),
        (record("application", "RollingBackInProgress", "v0"), ""),
        (cluster("RollingForwardInProgress", "8.2", "5"), " to 8.2 (configuration 5)"),
        (configuration("ForwardInProgress", "4", "1.0.0"), " to manifest 4"),
    ],
)
def test_new_version_is_that_of_the_way_forward(progress: UpgradeProgress, expected: str) -> None:
    assert to_new(progress.kind, (stage(progress),), None) == expected


@pytest.mark.parametrize(
    ("identity", "text"),
    [(UpgradeIdentity(None, "v1"), " to v1"), (UpgradeIdentity(None, None), ""), (None, "")],
)
def test_retry_names_the_version_of_an_earlier_try(identity: UpgradeIdentity | None, text: str) -> None:
    assert to_new("application_resource", (), identity) == text
