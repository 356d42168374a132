"""The defaults, in literals: stored waits depend on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "sensor.md"


def test_defaults_never_change() -> None:
    assert {name: value for name, value in vars(defaults).items() if name.isupper()} == {
        "DEFAULT_CONN_ID": "service_fabric_default",
        "POKE_INTERVAL_SECONDS": 15.0,
        "TIMEOUT_SECONDS": 21_600.0,
        "START_TIMEOUT_SECONDS": 900.0,
        "UNKNOWN_STATE_TIMEOUT_SECONDS": 600.0,
        "UNREACHABLE_TIMEOUT_SECONDS": 300.0,
        "MIN_DEFERRAL_SECONDS": 10.0,
        "CLOCK_SKEW_SECONDS": 60.0,
        "ON_PAUSED": "wait",
        "ON_ROLLBACK": "wait",
    }


def test_policy_and_selector_use_the_defaults() -> None:
    policy = Policy(15.0)
    assert (policy.start_timeout, policy.unknown_state_timeout, policy.unreachable_timeout) == (900, 600, 300)
    assert (policy.on_paused, policy.on_rollback) == ("wait", "wait")
    assert UpgradeSelector().clock_skew == 60.0


def documented_default(parameter: str) -> str:
    """Return the default of a parameter in docs/reference/sensor.md."""
    found = re.search(rf"^`{parameter}` \((.*)\)$", DOCS.read_text(), re.MULTILINE)
    assert found, f"docs/reference/sensor.md has no default of {parameter}"
    return found[1].strip('`"')


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        ("service_fabric_conn_id", defaults.DEFAULT_CONN_ID),
        ("poke_interval", f"{defaults.POKE_INTERVAL_SECONDS:g} s"),
        ("timeout", f"{defaults.TIMEOUT_SECONDS / 3_600:g} h"),
        ("start_timeout", f"{defaults.START_TIMEOUT_SECONDS / 60:g} min"),
        ("unknown_state_timeout", f"{defaults.UNKNOWN_STATE_TIMEOUT_SECONDS / 60:g} min"),
        ("unreachable_timeout", f"{defaults.UNREACHABLE_TIMEOUT_SECONDS / 60:g} min"),
        ("on_paused", defaults.ON_PAUSED),
        ("on_rollback", defaults.ON_ROLLBACK),
    ],
)
def test_documented_defaults(parameter: str, default: str) -> None:
    assert documented_default(parameter) == default
