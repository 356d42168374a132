"""A real Airflow 2: a webserver with another REST API, and a scheduler that parses the DAG files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from demo.live_airflow import LiveAirflow, LiveAirflowError

ACCOUNT = ("admin", "admin")


class LiveAirflow2(LiveAirflow):
    """Start webserver, scheduler and triggerer, and call the REST API of Airflow 2."""

    parts = ("webserver", "scheduler", "triggerer")
    healthy_parts = ("scheduler", "triggerer")
    api = "api/v1"
    health = "health"
    run_defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, home: Path, dags: Path) -> None:
        super().__init__(home, dags)
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # the executor runs `airflow`
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",  # no other one can use SQLite
            "AIRFLOW__WEBSERVER__BASE_URL": self.url,
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": self.url.rpartition(":")[2],
            "AIRFLOW__WEBSERVER__WORKERS": "1",
        }

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1
    ) -> list[dict[str, Any]]:
        """Return the lines of the log of a try."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        query = {"full_content": "true", "map_index": str(map_index)}
        answer = self._session.get(
            f"{self.url}/{self.api}/{path}", params=query, headers={"Accept": "text/plain"}, timeout=60
        )
        return [{"event": line} for line in answer.text.splitlines()]

    def links(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, str]:
        """Return the extra links of a task instance that is not mapped."""
        assert map_index == -1
        return dict(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"))

    def _log_in(self) -> None:
        names = ("--firstname", "a", "--lastname", "b", "--email", "admin@example.com", "--role", "Admin")
        account = ("--username", ACCOUNT[0], "--password", ACCOUNT[1])
        created = self.spawn("user", "-m", "airflow", "users", "create", *account, *names)
        if created.wait() != 0:
            msg = "the user could not be created"
            raise LiveAirflowError(msg, self.log_file("user"))
        self._session.auth = ACCOUNT
