"""Metadata databases for triggerers that are measured: copies of a migrated one, in files or on a server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
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
    A folder for the homes of Airflows, and where their databases are.

    :param folder: what is made in it is somebody else's to remove
    :param server: the URL of a PostgreSQL on which databases may be made, for SQLAlchemy; None for SQLite
    """

    folder: Path
    server: str | None = None

    @property
    def kind(self) -> str:
        """What they are called."""
        return "SQLite" if self.server is None else "PostgreSQL"

    @contextmanager
    def migrated(self) -> Iterator[None]:
        """Make the one that is copied."""
        with self._made(_MIGRATED), self._airflow(_MIGRATED) as airflow:
            airflow.migrate()
            yield

    @contextmanager
    def airflow(self) -> Iterator[LiveAirflow]:
        """Make the home of an Airflow whose database is a copy of its own."""
        name = f"benchmark_{uuid4().hex}"
        with self._made(name, template=_MIGRATED), self._airflow(name) as airflow:
            yield airflow

    @contextmanager
    def _made(self, name: str, template: str = "template1") -> Iterator[None]:
        if self.server is None:
            if (copied := self._file(template)).exists():
                self._file(name).write_bytes(copied.read_bytes())
            yield
            return
        self._order(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._order(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield
        finally:
            self._order(f"DROP DATABASE {name} WITH (FORCE)")

    def _order(self, order: str) -> None:
        engine = create_engine(self.server or "", isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(order))

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


def how_many(airflow: LiveAirflow, what: str) -> int:
    """Count rows of an Airflow's database: ``xcom``, or a table with a condition."""
    engine = create_engine(airflow.environment[_SETTING], poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {what}")).scalar_one())  # noqa: S608 - ours
