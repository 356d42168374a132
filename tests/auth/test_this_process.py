"""An error about a file names host and process: the file may exist on the worker and not on the triggerer."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sf.auth.certificates import read_key, read_pem
from airflow_provider_sf.auth.this_process import this_process

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("arguments", "program"),
    [
        (["/usr/local/bin/airflow", "triggerer"], "airflow triggerer"),
        (["/venv/airflow/__main__.py", "api-server", "--port"], "airflow api-server"),
        (["/venv/execute_workload.py", "--json-string", "{}"], "execute_workload.py"),
        (["airflow", "https://user:hunter2@host"], "airflow"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_process_is_named(arguments: list[str], program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument that is no plain word may be a secret. Those of this process are pytest's, and so are replaced."""
    monkeypatch.setattr("sys.argv", arguments)
    assert this_process() == f"host {socket.gethostname()!r}, process {os.getpid()} ({program})"


@pytest.mark.parametrize(
    "read", [lambda: read_pem("ca_bundle", "/no/ca.pem"), lambda: read_key("/no/key.pem")]
)
def test_missing_file_names_the_process(read: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match=r"extra field '\w+' is not PEM text, ") as refused:
        read()
    assert str(refused.value).endswith(f" ({this_process()})")


def test_text_that_is_no_path_names_no_process() -> None:
    with pytest.raises(ValueError, match=r"cannot be read: this is not a path$"):
        read_pem("ca_bundle", "\0")
