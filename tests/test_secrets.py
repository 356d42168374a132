"""Airflow neither stores nor shows a secret of a connection in clear, however a wait on it ends."""

from __future__ import annotations

import base64
import json
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

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

DAGS, DAG = Path(__file__).parent / "dags_secrets", "secrets_everywhere"
SECRET_FIELDS = {"private_key", "private_key_passphrase", "client_secret", "token"}
SPEED = 30.0
"""An upgrade takes 20 seconds."""

SUCCEED = {"pem", "pfx", "client_secret", "client_certificate", "token", "leaking_wait"}
FAIL = {  # task -> text in its traceback
    "rolled_back_pfx": "was rolled back at",
    "rolled_back_client_secret": "was rolled back at",
    "stranger": "the cluster refused the certificate",
    "wrong_secret": "AADSTS7000215",
    "wrong_passphrase": "is the passphrase wrong?",
    "revoked": "the cluster refused the token",
    "unreachable": "Connection refused",
    "leak": "decoy_raised",
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


@dataclass
class World:
    """The connections and their secrets: the name of each secret, and the pieces to search for."""

    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, set[str]] = field(default_factory=dict)

    def connect(self, connection: str, cluster: str, **extra: str) -> None:
        self.connections[connection] = {
            "conn_type": "service_fabric",
            "host": cluster,
            "extra": json.dumps(extra),
        }
        for name in SECRET_FIELDS & extra.keys():
            self.secrets[f"{name} of {connection}"] = pieces(extra[name])


def pieces(secret: str) -> set[str]:
    """Return the pieces to search for: a secret may leak in part, in separate lines, or quoted for a URL."""
    lines = [line for line in secret.splitlines() if len(line) > 20 and "-----" not in line] or [secret]
    cut = [line[start : start + 32] for line in lines for start in range(0, max(len(line) - 31, 1), 32)]
    unique = cut[1:] or cut  # all keys of a type start with the same bytes
    return {*unique, *(quote(piece, safe="") for piece in unique)}


@pytest.fixture(scope="module")
def clusters() -> Iterator[list[Simulator]]:
    """A cluster with certificates, a cluster with tokens, and a cluster that revokes its tokens later."""
    authority = Authority()
    settings: list[dict[str, Any]] = [{"tls": "mutual"}, {"entra": True}, {"entra": True}]
    with ExitStack() as stack:
        yield [
            stack.enter_context(Simulator(speed=SPEED, authority=authority, **options))
            for options in settings
        ]


@pytest.fixture(scope="module")
def world(clusters: list[Simulator]) -> World:
    """Return valid and invalid connections for every security mode."""
    world, authority, passphrase = World(), clusters[0].authority, token_urlsafe()
    mutual, stable, revoking = (cluster.url for cluster in clusters)
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
    return world


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
        yield airflow
    assert not airflow.processes()


@dataclass(frozen=True)
class Run:
    """A finished run, and the rows that table trigger had during it."""

    run_id: str
    triggers: set[str]


@pytest.fixture(scope="module")
def run(live: LiveAirflow, clusters: list[Simulator]) -> Run:
    """Run all waits. A cluster revokes its tokens as soon as the wait that will be refused is deferred."""
    run, deadline, is_revoked = Run(live.trigger(DAG), set()), time.monotonic() + 600, False
    while live.run_state(DAG, run.run_id) not in {"success", "failed"}:
        assert time.monotonic() < deadline, "the run did not end"
        run.triggers.add(tables(live)["table trigger"])
        if not is_revoked and states(live, run)["revoked"] == "deferred":
            clusters[2].entra.revoke_tokens()
            is_revoked = True
        time.sleep(1)
    return run


@pytest.fixture(scope="module")
def places(live: LiveAirflow, run: Run, world: World) -> dict[str, str]:
    """Return all text that Airflow stores or shows, by place."""
    tests = {
        f"test of {name}": str(live.call("POST", "connections/test", json={"connection_id": name, **fields}))
        for name, fields in world.connections.items()
    }
    files = [file for file in live.home.rglob("*") if file.is_file() and file.name != "airflow.db"]
    return {
        **tests,
        **{str(file.relative_to(live.home)): file.read_text(errors="replace") for file in files},
        **tables(live),
        "trigger rows": "\n".join(run.triggers),
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
    yield "task instances", str(live.task_instances(DAG, run.run_id))
    for task in states(live, run):
        instance = DAG, run.run_id, task
        yield f"log of {task}", str(live.task_log(*instance))
        path = f"dags/{DAG}/dagRuns/{run.run_id}/taskInstances/{task}/xcomEntries"
        keys = [entry["key"] for entry in live.call("GET", path)["xcom_entries"]]
        yield f"XComs of {task}", str([(key, live.xcom(*instance, key)) for key in keys])


def states(live: LiveAirflow, run: Run) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in live.task_instances(DAG, run.run_id)}


def places_with(wanted: set[str], places: dict[str, str]) -> list[str]:
    return [place for place, text in places.items() if any(piece in text for piece in wanted)]


def test_waits_end_as_expected(live: LiveAirflow, run: Run, places: dict[str, str]) -> None:
    assert states(live, run) == {**dict.fromkeys(SUCCEED, "success"), **dict.fromkeys(FAIL, "failed")}
    for task, text in FAIL.items():
        log = places[f"log of {task}"]
        assert text in log
        assert "'frames': [{" in log  # a traceback


def test_connection_tests_end_as_expected(world: World, places: dict[str, str]) -> None:
    worked = {name for name in world.connections if "'status': True" in places[f"test of {name}"]}
    assert worked == SUCCEED - {"leaking_wait"}


@pytest.mark.parametrize(("decoy", "where"), DECOYS.items())
def test_intended_leaks_are_found(decoy: str, where: list[str], places: dict[str, str]) -> None:
    hits = places_with({decoy}, places)
    assert [place for place in where if not any(hit.endswith(place) for hit in hits)] == []


def test_every_part_of_airflow_is_searched(places: dict[str, str]) -> None:
    for part in PARTS:
        assert places[f"{part}.log"]
    triggerers = [place for place in places if ".log.trigger." in place]
    assert len(triggerers) >= len(SUCCEED)
    for connection in SUCCEED - {"leaking_wait"}:
        assert f"good-{connection}" in places["trigger rows"]


def test_no_secret_is_found(world: World, clusters: list[Simulator], places: dict[str, str]) -> None:
    tokens = [token for cluster in clusters for token in cluster.entra.tokens]
    assert len(tokens) >= 4  # for two connections, to workers and to the triggerer
    secrets = {**world.secrets, **{f"token {number}": pieces(token) for number, token in enumerate(tokens)}}
    leaks = {secret: places_with(wanted, places) for secret, wanted in secrets.items()}
    assert {secret: where for secret, where in leaks.items() if where} == {}


def test_connections_in_the_database_are_encrypted(live: LiveAirflow) -> None:
    """Otherwise the search in the database would prove nothing."""
    with closing(sqlite3.connect(live.home / "airflow.db")) as database:
        rows = database.execute("SELECT is_extra_encrypted, extra FROM connection").fetchall()
    assert rows
    assert all(is_encrypted and extra.startswith("gAAAA") for is_encrypted, extra in rows)
