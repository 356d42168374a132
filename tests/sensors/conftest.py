from __future__ import annotations

import subprocess
import sys

import pytest
from airflow import __version__ as airflow_version


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """Make the metadata database where reschedule mode reads it in the task's process: in Airflow 2."""
    if airflow_version.startswith("2."):
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
