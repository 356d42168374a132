"""
The default values of the parameters of a wait, in one place. No I/O, no Airflow.

Stored waits leave out values that equal their default: a new default changes waits that are stored already.
"""

from __future__ import annotations

DEFAULT_CONN_ID = "service_fabric_default"

POKE_INTERVAL_SECONDS = 15.0

TIMEOUT_SECONDS = 6 * 3_600.0
"""Airflow's own default is 7 days."""

START_TIMEOUT_SECONDS = 900.0
UNKNOWN_STATE_TIMEOUT_SECONDS = 600.0
UNREACHABLE_TIMEOUT_SECONDS = 300.0

MIN_DEFERRAL_SECONDS = 10.0
"""
The first poll of a trigger is never earlier than this after the deferral.

Airflow 3 can fail a task that resumes within seconds of its deferral (apache/airflow#72716).
"""

CLOCK_SKEW_SECONDS = 60.0
"""How far the clocks of the cluster and of the user may differ."""

ON_PAUSED = "wait"
ON_ROLLBACK = "wait"
