"""Airflow neither stores nor shows a secret in clear, however a wait or a release ends."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from demo.live_airflow import PARTS, LiveAirflow, free_ports
from tests.repeating_cluster import RepeatingCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

DAGS, DAG = Path(__file__).parent / "dags_secrets", "secrets_everywhere"
SECRET_FIELDS = {"private_key", "private_key_passphrase", "client_secret", "token"}
SPEED = 30.0
"""An upgrade takes 20 seconds."""

WAITS = {"pem", "pfx", "client_secret", "client_certificate", "token"}
DEFERRED_RELEASES = {"upgrade[0]", "upgrade[1]", "compose", "retried_upgrade"}
SUCCEED = {*WAITS, *DEFERRED_RELEASES, "leaking_wait", "provision[0]", "provision[1]", "create", "plan"}
CLUSTERS = {"plain", "unavailable", "repeating"}
"""The connections of the releases: clusters without security."""
FAIL = {  # task -> text in its traceback
    "rolled_back_pfx": "Rolled back",
    "rolled_back_client_secret": "Rolled back",
    "stranger": "the cluster refused the certificate",
    "wrong_secret": "AADSTS7000215",
    "wrong_passphrase": "is the passphrase wrong?",
    "revoked": "the cluster refused the token",
    "unreachable": "Connection refused",
    "leak": "decoy_raised",
    "rolled_back_upgrade": "Rolled back",
    "failed_provision": "The provision of application type 'IdleSecretType' version 'bad' failed",
    "refused_provision": "The cluster refused to provision",
    "refused_create": "The cluster refused to create",
    "refused_upgrade": "does not run: the cluster refused",
    "refused_compose": "was not started: the cluster refused",
    "invalid_upgrade": "parameters must be a dict",
}
DECOYS = {  # text that is leaked on purpose -> where it must be found
    "decoy_printed": ["task_id=leak/attempt=1.log", "log of leak"],
    "decoy_pushed": ["table xcom", "XComs of leak"],
    "decoy_raised": ["task_id=leak/attempt=1.log", "log of leak"],
    "decoy_rendered": [
        *("task instances", "table rendered_task_instance_fields", "trigger rows", "XComs of leaking_wait"),
        *("task_id=leaking_wait/attempt=1.log", "log of leaking_wait"),
    ],
}
TRACES = [
    ("log of failed_provision", "Code of https://127.0.0.1/shop.sfpkg?***"),
    ("log of failed_provision in try 2", "Code of https://127.0.0.1/shop.sfpkg?***"),
    ("log of refused_provision", '"https://127.0.0.1/shop.sfpkg?***"'),
    ("log of refused_create", '"Key": "Api_InstanceCount", "Value": "***"'),
    ("log of refused_upgrade", '"Key": "Api_InstanceCount", "Value": "***"'),
    ("log of refused_compose", '"RegistryPassword": "***"'),
    ("table rendered_task_instance_fields", '"package_uri": "https://127.0.0.1/shop.sfpkg?***"'),
    ("table rendered_task_instance_fields", '"parameters": {"Api_InstanceCount": "***"}'),
    ("table rendered_task_instance_fields", '"parameters": "***"'),
    ("table rendered_task_instance_fields", '"registry_password": "***"'),
]
"""A place where a secret was, and the text that shows it."""


@dataclass
class World:
    """
    The connections, the variables, and the secrets in them.

    ``secrets`` has the name of each secret, and the pieces to search for.
    """

    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, set[str]] = field(default_factory=dict)

    def connect(self, connection: str, cluster: str, **extra: str) -> None:
        self.connections[connection] = {
            "conn_type": "service_fabric",
            "host": cluster,
            "extra": json.dumps(extra),
        }
        for name in SECRET_FIELDS & extra.keys():
            self.secrets[f"{name} of {connection}"] = pieces(extra[name])

    def add_variable(self, name: str, text: str, *parts: str) -> None:
        """Add a variable with a text that contains secret parts, or is one."""
        self.variables[name] = text.format(*parts)
        self.secrets[f"the variable {name}"] = set().union(*map(pieces, parts))


def pieces(secret: str) -> set[str]:
    """Return the pieces to search for: a secret may leak in part, in separate lines, or quoted for a URL."""
    lines = [line for line in secret.splitlines() if len(line) > 20 and "-----" not in line] or [secret]
    cut = [line[start : start + 32] for line in lines for start in range(0, max(len(line) - 31, 1), 32)]
    unique = cut[1:] or cut  # all keys of a type start with the same bytes
    return {*unique, *(quote(piece, safe="") for piece in unique)}


@pytest.fixture(scope="module")
def clusters() -> Iterator[list[Simulator]]:
    """
    The clusters of the tests.

    One has certificates, one has tokens, one revokes its tokens later. Three have no security: one of them is
    unavailable until a release is retried, and one repeats requests.
    """
    authority = Authority()
    settings: list[dict[str, Any]] = [{"tls": "mutual"}, {"entra": True}, {"entra": True}, {}, {}]
    with ExitStack() as stack:
        clusters = [Simulator(speed=SPEED, authority=authority, **options) for options in settings]
        clusters.append(RepeatingCluster(speed=SPEED))
        clusters[4].fault(0, "unavailable")
        yield [stack.enter_context(cluster) for cluster in clusters]


@pytest.fixture(scope="module")
def world(clusters: list[Simulator]) -> World:
    """Return valid and invalid connections for every security mode."""
    world, authority, passphrase = World(), clusters[0].authority, token_urlsafe()
    mutual, stable, revoking, plain, unavailable, repeating = (cluster.url for cluster in clusters)
    certificate, unknown, entra = authority.client(), Authority().client(), clusters[2].entra
    trust = {"ca_bundle": authority.pem.decode()}

    certified = {**trust, "security": "certificate", "client_certificate": certificate.pem.decode()}
    key = {
        "private_key": certificate.encrypted_key_pem(passphrase).decode(),
        "private_key_passphrase": passphrase,
    }
    pfx = {"private_key": base64.b64encode(certificate.pfx(passphrase)).decode()}
    world.connect("pem", mutual, **certified, **key)
    world.connect("pfx", mutual, **{**certified, **key, **pfx, "client_certificate": ""})
    world.connect(
        "wrong_passphrase", mutual, **{**certified, **key, "private_key_passphrase": token_urlsafe()}
    )
    world.connect("unreachable", f"https://127.0.0.1:{free_ports(1)[0]}", **certified, **key)
    certified["client_certificate"] = unknown.pem.decode()
    world.connect("stranger", mutual, **certified, private_key=unknown.key_pem.decode())
    world.secrets["the key of pem and pfx in clear"] = pieces(certificate.key_pem.decode())

    identity = {
        **trust,
        "security": "entra",
        "client_id": entra.client_id,
        "authority": revoking,
    }
    secret = {**identity, "credential": "client_secret"}
    world.connect("client_secret", revoking, **secret, client_secret=entra.client_secret)
    world.connect("wrong_secret", revoking, **secret, client_secret=token_urlsafe())
    signs = entra.certificate
    signed = {**identity, "credential": "client_certificate", "client_certificate": signs.pem.decode()}
    world.connect("client_certificate", revoking, **signed, private_key=signs.key_pem.decode())

    ready_made = {**trust, "security": "token"}
    world.connect("token", stable, **ready_made, token=clusters[1].entra.bearer_token)
    world.connect("revoked", revoking, **ready_made, token=entra.bearer_token)

    world.connect("plain", plain)
    world.connect("unavailable", unavailable)
    world.connect("repeating", repeating)
    add_release_secrets(world)
    return world


def add_release_secrets(world: World) -> None:
    """Add the secrets of releases. No name makes Airflow mask them, except that of the field ``password``."""
    password = token_urlsafe()
    world.secrets["the password of the registry"] = pieces(password)
    world.connections["registry"] = {"conn_type": "generic", "login": "me", "password": password}
    two_tokens = token_urlsafe(), token_urlsafe()
    signed = "https://127.0.0.1/shop.sfpkg?sv=2026-01-01&sr=b&sig={}%2B{}%3D"
    world.add_variable("package", signed, *two_tokens)
    world.add_variable("setting", """{}"'\\&<{}""", token_urlsafe(), token_urlsafe())
    world.add_variable("registry", """{}"'\\{}""", token_urlsafe(), token_urlsafe())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[LiveAirflow]:
    """A running Airflow that has all the connections in its metadata database."""
    with LiveAirflow(tmp_path_factory.mktemp("secrets"), DAGS) as airflow:
        airflow.environment |= {
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        }
        airflow.migrate()
        airflow.start()
        for connection, fields in world.connections.items():
            airflow.add_connection(connection, **fields)
        for name, value in world.variables.items():
            airflow.call("POST", "variables", json={"key": name, "value": value})
        yield airflow
    assert not airflow.processes()


