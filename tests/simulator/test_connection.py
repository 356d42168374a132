"""The connection and the files that the command of the simulator writes for a secured cluster."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import ssl
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.__main__ import main
from airflow_provider_sf.simulator.connection import connection, write_certificates
from airflow_provider_sf.simulator.entra import Entra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = "/$/GetClusterVersion?api-version=6.4"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run the command; yield the line about the certificate, and the connection as a shell reads it."""
    command = [sys.executable, "-m", "airflow_provider_sf.simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            _, certificate, export = (process.stdout.readline() for _ in range(3))
            word, setting = shlex.split(export)
            assert word == "export"
            name, _, value = setting.partition("=")
            assert name == "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
            yield certificate, json.loads(value)
        finally:
            process.terminate()


def client_of(fields: dict[str, Any]) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=fields["extra"]["ca_bundle"])
    context.post_handshake_auth = True
    if "client_certificate" in fields["extra"]:
        context.load_cert_chain(fields["extra"]["client_certificate"], fields["extra"]["private_key"])
    return http.client.HTTPSConnection(fields["host"].removeprefix("https://"), context=context, timeout=60)


def status_of(fields: dict[str, Any], token: str = "") -> int:
    with closing(client_of(fields)) as client:
        client.request("GET", TARGET, headers={"Authorization": f"Bearer {token}"} if token else {})
        return client.getresponse().status


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_command_prints_a_certificate_connection(tls: str, tmp_path: Path) -> None:
    here = tmp_path / "someone's files"
    with running("--tls", tls, "--certificates", str(here)) as (certificate, fields):
        assert fields["conn_type"] == "service_fabric"
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", fields["host"])
        assert fields["extra"] == {
            "security": "certificate",
            "client_certificate": f"{here}/client.pem",
            "private_key": f"{here}/client.key",
            "ca_bundle": f"{here}/ca.pem",
        }
        assert re.fullmatch(r"Its certificate has the SHA-1 thumbprint [0-9A-F]{40}\.\n", certificate)
        assert status_of(fields) == 200


@pytest.mark.parametrize("kind", ["good", "self_signed"])
def test_command_prints_a_connection_without_credentials(kind: str, tmp_path: Path) -> None:
    options = ("--tls", "server", "--server-certificate", kind, "--certificates", str(tmp_path))
    with running(*options) as (_, fields):
        assert fields["extra"] == {"security": "none", "ca_bundle": f"{tmp_path}/ca.pem"}
        assert status_of(fields) == 200


def test_command_prints_an_entra_connection(tmp_path: Path) -> None:
    with running("--entra", "--certificates", str(tmp_path)) as (_, fields):
        assert fields["extra"] == {
            "security": "entra",
            "credential": "client_secret",
            "tenant_id": "7f9a3c52-4b1e-4d0a-9c57-3e8d2b6f1a04",
            "client_id": "2d6e4a90-8f13-47c5-b2a8-6c0f9d1e7b35",
            "client_secret": "simulated~secret",
            "authority": fields["host"],
            "ca_bundle": f"{tmp_path}/ca.pem",
        }
        assert status_of(fields) == 401
        form = {name: fields["extra"][name] for name in ("client_id", "client_secret")}
        form |= {"grant_type": "client_credentials", "scope": f"{Entra.cluster_id}/.default"}
        with closing(client_of(fields)) as client:
            client.request("POST", f"/{Entra.tenant_id}/oauth2/v2.0/token", urlencode(form))
            token = json.loads(client.getresponse().read())["access_token"]
        assert status_of(fields, token) == 200


def test_client_files_match_and_are_private(tmp_path: Path) -> None:
    there = tmp_path / "not" / "yet"
    with Simulator(tls="mutual") as simulator:
        write_certificates(simulator.security, there)
        write_certificates(simulator.security, there)  # replaces the files
        assert sorted(path.name for path in there.iterdir()) == [
            "ca.pem",
            "client.key",
            "client.pem",
            "client.pfx",
        ]
        assert {path.stat().st_mode & 0o777 for path in there.iterdir()} == {0o600}
        _, certificate, _ = pkcs12.load_key_and_certificates((there / "client.pfx").read_bytes(), None)
        assert certificate is not None
        assert certificate.public_bytes(Encoding.PEM) == (there / "client.pem").read_bytes()
        assert simulator.authority.accepts(certificate.public_bytes(Encoding.DER))


def test_entra_files_contain_the_application_certificate(tmp_path: Path) -> None:
    with Simulator(entra=True) as simulator:
        write_certificates(simulator.security, tmp_path)
        assert (tmp_path / "client.pem").read_bytes() == simulator.entra.certificate.pem


def test_unsecured_cluster_needs_no_files() -> None:
    with Simulator(gateways=2) as simulator:
        first, second = simulator.urls
        assert connection(simulator.security, [first], None) == f"service-fabric://127.0.0.1:{simulator.port}"
        assert json.loads(connection(simulator.security, [first, second], None)) == {
            "conn_type": "service_fabric",
            "host": f"{first},{second}",
            "extra": {},
        }


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--tls", "mutual"], "--tls and --entra need --certificates"),
        (["--entra"], "--tls and --entra need --certificates"),
        (["--certificates", "here"], "--certificates needs --tls or --entra"),
    ],
    ids=["tls", "entra", "certificates"],
)
def test_certificates_option_goes_with_security(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert error in capsys.readouterr().err
