"""The commands ``airflow service-fabric``: they read Airflow's connections, and end as ``sf-wait``."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.cli.cli_config import ActionCommand

from airflow_provider_sf.commands.airflow_cli import get_commands
from airflow_provider_sf.provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator


def run(name: str, *words: str) -> int:
    """Run a command as Airflow does; return its exit code."""
    (group,) = get_commands()
    (command,) = [command for command in group.subcommands if command.name == name]  # type: ignore[union-attr]
    assert isinstance(command, ActionCommand)
    parser = argparse.ArgumentParser()
    for argument in command.args:
        argument.add_to_parser(parser)
    with pytest.raises(SystemExit) as end:
        command.func(parser.parse_args(words))
    return int(end.value.code or 0)


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands set this variable for the rest of their process."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")


@pytest.fixture
def connected(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"service-fabric://127.0.0.1:{simulator.port}")
    return simulator


def test_provider_info_names_the_function() -> None:
    (path,) = get_provider_info()["cli"]
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name) is get_commands


def test_status_reads_a_connection(connected: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "fabric:/good-shop/web", "--conn-id", "shop") == 0
    assert capsys.readouterr().out.startswith(
        "Upgrade of application 'fabric:/good-shop/web': rolling forward"
    )
    assert not connected.journal


@pytest.mark.usefixtures("connected")
def test_status_is_available_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "fabric:/good-shop/web", "--conn-id", "shop", "--json") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "service_fabric.upgrade_progress/1"


@pytest.mark.usefixtures("connected")
def test_wait_has_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("wait", "fabric:/good-shop/web", "--conn-id", "shop", "--timeout", "0") == 20
    assert "Not finished within 0s (timeout)" in capsys.readouterr().out


def test_unknown_connection_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("wait", "fabric:/good-shop/web", "--conn-id", "no_such") == 2
    assert "no_such" in capsys.readouterr().err
