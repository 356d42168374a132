"""
Measure what waiting costs: ``python -m benchmarks`` takes three minutes.

``--full`` measures ten thousand waits in half an hour. ``--only closed_loop,paced`` selects sections.
Progress goes to standard error, the tables to standard output.
"""

from __future__ import annotations

import argparse
import os
import platform
import ssl
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

SECTIONS = (
    "import_time",
    "closed_loop",
    "paced",
    "stalled",
    "hung",
    "memory",
    "driven",
    "connection_loads",
    "triggerer",
)
"""The modules of this folder with a ``TITLE`` and a function ``rows(*, full)``."""

_PACKAGES = (
    *("airflow-provider-sf", "apache-airflow", "apache-airflow-task-sdk", "aiohttp", "yarl", "requests"),
    *("urllib3", "apache-airflow-providers-http", "azure-servicefabric", "msrest"),
)


def main() -> int:
    """Measure, and fail if a bound is missed."""
    arguments = _arguments()
    sections = arguments.only or SECTIONS
    began, tables, missed, busy = time.monotonic(), [], 0, [_busy()]
    for name in sections:
        module = import_module(f"benchmarks.{name}")
        found = _rows(module, full=arguments.full)
        missed += sum(bool(row.verdict) and row.verdict != "met" for row in found)
        tables.append(table(module.TITLE, found))
        busy.append(_busy())
    report_progress(f"took {time.monotonic() - began:.0f} s")
    print(_about(busy))
    print("\n".join(tables))
    return int(missed > 0)


def _rows(module: ModuleType, *, full: bool) -> list[Row]:
    """Return the figures of a section. If it cannot be measured, one row gives the reason."""
    try:
        found: list[Row] = module.rows(full=full)
    except RuntimeError as error:
        report_progress(str(error))
        reason = str(error).partition("\n")[0]
        return [Row("nothing", "", (), must=Bound(0.0), note=f"not measured: {reason[:200]}")]
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="10,000 waits, three rounds of each")
    parser.add_argument("--only", type=_sections, metavar="A,B", help=", ".join(SECTIONS))
    return parser.parse_args()


def _sections(text: str) -> Sequence[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        msg = f"unknown section: {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(msg)
    return chosen


def _about(busy: Sequence[str]) -> str:
    """Describe the machine, the versions and the command."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"- Machine: {platform.platform()}, {_processor()}, {os.cpu_count()} processors",
            f"- Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, stock asyncio",
            f"- {versions}",
            f"- Load average of a minute, before and after each section: {', '.join(busy)}",
            f"- Command: `python -m benchmarks {' '.join(sys.argv[1:])}`",
            "",
        ]
    )


def _busy() -> str:
    """Return the load average. The figures are wrong if it exceeds the number of processors."""
    return f"{os.getloadavg()[0]:.1f}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
