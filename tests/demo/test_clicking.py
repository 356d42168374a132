"""`make airflow`: all that it says is there, and when it is interrupted nothing is left of it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from demo.live_airflow import PARTS
from tests.demo.processes import alive_in, sessions_started_by

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = {example.stem for example in (ROOT / "dags_examples").glob("*.py")}


@dataclass(frozen=True)
class Person:
    """Somebody who has started it and read what it said."""

    command: subprocess.Popen[str]
    read: str

    def call(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
        url, method = f"{self._told()[0]}/{path}", "POST" if body else "GET"
        answer = requests.request(method, url, json=body or None, headers=headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def log_in(self) -> dict[str, str]:
        _, user, password = self._told()
        token = self.call("auth/token", username=user, password=password)["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def _told(self) -> tuple[str, ...]:
        found = re.search(r"Airflow is at (\S+); log in as (\S+) with the password (\S+)", self.read)
        assert found, self.read
        return found.groups()


@pytest.fixture(scope="module")
def person() -> Iterator[Person]:
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "airflow"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        read = ""
        while "Ctrl-C ends it" not in read and (line := command.stdout.readline()):
            read += line
        try:
            yield Person(command, read)
        finally:
            command.terminate()


@pytest.mark.parametrize(
    ("connection", "how"), [("default", "not secured: http"), ("secured", "https, client certificate")]
)
def test_a_connection_passes_its_test_as_its_form_shows_it(connection: str, how: str, person: Person) -> None:
    """The form shows secrets as stars, and sends them back."""
    headers = person.log_in()
    shown = person.call(f"api/v2/connections/service_fabric_{connection}", headers)
    assert ('"private_key": "***"' in str(shown["extra"])) is (connection == "secured")
    tested = person.call("api/v2/connections/test", headers, **shown)
    assert tested["status"], tested
    assert how in tested["message"]


def test_every_example_is_named_and_may_be_triggered(person: Person) -> None:
    dags = person.call("api/v2/dags", person.log_in())["dags"]
    assert {dag["dag_id"] for dag in dags if not dag["is_paused"]} == EXAMPLES
    for example in EXAMPLES:
        assert f"{example}  " in person.read


def test_an_interrupt_ends_everything(person: Person) -> None:
    sessions = sessions_started_by(person.command)
    assert len(sessions) == len(PARTS)
    person.command.send_signal(signal.SIGINT)
    said, _ = person.command.communicate(timeout=60)
    assert "Everything has ended" in said
    assert person.command.returncode == 0
    assert alive_in(sessions) == []
