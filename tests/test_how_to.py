"""The tutorial and the how-to guides show what really happens: each block of code runs or is parsed."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]
from airflow.cli import cli_parser
from airflow.dag_processing.dagbag import DagBag

from airflow_provider_sf.commands.sf_wait import parser as sf_wait_parser
from airflow_provider_sf.commands.sf_wait import with_command
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases.__main__ import parser as records_parser
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.__main__ import _parser as simulator_parser
from airflow_provider_sf.simulator.connection import write_certificates
from tests.test_readme import CONNECTION, FENCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUIDES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
TUTORIAL = ROOT / "docs" / "tutorial.md"
SF_WAIT = ROOT / "docs" / "reference" / "sf_wait.md"
NAMED_BLOCK = re.compile(r"^<!-- (.*?) -->\n```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A block of code, and what the test must know about it."""


def blocks(language: str, *pages: Path) -> list[Any]:
    return [
        pytest.param(match[2], id=f"{page.stem}-{place}")
        for page in pages
        for place, match in enumerate(FENCE.finditer(page.read_text()))
        if match[1] == language
    ]


def named_blocks(page: Path) -> dict[str, str]:
    return {name: code for name, _, code in NAMED_BLOCK.findall(page.read_text())}


def commands(code: str, program: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of a program in a block of shell commands."""
    for line in re.sub(r"<<'END'.*?^END$", "", code, flags=re.MULTILINE | re.DOTALL).splitlines():
        for command in line.split("|"):
            words = [word for word in shlex.split(command, comments=True) if not re.match(r"[A-Z_]+=", word)]
            words = words[: words.index(">")] if ">" in words else words
            if " ".join(words).startswith(program):
                yield words[len(program.split()) :]


@pytest.mark.parametrize("code", blocks("sh", TUTORIAL, *GUIDES, SF_WAIT))
def test_shell_commands_exist(code: str) -> None:
    """Bash parses the block, and each program knows its commands and options."""
    subprocess.run(["bash", "-n"], input=code, text=True, check=True)
    for arguments in commands(code, "airflow"):
        cli_parser.get_parser().parse_args(arguments)
    for arguments in commands(code, "python -m airflow_provider_sf.simulator"):
        simulator_parser().parse_args(arguments)
    for arguments in commands(code, "python -m airflow_provider_sf.releases"):
        records_parser().parse_args(arguments)
    for arguments in commands(code, "sf-wait"):
        sf_wait_parser().parse_args(with_command(arguments))


@pytest.mark.parametrize("code", blocks("yaml", *GUIDES))
def test_steps_of_pipelines_run_sf_wait(code: str) -> None:
    """The pipeline is YAML, and its steps have options that exist."""
    ((job, *_),) = [
        jobs.values() if isinstance(jobs, dict) else jobs for jobs in yaml.safe_load(code).values()
    ]
    scripts = [step.get("run") or step.get("script") or "" for step in job["steps"]]
    found = [arguments for script in scripts for arguments in commands(script, "sf-wait")]
    assert len(found) == 2
    for arguments in found:
        sf_wait_parser().parse_args(with_command(arguments))


def test_dags_of_all_guides_can_be_imported(tmp_path: Path) -> None:
    """All at once, so each has an id that no other has."""
    codes = [param.values[0] for param in blocks("python", TUTORIAL, *GUIDES)]
    dags = [code for code in codes if "with DAG(" in code and "def test_" not in code]
    for number, code in enumerate(dags):
        (tmp_path / f"dag{number}.py").write_text(code)
    bag = DagBag(tmp_path)
    assert not bag.import_errors
    assert len(bag.dags) == len(dags)


RECIPES = NAMED_BLOCK.findall((ROOT / "docs" / "how-to" / "secured_clusters.md").read_text())
CLUSTERS: dict[str, dict[str, Any]] = {
    "tls=mutual": {"tls": "mutual"},
    "entra": {"entra": True},
    "token": {"entra": True},
    "gateways=3": {"gateways": 3},
}


@pytest.mark.parametrize(("cluster", "language", "recipe"), RECIPES)
def test_recipe_connects_to_a_cluster(
    cluster: str, language: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe works with the addresses, files and secrets of a simulated cluster."""
    assert language == "json"
    with Simulator(**CLUSTERS[cluster]) as simulator:
        connection = json.loads(recipe.replace("/etc/airflow/sf", str(tmp_path)))
        assert len(connection["host"].split(",")) == len(simulator.urls)
        connection["host"] = ",".join(simulator.urls)
        if simulator.security.tls != "none":
            write_certificates(simulator.security, tmp_path)
            connection["extra"] |= real_values(simulator, connection["extra"])
        monkeypatch.setenv(CONNECTION, json.dumps(connection))
        assert ServiceFabricHook().test_connection()[0]


def real_values(simulator: Simulator, extra: dict[str, str]) -> dict[str, str]:
    """Return what stands for the values that the reader must know."""
    values = {"server_thumbprints": simulator.server_thumbprint}
    if simulator.security.has_entra:
        entra = simulator.entra
        values |= {"client_id": entra.client_id, "client_secret": entra.client_secret}
        values |= {"token": entra.bearer_token}
    known = {name: values[name] for name in extra if name in values}
    return known | ({"authority": simulator.url} if extra["security"] == "entra" else {})


SOURCES = [path for path in (ROOT / "airflow_provider_sf").rglob("*.py") if "simulator" not in path.parts]
WITH_MESSAGES_FOR_USERS = ("assets", "auth", "commands", "notifications", "operators", "sensors", "releases")
FILES_WITH_MESSAGES_FOR_USERS = ("parameters.py", "selector_input.py", "url_names.py", "kinds.py")


def template(node: ast.AST) -> str | None:
    """Return a string of the code, with three dots for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    return None


@cache
def texts_of_the_code() -> str:
    nodes = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())))
    return "\n".join(filter(None, map(template, nodes)))


def errors_for_users() -> Iterator[str]:
    """Yield the messages of ValueErrors and refusals; by convention they are assigned to ``msg``."""
    for path in SOURCES:
        is_shown = path.parent.name in WITH_MESSAGES_FOR_USERS or path.name in FILES_WITH_MESSAGES_FOR_USERS
        for node in ast.walk(ast.parse(path.read_text())) if is_shown else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "msg":
                yield (template(node.value) or "no text").removeprefix("task ...: ")


def explained_messages() -> list[str]:
    page = ROOT / "docs" / "how-to" / "troubleshoot.md"
    return re.findall(r"^- `(.+)`$", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("message", explained_messages())
def test_explained_message_is_in_the_code(message: str) -> None:
    for part in message.split("..."):
        assert part.strip(" :.,;") in texts_of_the_code()


def fits(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(re.escape("..."), ".*"), text, re.DOTALL) is not None


@pytest.mark.parametrize("message", sorted(set(errors_for_users())))
def test_every_error_is_explained(message: str) -> None:
    assert any(fits(explained, message) or fits(message, explained) for explained in explained_messages())
