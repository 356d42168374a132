"""The table of exit codes. Scripts contain them, so they are literals here."""

from __future__ import annotations

from airflow_provider_sf.commands.exit_codes import EXIT_CODES, exit_code_of
from airflow_provider_sf.wait.ends import WaitEnd


def test_codes_never_change() -> None:
    assert {end: exit_code_of(end) for end in WaitEnd} == {
        WaitEnd.SUCCEEDED: 0,
        WaitEnd.FAILED: 10,
        WaitEnd.ROLLED_BACK: 11,
        WaitEnd.UNDONE: 12,
        WaitEnd.SUPERSEDED: 13,
        WaitEnd.PAUSED: 14,
        WaitEnd.ROLLING_BACK: 15,
        WaitEnd.TIMEOUT: 20,
        WaitEnd.START_TIMEOUT: 21,
        WaitEnd.STALL_TIMEOUT: 22,
        WaitEnd.UNKNOWN_STATE_TIMEOUT: 23,
        WaitEnd.UNREACHABLE: 30,
        WaitEnd.REJECTED: 31,
        WaitEnd.UNEXPECTED_ANSWER: 32,
    }
    other = {row.number for row in EXIT_CODES if row.end is None}
    assert other == {1, 2, 40, 130, 143}


def test_codes_are_different() -> None:
    assert len({row.number for row in EXIT_CODES}) == len(EXIT_CODES)
