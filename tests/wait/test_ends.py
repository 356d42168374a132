"""Each end of a wait, from the verdict on the last record, a timeout or an error."""

from __future__ import annotations

import pytest

from airflow_provider_sf.rest import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.ends import TIMEOUTS, WaitEnd, end_by_error, end_by_timeout, end_of_upgrade
from airflow_provider_sf.wait.state import Verdict


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Outcome.FAILED, WaitEnd.FAILED),
        (Outcome.ROLLED_BACK, WaitEnd.ROLLED_BACK),
        (Outcome.ROLLING_BACK, WaitEnd.ROLLING_BACK),
        (Outcome.PAUSED, WaitEnd.PAUSED),
        (Outcome.SUCCEEDED, WaitEnd.UNDONE),
        (Outcome.NOT_UPGRADED, WaitEnd.FAILED),
    ],
)
def test_failed_upgrade_ends_by_its_outcome(outcome: Outcome, end: WaitEnd) -> None:
    assert end_of_upgrade(Verdict.FAILED, outcome) is end


@pytest.mark.parametrize("outcome", Outcome)
def test_only_two_other_verdicts_end(outcome: Outcome) -> None:
    """Whatever the outcome: a verdict that ends no wait is never a success."""
    ends = {verdict: end_of_upgrade(verdict, outcome) for verdict in Verdict}
    del ends[Verdict.FAILED]
    assert {verdict: end for verdict, end in ends.items() if end} == {
        Verdict.SUCCEEDED: WaitEnd.SUCCEEDED,
        Verdict.SUPERSEDED: WaitEnd.SUPERSEDED,
    }


@pytest.mark.parametrize("end", [end for end in WaitEnd if end in TIMEOUTS])
def test_timeouts_have_their_names(end: WaitEnd) -> None:
    assert end_by_timeout(end.value) is end


@pytest.mark.parametrize("ended_by", [None, "upgrade", "error", "unreachable_timeout", "succeeded"])
def test_other_ends_are_no_timeout(ended_by: str | None) -> None:
    assert end_by_timeout(ended_by) is None


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (Unreachable(""), WaitEnd.UNREACHABLE),
        (Rejected(""), WaitEnd.REJECTED),
        (UnexpectedAnswer(""), WaitEnd.UNEXPECTED_ANSWER),
        (ResultUnknown(""), WaitEnd.UNEXPECTED_ANSWER),
    ],
)
def test_errors_end_by_their_class(error: ServiceFabricError, end: WaitEnd) -> None:
    assert end_by_error(error) is end