@dataclass(frozen=True)
class Run:
    """A finished run, and the rows that two tables had during it."""

    run_id: str
    triggers: set[str] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def run(live: LiveAirflow, clusters: list[Simulator]) -> Run:
    """
    Run all tasks.

    A cluster revokes its tokens as soon as the wait that will be refused is deferred. A cluster becomes
    available as soon as the first try of its task has failed.
    """
    run, deadline, is_revoked = Run(live.trigger(DAG)), time.monotonic() + 600, False
    while live.run_state(DAG, run.run_id) not in {"success", "failed"}:
        assert time.monotonic() < deadline, "the run did not end"
        rows, tasks = tables(live), instances(live, run)
        run.triggers.add(rows["table trigger"])
        run.instances.add(rows["table task_instance"])
        if not is_revoked and tasks["revoked"]["state"] == "deferred":
            clusters[2].entra.revoke_tokens()
            is_revoked = True
        retried = tasks["retried_upgrade"]
        if retried["try_number"] > 1 or retried["state"] == "up_for_retry":
            clusters[4].fault(0, None)
        time.sleep(1)
    return run


@pytest.fixture(scope="module")
def places(live: LiveAirflow, run: Run, world: World) -> dict[str, str]:
    """Return all text that Airflow stores or shows, by place."""
    tests = {
        f"test of {name}": str(live.call("POST", "connections/test", json={"connection_id": name, **fields}))
        for name, fields in world.connections.items()
        if name != "registry"
    }
    files = [file for file in live.home.rglob("*") if file.is_file() and file.name != "airflow.db"]
    return {
        **tests,
        **{str(file.relative_to(live.home)): file.read_text(errors="replace") for file in files},
        **tables(live),
        "trigger rows": "\n".join(run.triggers),
        "task instance rows": "\n".join(run.instances),
        **dict(api_texts(live, run)),
    }


