"""``sf-wait plan`` has the plan of the operator, and no value of a parameter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sf.simulator import Simulator
    from tests.commands.conftest import Done

NAME = "fabric:/idle-shop/web"


@pytest.fixture
def words(simulator: Simulator) -> list[str]:
    return ["plan", NAME, "--endpoint", f"http://127.0.0.1:{simulator.port}"]


def test_plan_without_problems_is_a_success(words: list[str], sf_wait: Callable[..., Done]) -> None:
    done = sf_wait(*words, "--target-version", "v1")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        f"Plan of application '{NAME}' from v0 to v1: no problems found; nothing was changed\n"
    )


def test_plan_with_problems_has_its_code(words: list[str], sf_wait: Callable[..., Done]) -> None:
    done = sf_wait(*words, "--target-version", "v99", "--json")
    assert done.code == 40
    assert json.loads(done.out)["schema"] == "service_fabric.upgrade_plan/1"
    assert "'v99' is not provisioned" in json.loads(done.out)["problems"][0]
    assert "1 problem" in done.err


def test_plan_changes_nothing(words: list[str], simulator: Simulator, sf_wait: Callable[..., Done]) -> None:
    sf_wait(*words, "--target-version", "v1", "--mode", "UnmonitoredAuto")
    assert not simulator.journal


@pytest.mark.parametrize("source", ["application", "manifest"])
def test_parameters_are_named_only(
    source: str, words: list[str], tmp_path: Path, sf_wait: Callable[..., Done]
) -> None:
    file = tmp_path / "parameters.json"
    file.write_text('{"Web_LogLevel": "s3cret"}')
    done = sf_wait(*words, "--target-version", "v1", "--parameters", str(file), "--parameters-from", source)
    assert "Web_LogLevel" in done.out
    assert "s3cret" not in done.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("s3cret", "is not JSON: write it as UTF-8 or UTF-16"),
        ('["s3cret"]', "parameters"),
        ('{"A": 1}', "the parameter 'A' must be a string, not int: write it in quotes"),
    ],
)
def test_invalid_parameters_are_refused(
    content: str, message: str, words: list[str], tmp_path: Path, sf_wait: Callable[..., Done]
) -> None:
    file = tmp_path / "parameters.json"
    file.write_text(content)
    done = sf_wait(*words, "--target-version", "v1", "--parameters", str(file))
    assert done.code == 2
    assert message in done.err
    assert "s3cret" not in done.err
