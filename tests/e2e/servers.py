"""The database server and the message broker of the end-to-end tests, each in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.live_airflow import free_ports

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"
"""Where Debian and Ubuntu install the programs of the server; only those of the client are on PATH."""

UNPRIVILEGED_USER = "nobody"
"""PostgreSQL refuses to run as root; this user owns its folder then."""

READY_WITHIN_SECONDS = 120.0


class MissingServerError(Exception):
    """A program is not installed."""


def find_program(name: str) -> str:
    """
    Return the path of a program, on PATH or where Debian installs PostgreSQL.

    :raises MissingServerError: it is not installed
    """
    folders = sorted(map(str, Path("/").glob(POSTGRES_FOLDERS.lstrip("/"))), reverse=True)
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *folders]))
    if path is None:
        msg = f"{name} is not installed. On Debian and Ubuntu: apt install postgresql redis-server"
        raise MissingServerError(msg)
    return path


class Server:
    """
    A server on a loopback port, with its data in a temporary folder. It survives a stop.

    A subclass sets ``command`` and answers ``is_ready``.
    """

    command: tuple[str, ...]

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="airflow-e2e-"))
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def is_ready(self) -> bool:
        """Return whether the server answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not self.is_ready():
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.2)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server with a signal to it and its children."""
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class Postgres(Server):
    """PostgreSQL with an empty database ``airflow``. Without the privileges of root, since it refuses those."""

    def __init__(self) -> None:
        super().__init__()
        self._as_user = as_unprivileged_user() if os.geteuid() == 0 else ()
        data = self.folder / "data"
        data.mkdir()
        if self._as_user:
            for path in (self.folder, data):
                shutil.chown(path, UNPRIVILEGED_USER)
        self._run(
            find_program("initdb"), "--no-sync", "--auth=trust", "--username=airflow", f"--pgdata={data}"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.command = (*self._as_user, find_program("postgres"), "-D", str(data), *options)

    @property
    def url(self) -> str:
        """The address of the database for SQLAlchemy."""
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    def start(self) -> None:
        super().start()
        if not self.query("select 1 from pg_database where datname = 'airflow'", "postgres"):
            self.query("create database airflow", "postgres")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it as ``pg_ctl stop --mode fast`` does: connections are cut."""
        if self._process is not None:
            self._process.send_signal(number)  # it stops its children
            self._process.wait()
        self._process = None

    def is_ready(self) -> bool:
        command = [find_program("pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode == 0

    def query(self, statement: str, database: str = "airflow") -> str:
        """Return the result of a statement as text."""
        where = ("--host=127.0.0.1", f"--port={self.port}", "--username=airflow", f"--dbname={database}")
        return self._run(find_program("psql"), *where, "--tuples-only", "--no-align", "--command", statement)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [*self._as_user, *command], check=False, capture_output=True, text=True, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


class Redis(Server):
    """Redis, which keeps its queue on disk."""

    def __init__(self) -> None:
        super().__init__()
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        self.command = (find_program("redis-server"), *options, "--appendonly", "yes")

    @property
    def url(self) -> str:
        """The address of the broker for Celery."""
        return f"redis://127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        command = [find_program("redis-cli"), "-p", str(self.port), "ping"]
        return subprocess.run(command, check=False, capture_output=True).stdout.strip() == b"PONG"


def as_unprivileged_user() -> tuple[str, ...]:
    """Return the beginning of a command that runs without the privileges of root."""
    user = ("--reuid", UNPRIVILEGED_USER, "--regid", "nogroup", "--clear-groups")
    return (find_program("setpriv"), *user)