def tables(live: LiveAirflow) -> dict[str, str]:
    """Return the content of the metadata database, by table."""
    with closing(sqlite3.connect(f"file:{live.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            f"table {name}": str(database.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608
            for (name,) in names
        }


def api_texts(live: LiveAirflow, run: Run) -> Iterator[tuple[str, str]]:
    """Yield the texts that the API shows, by place."""
    yield "connections", str(live.call("GET", "connections"))
    yield "details of the DAG", str(live.call("GET", f"dags/{DAG}/details"))
    yield "tasks of the DAG", str(live.call("GET", f"dags/{DAG}/tasks"))
    yield "task instances", str(live.task_instances(DAG, run.run_id))
    yield "event logs", str(live.call("GET", "eventLogs", params={"limit": 1000}))
    for name, instance in instances(live, run).items():
        task, index = instance["task_id"], instance["map_index"]
        for number in range(1, instance["try_number"] + 1):
            suffix = f" in try {number}" if number > 1 else ""
            yield f"log of {name}{suffix}", str(live.task_log(DAG, run.run_id, task, index, number))
        path = f"dags/{DAG}/dagRuns/{run.run_id}/taskInstances/{task}/xcomEntries"
        entries = live.call("GET", path, params={"map_index": index})["xcom_entries"]
        values = {entry["key"]: live.xcom(DAG, run.run_id, task, entry["key"], index) for entry in entries}
        yield f"XComs of {name}", str(values)


def instances(live: LiveAirflow, run: Run) -> dict[str, dict[str, Any]]:
    """Return the task instances by name: ``upgrade[1]`` is one of a mapped task."""
    return {
        re.sub(r"\[-1\]$", "", f"{task['task_id']}[{task['map_index']}]"): task
        for task in live.task_instances(DAG, run.run_id)
    }


def places_with(wanted: set[str], places: dict[str, str]) -> list[str]:
    return [place for place, text in places.items() if any(piece in text for piece in wanted)]


def test_waits_end_as_expected(live: LiveAirflow, run: Run, places: dict[str, str]) -> None:
    states = {name: task["state"] for name, task in instances(live, run).items()}
    assert states == {**dict.fromkeys(SUCCEED, "success"), **dict.fromkeys(FAIL, "failed")}
    for task, text in FAIL.items():
        log = places[f"log of {task}"]
        assert text in log
        assert "'frames': [{" in log  # a traceback


def test_connection_tests_end_as_expected(world: World, places: dict[str, str]) -> None:
    tests = {name: places.get(f"test of {name}", "") for name in world.connections}
    worked = {name for name, text in tests.items() if "'status': True" in text}
    assert worked == {*WAITS, *CLUSTERS}


@pytest.mark.parametrize(("decoy", "where"), DECOYS.items())
def test_intended_leaks_are_found(decoy: str, where: list[str], places: dict[str, str]) -> None:
    hits = places_with({decoy}, places)
    assert [place for place in where if not any(hit.endswith(place) for hit in hits)] == []


def test_every_part_of_airflow_is_searched(places: dict[str, str]) -> None:
    for part in PARTS:
        assert places[f"{part}.log"]
    triggerers = [place for place in places if ".log.trigger." in place]
    assert len(triggerers) >= len({*WAITS, *DEFERRED_RELEASES, "leaking_wait"})
    for connection in WAITS:
        assert f"good-{connection}" in places["trigger rows"]
    assert "fabric:/idle-secret/web" in places["trigger rows"]
    assert "service_fabric.start_state/1" in places["table task_state_store"]
    assert "sensitive_parameters" in places["table serialized_dag"]
    assert "log of retried_upgrade in try 2" in places
    assert "log of failed_provision in try 2" in places


def test_no_secret_is_found(world: World, clusters: list[Simulator], places: dict[str, str]) -> None:
    tokens = [token for cluster in clusters for token in cluster.entra.tokens]
    assert len(tokens) >= 4  # for two connections, to workers and to the triggerer
    secrets = {**world.secrets, **{f"token {number}": pieces(token) for number, token in enumerate(tokens)}}
    leaks = {secret: places_with(wanted, places) for secret, wanted in secrets.items()}
    assert {secret: where for secret, where in leaks.items() if where} == {}


@pytest.mark.parametrize(("place", "text"), TRACES)
def test_masked_secret_leaves_a_trace(place: str, text: str, places: dict[str, str]) -> None:
    """The secret was at this place, and Airflow has replaced it."""
    assert text in places[place]


def test_connections_in_the_database_are_encrypted(live: LiveAirflow) -> None:
    """Otherwise the search in the database would prove nothing."""
    with closing(sqlite3.connect(live.home / "airflow.db")) as database:
        rows = database.execute(
            "SELECT is_extra_encrypted, extra FROM connection WHERE extra <> ''"
            " UNION ALL SELECT is_encrypted, val FROM variable"
            " UNION ALL SELECT is_encrypted, password FROM connection WHERE password <> ''"
        ).fetchall()
    assert len(rows) >= 3
    assert all(is_encrypted and extra.startswith("gAAAA") for is_encrypted, extra in rows)
