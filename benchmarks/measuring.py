"""How things are measured: CPU time, memory, percentiles, rounds that take turns. No figures of its own."""

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
    """Return the CPU time of this process so far, that of all its threads."""
    return time.process_time()


def resident_bytes() -> int:
    """Return how much memory this process holds, when what it can collect is collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def allow_many_files() -> None:
    """Open as many files as this process may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def percentile(figures: Sequence[float], percent: float) -> float:
    """Return the smallest figure that so many percent of all do not exceed; NaN if there is none."""
    if not figures:
        return math.nan
    return sorted(figures)[max(0, math.ceil(len(figures) * percent / 100) - 1)]


def in_turns(measures: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, tuple[float, ...]]:
    """Measure each once a round, so that a noisy second hits all, and return the rounds of each."""
    found: dict[Key, list[float]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, measure in measures.items():
            found[key].append(measure())
    return {key: tuple(figures) for key, figures in found.items()}


def say(text: str) -> None:
    """Tell whoever waits how far it is; the tables have standard output for themselves."""
    print(text, file=sys.stderr, flush=True)
