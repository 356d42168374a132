"""Child processes that answer requests, one line of JSON each: both ends of the pipe."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import allow_many_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    Answer = dict[str, Any]

_HERE = Path(__file__).resolve().parent.parent
_MAX_LINE_BYTES = 1 << 26
_LOG_END_BYTES = 2_000


class Child:
    """
    A new process that runs a module of this folder in a clean environment and answers requests.

    It runs while its ``with`` statement does.
    """

    def __init__(self, module: str, *arguments: str, connections: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        self._connections = connections or {}

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._log = Path(self._home.name, "log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=_HERE,
                env=_environment(self._home.name, self._connections),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._home.cleanup()

    def ask(self, what: str, **about: Any) -> Answer:
        """
        Send a request, and wait for the answer.

        :raises RuntimeError: the process has ended; the message holds the end of its log
        """
        assert self._process.stdin is not None  # noqa: S101 - for mypy
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        self._process.stdin.write(json.dumps({"what": what, **about}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            msg = f"{self._command[-2:]} has ended: {self.log_end()}"
            raise RuntimeError(msg)
        answer: Answer = json.loads(line)
        return answer

    def log_end(self) -> str:
        """Return the end of its log."""
        return self._log.read_bytes()[-_LOG_END_BYTES:].decode(errors="replace")


def _environment(home: str, connections: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
    }


def answer_in_loop(**answers: Callable[..., Awaitable[Answer]]) -> None:
    """Answer requests in an event loop until the parent closes the pipe. Other tasks may run beside."""
    allow_many_files()
    asyncio.run(_answer(answers, keep_output()))


async def _answer(answers: Mapping[str, Callable[..., Awaitable[Answer]]], output: int) -> None:
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        write_answer(output, await answers[request.pop("what")](**request))
    os._exit(0)  # without waiting for the tasks that still run


def keep_output() -> int:
    """Keep standard output for answers. Send other output to standard error."""
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def write_answer(output: int, answer: Answer) -> None:
    """Write a complete answer."""
    left = memoryview(json.dumps(answer).encode() + b"\n")
    while left:
        left = left[os.write(output, left) :]
