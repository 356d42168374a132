"""The exit codes, as a table: each end of a wait has one."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_sf.wait.ends import WaitEnd

SUCCESS, BROKEN, INVALID, PLAN_HAS_PROBLEMS = 0, 1, 2, 40

OF_SIGNALS = 128
"""A command that a signal has ended returns the sum of this and the number of the signal, as in a shell."""


@dataclass(frozen=True, slots=True)
class ExitCode:
    """A row of the table; ``end`` is the end of a wait that has this code."""

    number: int
    meaning: str
    end: WaitEnd | None = None


# 10 to 19: the upgrade has a bad end. 20 to 29: the wait has ended, but not the upgrade. 30 to 39: no usable
# answer of the cluster. Scripts contain these numbers: never change them.
EXIT_CODES = (
    ExitCode(SUCCESS, "The upgrade succeeded, or the command is done.", WaitEnd.SUCCEEDED),
    ExitCode(BROKEN, "The output cannot be written, or the command has a bug: please report the traceback."),
    ExitCode(INVALID, "The command line, a file or the connection is invalid. The message names the fix."),
    ExitCode(10, "The upgrade failed.", WaitEnd.FAILED),
    ExitCode(11, "The upgrade was rolled back.", WaitEnd.ROLLED_BACK),
    ExitCode(12, "A later phase failed, and the earlier ones were undone.", WaitEnd.UNDONE),
    ExitCode(13, "Another upgrade superseded the expected one.", WaitEnd.SUPERSEDED),
    ExitCode(14, "The upgrade is paused, with --on-paused fail.", WaitEnd.PAUSED),
    ExitCode(15, "The upgrade rolls back, with --on-rollback fail_fast.", WaitEnd.ROLLING_BACK),
    ExitCode(20, "--timeout expired. The upgrade goes on.", WaitEnd.TIMEOUT),
    ExitCode(21, "--start-timeout expired: no matching upgrade has started.", WaitEnd.START_TIMEOUT),
    ExitCode(22, "--stall-timeout expired: the upgrade makes no progress.", WaitEnd.STALL_TIMEOUT),
    ExitCode(23, "--unknown-state-timeout expired: the state is unknown.", WaitEnd.UNKNOWN_STATE_TIMEOUT),
    ExitCode(
        30, "The cluster was unreachable; a wait retries for --unreachable-timeout.", WaitEnd.UNREACHABLE
    ),
    ExitCode(
        31, "The cluster refused the credentials, or has no application of this name.", WaitEnd.REJECTED
    ),
    ExitCode(32, "The cluster sent an unexpected answer.", WaitEnd.UNEXPECTED_ANSWER),
    ExitCode(PLAN_HAS_PROBLEMS, "The plan has problems that would stop the upgrade."),
    ExitCode(130, "Ctrl-C (SIGINT) ended the command. The upgrade goes on."),
    ExitCode(143, "SIGTERM ended the command. The upgrade goes on."),
)

_BY_END = {row.end: row.number for row in EXIT_CODES if row.end}


def exit_code_of(end: WaitEnd) -> int:
    """Return the exit code of a wait."""
    return _BY_END[end]
