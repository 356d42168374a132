"""Metadata databases for the measured triggerers: copies of a migrated database, in files or on a server."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SETTING = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_MIGRATED = "benchmark_migrated"


@dataclass(frozen=True, slots=True)
class Databases:
    """
    The homes and the databases of several Airflow installations.

    :param folder: where the homes are created; the caller removes it
    :param server: the SQLAlchemy URL of a PostgreSQL that lets the user create databases; None for SQLite
    """

    folder: Path
    server: str | None = None

    @property
    def kind(self) -> str:
        """The name of the database system."""
        return "SQLite" if self.server is None else "PostgreSQL"

    @contextmanager
    def migrated(self) -> Iterator[None]:
        """Create the database that is copied."""
        with self._created(_MIGRATED), self._airflow(_MIGRATED) as airflow:
            airflow.migrate()
            yield

    @contextmanager
    def airflow(self) -> Iterator[LiveAirflow]:
        """Create the home of an Airflow with its own copy of the database."""
        name = f"benchmark_{uuid4().hex}"
        with self._created(name, template=_MIGRATED), self._airflow(name) as airflow:
            yield airflow

    @contextmanager
    def _created(self, name: str, template: str = "template1") -> Iterator[None]:
        if self.server is None:
            if (copied := self._file(template)).exists():
                self._file(name).write_bytes(copied.read_bytes())
            yield
            return
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.server or "", isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))

    def _airflow(self, name: str) -> LiveAirflow:
        home = self.folder / name
        airflow = LiveAirflow(home, home / "dags")
        url = f"sqlite:///{self._file(name)}"
        if self.server is not None:
            url = make_url(self.server).set(database=name).render_as_string(hide_password=False)
        airflow.environment[_SETTING] = url
        return airflow

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.db"


def count_rows(airflow: LiveAirflow, table: str) -> int:
    """Count the rows of a table in Airflow's database. The argument may end with a condition."""
    engine = create_engine(airflow.environment[_SETTING], poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 - no user input


def fired_events(airflow: LiveAirflow) -> list[dict[str, Any]]:
    """Return the events of the triggers that have fired: each task keeps one until a worker takes it."""
    engine = create_engine(airflow.environment[_SETTING], poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT next_kwargs FROM task_instance WHERE state = 'scheduled'"))
        values = [json.loads(value) if isinstance(value, str) else value for (value,) in rows]
    return [value.get("event", value) for value in values]
