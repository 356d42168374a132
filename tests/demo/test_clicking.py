"""`make airflow` starts what it prints, and stops everything after Ctrl-C."""

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
class Demo:
    """The running command and its output."""

    command: subprocess.Popen[str]
    output: str

    def call(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
        url, method = f"{self._login()[0]}/{path}", "POST" if body else "GET"
        answer = requests.request(method, url, json=body or None, headers=headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def log_in(self) -> dict[str, str]:
        _, user, password = self._login()
        token = self.call("auth/token", username=user, password=password)["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def _login(self) -> tuple[str, ...]:
        found = re.search(r"Airflow is at (\S+); log in as (\S+) with the password (\S+)", self.output)
        assert found, self.output
        return found.groups()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "airflow"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        output = ""
        while "Press Ctrl-C to stop" not in output and (line := command.stdout.readline()):
            output += line
        try:
            yield Demo(command, output)
        finally:
            command.terminate()


@pytest.mark.parametrize(
    ("connection", "security"), [("default", "not secured: http"), ("secured", "https, client certificate")]
)
def test_form_of_a_connection_can_be_tested(connection: str, security: str, demo: Demo) -> None:
    """The form shows a secret as ***, and sends *** back."""
    headers = demo.log_in()
    shown = demo.call(f"api/v2/connections/service_fabric_{connection}", headers)
    assert ('"private_key": "***"' in str(shown["extra"])) is (connection == "secured")
    tested = demo.call("api/v2/connections/test", headers, **shown)
    assert tested["status"], tested
    assert security in tested["message"]


def test_every_example_is_listed(demo: Demo) -> None:
    dags = demo.call("api/v2/dags", demo.log_in())["dags"]
    assert {dag["dag_id"] for dag in dags if not dag["is_paused"]} == EXAMPLES
    for example in EXAMPLES:
        assert f"{example}  " in demo.output


def test_interrupt_stops_everything(demo: Demo) -> None:
    sessions = sessions_started_by(demo.command)
    assert len(sessions) == len(PARTS)
    demo.command.send_signal(signal.SIGINT)
    printed, _ = demo.command.communicate(timeout=300)
    assert "All processes have stopped" in printed
    assert demo.command.returncode == 0
    assert alive_in(sessions) == []
