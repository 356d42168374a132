"""Measuring: CPU time, memory, percentiles, alternating rounds."""

from __future__ import annotations

import gc
import math
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Key = TypeVar("Key")

_PAGE_BYTES = resource.getpagesize()


def cpu_seconds() -> float:
    """Return the CPU time of all threads of this process."""
    return time.process_time()


def resident_bytes() -> int:
    """Return the resident memory of this process after a garbage collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def allow_many_files() -> None:
    """Raise the limit of open files to its maximum."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def percentile(figures: Sequence[float], percent: float) -> float:
    """Return the smallest figure that this percentage of all figures does not exceed; NaN without figures."""
    if not figures:
        return math.nan
    return sorted(figures)[max(0, math.ceil(len(figures) * percent / 100) - 1)]


def in_turns(measures: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, tuple[float, ...]]:
    """Measure each once per round, so that a busy second affects all, and return the rounds of each."""
    found: dict[Key, list[float]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, measure in measures.items():
            found[key].append(measure())
    return {key: tuple(figures) for key, figures in found.items()}


def report_progress(text: str) -> None:
    """Write progress to standard error. Standard output is for the tables."""
    print(text, file=sys.stderr, flush=True)
