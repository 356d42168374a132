"""The outcome of each state, in literals: these tests do not read the table in the code."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from azure.servicefabric import models

from airflow_provider_sf.upgrades.outcomes import (
    BETWEEN_DOMAINS,
    OUTCOMES,
    WITHOUT_PENDING,
    Outcome,
    is_rollback_state,
    stage_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = {
    "in_progress": [
        "ProvisioningTarget",
        "RollingForward",
        "RollingForwardInProgress",
        "RollingForwardPending",
        "UnprovisioningCurrent",
    ],
    "succeeded": ["CompletedRollforward", "RollingForwardCompleted"],
    "rolling_back": ["RollingBack", "RollingBackInProgress", "RollingBackPending", "UnprovisioningTarget"],
    "rolled_back": ["CompletedRollback", "RollingBackCompleted"],
    "failed": ["Failed"],
    "unknown": ["Invalid"],
}
VOCABULARIES = ["ApplicationResourceUpgradeState", "ComposeDeploymentUpgradeState", "UpgradeState"]


def test_outcome_of_each_state() -> None:
    assert {
        state: outcome.value for state, outcome in OUTCOMES.items()
    } == {state: outcome for outcome, states in STATES.items() for state in states}  # fmt: skip


def test_outcome_values_never_change() -> None:
    words = "not_upgraded in_progress paused rolling_back succeeded rolled_back failed unknown"
    assert [outcome.value for outcome in Outcome] == words.split()
    assert [str(outcome) for outcome in Outcome] == words.split()


@pytest.mark.parametrize(
    ("outcome", "active", "finished"),
    [
        (Outcome.NOT_UPGRADED, False, True),
        (Outcome.IN_PROGRESS, True, False),
        (Outcome.PAUSED, True, False),
        (Outcome.ROLLING_BACK, True, False),
        (Outcome.SUCCEEDED, False, True),
        (Outcome.ROLLED_BACK, False, True),
        (Outcome.FAILED, False, True),
        (Outcome.UNKNOWN, False, False),
    ],
)
def test_outcome_is_active_or_finished_or_unknown(outcome: Outcome, *, active: bool, finished: bool) -> None:
    assert (outcome.active, outcome.finished) == (active, finished)


def test_states_of_the_published_schema_are_known(sample: Callable[[str], dict[str, Any]]) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    published = {
        name: definition["enum"] for name, definition in definitions.items() if name.endswith("UpgradeState")
    }
    assert sorted(published) == VOCABULARIES
    states = {state for vocabulary in published.values() for state in vocabulary}
    assert states | {"RollingBackPending"} == set(OUTCOMES)


def test_states_of_the_microsoft_client_are_known() -> None:
    """Only the tests use the package azure-servicefabric."""
    vocabularies = {
        name: [member.value for member in cls]
        for name, cls in vars(models).items()
        if name.endswith("UpgradeState") and issubclass(cls, Enum)
    }
    assert sorted(vocabularies) == VOCABULARIES
    for states in vocabularies.values():
        assert set(states) <= set(OUTCOMES)


def test_manual_mode_is_a_published_mode(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    for modes in ("RollingUpgradeMode", "UpgradeMode"):
        assert "UnmonitoredManual" in definitions[modes]["enum"]
        assert "UnmonitoredManual" in [member.value for member in getattr(models, modes)]


def test_states_in_which_an_upgrade_can_pause() -> None:
    assert {"RollingForwardPending", "RollingBackPending"} == BETWEEN_DOMAINS
    assert {"RollingForward"} == WITHOUT_PENDING


@pytest.mark.parametrize("state", [*OUTCOMES, "RollingSideways", "", None])
def test_rollback_states(state: str | None) -> None:
    rollback_states = [*STATES["rolling_back"], *STATES["rolled_back"]]
    assert is_rollback_state(state) is (state in rollback_states)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("RollingForwardPending", "RollingForwardInProgress"),
        ("RollingBackPending", "RollingBackInProgress"),
        ("RollingForwardInProgress", "RollingForwardInProgress"),
        ("RollingForward", "RollingForward"),
        ("CompletedRollback", "CompletedRollback"),
        ("PendingSomething", "PendingSomething"),
        ("", ""),
        (None, None),
    ],
)
def test_alternating_states_become_one_stage_state(state: str | None, word: str | None) -> None:
    assert stage_state(state) == word
