"""Processes that do one thing at a time: one line of JSON asks, one answers. Both ends."""

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
_MOST_BYTES = 1 << 26
_LAST_WORDS_BYTES = 2_000


class Child:
    """
    A fresh process that runs a module of this folder and answers questions, in a clean environment.

    Use it in a ``with`` statement: it is started at its beginning and stopped at its end.
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
        Ask, and wait for the answer.

        :raises RuntimeError: the process has ended instead; the text holds its last words
        """
        assert self._process.stdin is not None  # noqa: S101 - for mypy
        assert self._process.stdout is not None  # noqa: S101 - for mypy
        self._process.stdin.write(json.dumps({"what": what, **about}) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            msg = f"{self._command[-2:]} has ended: {self.last_words()}"
            raise RuntimeError(msg)
        answer: Answer = json.loads(said)
        return answer

    def last_words(self) -> str:
        """Return the end of what it has logged."""
        return self._log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")


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
    """Be such a process: answer in an event loop, in which more may run, until nobody asks any more."""
    allow_many_files()
    asyncio.run(_answer(answers, keep_output()))


async def _answer(answers: Mapping[str, Callable[..., Awaitable[Answer]]], output: int) -> None:
    reader = asyncio.StreamReader(limit=_MOST_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        tell(output, await answers[asked.pop("what")](**asked))
    os._exit(0)  # what still runs has nobody to run for


def keep_output() -> int:
    """Keep standard output for answers; whatever else is printed goes where errors go."""
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def tell(output: int, answer: Answer) -> None:
    """Write an answer, all of it."""
    left = memoryview(json.dumps(answer).encode() + b"\n")
    while left:
        left = left[os.write(output, left) :]
