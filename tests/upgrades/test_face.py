"""The package imports its record late."""

from __future__ import annotations

import pytest

from airflow_provider_sf import upgrades
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.upgrades.progress import UpgradeProgress


def test_record_and_outcome_are_importable() -> None:
    assert (upgrades.UpgradeProgress, upgrades.Outcome) == (UpgradeProgress, Outcome)


def test_other_names_are_unknown() -> None:
    with pytest.raises(
        AttributeError, match=r"^module 'airflow_provider_sf\.upgrades' has no attribute 'Foo'$"
    ):
        upgrades.Foo  # noqa: B018 - the access is the test
