"""What each state means, in literals: the table in the code is not asked."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from azure.servicefabric import models

from airflow_provider_sf.upgrades.outcomes import (
    BETWEEN_DOMAINS,
    OUTCOMES,
    ROLLING_FORWARD,
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


def test_the_outcome_table_says_what_each_state_means() -> None:
    assert {
        state: outcome.value for state, outcome in OUTCOMES.items()
    } == {state: outcome for outcome, states in STATES.items() for state in states}  # fmt: skip


def test_the_words_of_an_outcome_are_promises() -> None:
    words = "not_upgraded in_progress paused rolling_back succeeded rolled_back failed unknown"
    assert [outcome.value for outcome in Outcome] == words.split()
    assert [str(outcome) for outcome in Outcome] == words.split()


@pytest.mark.parametrize(
    ("outcome", "moving", "at_rest"),
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
def test_an_upgrade_moves_or_is_at_rest_or_nobody_knows(
    outcome: Outcome, *, moving: bool, at_rest: bool
) -> None:
    assert (outcome.active, outcome.finished) == (moving, at_rest)


def test_every_state_of_the_published_schema_is_classified(sample: Callable[[str], dict[str, Any]]) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    published = {name: one["enum"] for name, one in definitions.items() if name.endswith("UpgradeState")}
    assert sorted(published) == VOCABULARIES
    states = {state for vocabulary in published.values() for state in vocabulary}
    assert states | {"RollingBackPending"} == set(OUTCOMES)


def test_every_state_of_microsofts_own_client_is_classified() -> None:
    """The package azure-servicefabric is a tool of the tests only."""
    vocabularies = {
        name: [member.value for member in cls]
        for name, cls in vars(models).items()
        if name.endswith("UpgradeState") and issubclass(cls, Enum)
    }
    assert sorted(vocabularies) == VOCABULARIES
    for states in vocabularies.values():
        assert set(states) <= set(OUTCOMES)


def test_the_mode_that_waits_for_a_person_is_one_that_service_fabric_has(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    for modes in ("RollingUpgradeMode", "UpgradeMode"):
        assert "UnmonitoredManual" in definitions[modes]["enum"]
        assert "UnmonitoredManual" in [member.value for member in getattr(models, modes)]


def test_an_upgrade_waits_between_two_domains_or_while_it_rolls_forward() -> None:
    assert {"RollingForwardPending", "RollingBackPending"} == BETWEEN_DOMAINS
    assert {"RollingForward", "RollingForwardInProgress"} == ROLLING_FORWARD


@pytest.mark.parametrize("state", [*OUTCOMES, "RollingSideways", "", None])
def test_a_rollback_is_one_while_it_is_under_way_and_when_it_is_done(state: str | None) -> None:
    back = [*STATES["rolling_back"], *STATES["rolled_back"]]
    assert is_rollback_state(state) is (state in back)


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
def test_to_and_fro_between_two_domains_is_one_stretch(state: str | None, word: str | None) -> None:
    assert stage_state(state) == word
