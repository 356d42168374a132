"""An Airflow as our users run it: two triggerers, PostgreSQL, workers of Celery or local ones."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Postgres, Redis

TRIGGERERS = ("triggerer-1", "triggerer-2")
WORKERS = ("worker-1", "worker-2")

HEALTH_THRESHOLD_SECONDS = 15
"""After this time without a heartbeat a triggerer counts as dead, and the other one continues its waits."""


PAGE_SIZE = 100
"""Airflow answers with at most so many entries."""


class DistributedAirflow(LiveAirflow):
    """
    Two triggerers, and PostgreSQL unless it is None; with Redis two workers of Celery.

    A part that ends is started again, as systemd or Kubernetes does, unless the test has killed it.
    """

    commands: ClassVar[dict[str, tuple[str, ...]]] = {
        **dict.fromkeys(TRIGGERERS, ("triggerer", "--skip-serve-logs")),
        **{
            part: (
                "celery",
                "worker",
                "--skip-serve-logs",
                "--concurrency",
                "4",
                "--celery-hostname",
                f"{part}@%h",
            )
            for part in WORKERS
        },
    }

    def __init__(self, home: Path, dags: Path, postgres: Postgres | None, redis: Redis | None = None) -> None:
        super().__init__(home, dags)
        self.postgres = postgres
        # SQLite locks no rows: two triggerers would take the same waits.
        self.triggerers = TRIGGERERS if postgres else TRIGGERERS[:1]
        workers = WORKERS if redis else ()
        self.redis = redis
        self.workers = workers
        self.parts = ("api-server", "scheduler", "dag-processor", *self.triggerers, *workers)
        self.restarts: list[str] = []
        """The parts that ended and were started again."""
        self.environment |= {
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(HEALTH_THRESHOLD_SECONDS),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "part_name.part_name",
            "PYTHONPATH": str(dags),
        }
        if postgres:
            self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = postgres.url
        if postgres and redis:
            self.environment |= {
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CELERY__BROKER_URL": redis.url,
                "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url}",
            }

    def begin(self, part: str) -> None:
        self.environment["E2E_PART"] = part
        super().begin(part)

    def end(self, part: str) -> None:
        """Ask a part to end, as a stop of its service does, and wait for it."""
        process = self._parts.pop(part)
        process.terminate()
        process.wait()

    def count_of_triggers(self) -> int:
        """Return how many rows of triggers the database has."""
        statement = "select count(*) from trigger"
        if self.postgres:
            return int(self.postgres.query(statement))
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=60)) as database:
            return int(database.execute(statement).fetchone()[0])

    def triggerer_of(self, task_instance: dict[str, Any]) -> str:
        """Return the triggerer that has a deferred task; empty if none has it."""
        return str((task_instance["triggerer_job"] or {}).get("hostname", ""))

    def send(self, part: str, number: int) -> None:
        """Send a signal to a part and all its children."""
        self.send_signal(self._parts[part], number)

    def freeze(self, part: str) -> None:
        """Send SIGSTOP to the first process of a part, and not to its children; ``SIGCONT`` ends it."""
        self._parts[part].send_signal(signal.SIGSTOP)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, read page by page."""
        found: list[dict[str, Any]] = []
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        while True:
            query = {"limit": PAGE_SIZE, "offset": len(found), "order_by": "id"}
            page = self.call("GET", path, params=query)
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def edit_connection(self, connection_id: str, **fields: Any) -> None:
        """Change a connection in the metadata database."""
        self.call("PATCH", f"connections/{connection_id}", json={"connection_id": connection_id, **fields})

    def delete_connection(self, connection_id: str) -> None:
        """Delete a connection from the metadata database."""
        self.call("DELETE", f"connections/{connection_id}")

    def clear(self, dag_id: str, run_id: str, tasks: list[str]) -> None:
        """Clear tasks of a run, as a person does."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": tasks}
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as success or failed, as a person does."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self.call("PATCH", path, json={"new_state": state})

    def pause_dag(self, dag_id: str, *, is_paused: bool) -> None:
        """Pause a DAG, or let it go on."""
        self.call("PATCH", f"dags/{dag_id}", json={"is_paused": is_paused})

    def dag_versions(self, dag_id: str) -> int:
        """Return how many versions of a DAG Airflow has seen."""
        return int(self.call("GET", f"dags/{dag_id}/dagVersions")["total_entries"])

    def is_up(self) -> bool:
        """Return whether the API server, scheduler, DAG processor and a triggerer are healthy."""
        return self._is_healthy()

    def supervise(self) -> None:
        """Start each part again that has ended."""
        self._check_parts()

    def _check_parts(self) -> None:
        for name, process in list(self._parts.items()):
            if process.poll() is not None:
                self.restarts.append(name)
                self.begin(name)
