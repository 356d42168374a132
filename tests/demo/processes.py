"""Which processes a command has started, and which of them are left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import subprocess


def sessions_started_by(process: subprocess.Popen[str]) -> set[int]:
    children = psutil.Process(process.pid).children(recursive=True)
    return {os.getsid(child.pid) for child in children} - {os.getsid(process.pid)}


def alive_in(sessions: set[int]) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(str(process.cmdline()))
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found
