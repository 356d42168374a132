"""What an Airflow needs for some faults: a preparation fills its home folder, and returns its environment."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

LOG_MEGABYTES = 64
SECRETS = "secrets.json"


class NotPlayedError(Exception):
    """A fault cannot be played here; the text says why."""


def small_log_volume(stack: ExitStack, home: Path) -> dict[str, str]:
    """
    Mount a small volume as the log folder.

    :raises NotPlayedError: only root may do that
    """
    if os.geteuid() != 0:
        msg = "needs root, to mount a volume for the log folder"
        raise NotPlayedError(msg)
    logs = home / "logs"
    logs.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={LOG_MEGABYTES}m", "airflow-e2e-logs", logs], check=True
    )
    stack.callback(subprocess.check_call, ["umount", "--lazy", str(logs)])
    return {}


def secrets_file(stack: ExitStack, home: Path) -> dict[str, str]:  # noqa: ARG001 - as the other one
    """Let Airflow read connections from a file, too."""
    write_secrets(home, {})
    return {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(home / SECRETS)}),
    }


def write_secrets(home: Path, connections: dict[str, object]) -> None:
    """Replace the connections in the file at once."""
    new = home / f"{SECRETS}.new"
    new.write_text(json.dumps(connections))
    new.replace(home / SECRETS)
