"""What a DAG file pays for the import of the sensor and the operator, after ``airflow.sdk``."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row, shown

TITLE = "Import time of the sensor and the operator"

_BUDGET = Bound(50.0)
_INTERPRETERS = 5

_IMPORT = """
import gc, time
import airflow.sdk
gc.collect()  # of Airflow's objects: it could run during the measurement
start = time.perf_counter()
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
print((time.perf_counter() - start) * 1_000)
"""


def rows(*, full: bool) -> list[Row]:
    """Measure in new interpreters. The best time counts: other processes only make an import slower."""
    del full
    report_progress(f"import time: {_INTERPRETERS} interpreters")
    times = [_milliseconds() for _ in range(_INTERPRETERS)]
    note = "all: " + ", ".join(map(shown, times))
    return [
        Row(f"sensor and operator, best of {_INTERPRETERS}", "ms", (min(times),), must=_BUDGET, note=note)
    ]


def _milliseconds() -> float:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])
