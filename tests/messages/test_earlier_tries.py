"""What the log of a retry says about the tries before."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import pytest

from airflow_provider_sf.messages.earlier_tries import cleared_line, retry_line
from airflow_provider_sf.wait.earlier_try import EarlierTry, WaitTarget
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
TARGET = WaitTarget("application_resource", "shop", 1, None, None)
ANY, V1 = UpgradeSelector(), UpgradeSelector(target_version="v1")


@pytest.mark.parametrize(
    ("identity", "description"),
    [
        (UpgradeIdentity(START, "v1"), " to v1, started at 2026-03-01 03:00:00 UTC"),
        (UpgradeIdentity(START, None), ", started at 2026-03-01 03:00:00 UTC"),
        (UpgradeIdentity(None, "v1"), " to v1"),
        (UpgradeIdentity(None, None), ""),
    ],
)
def test_found_upgrade_is_named(identity: UpgradeIdentity, description: str) -> None:
    assert retry_line(EarlierTry(TARGET, identity, None), ANY, has_store=True) == (
        logging.INFO,
        f"Retry: an earlier try found the expected upgrade{description}",
    )


@pytest.mark.parametrize(
    ("has_store", "reason"), [(True, ""), (False, " (Airflow keeps that from version 3.3 on)")]
)
@pytest.mark.parametrize("earlier", [None, EarlierTry(TARGET, None, None)])
def test_unknown_upgrade_is_a_warning(reason: str, earlier: EarlierTry | None, *, has_store: bool) -> None:
    assert retry_line(earlier, ANY, has_store=has_store) == (
        logging.WARNING,
        (
            f"Retry: it is not known which upgrade the tries before have found{reason}. If another upgrade has "
            "replaced the expected one, this try cannot notice that. Set target_version, too, if you know the version"
        ),
    )


@pytest.mark.parametrize("earlier", [None, EarlierTry(TARGET, None, None)])
def test_target_version_needs_no_advice(earlier: EarlierTry | None) -> None:
    level, text = retry_line(earlier, V1, has_store=True)
    assert level == logging.INFO
    assert text.endswith("; target_version selects it")


def test_cleared_task_is_named() -> None:
    assert cleared_line() == (
        logging.INFO,
        "The task was cleared or changed: what earlier tries have found is not used",
    )
