"""Which cluster a command connects to: options, a variable that Airflow can read, or sfctl."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.commands.connection import connected_cluster
from airflow_provider_sf.commands.sf_wait import parser
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.connection import CA, CERTIFICATE, KEY, write_certificates

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.conftest import Done

VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


def options(*words: str) -> argparse.Namespace:
    return parser().parse_args(["wait", "fabric:/shop/web", *words])


def cluster(*words: str, **environ: str) -> Cluster:
    return connected_cluster(options(*words), environ)


def test_endpoint_is_enough(tmp_path: Path) -> None:
    assert cluster("--endpoint", "https://a:1,https://b:2", SFCTL_CONFIG_DIR=str(tmp_path)) == Cluster.at(
        "https://a:1,https://b:2"
    )


def test_options_are_the_settings_of_a_connection() -> None:
    words = ["--connect-timeout", "2", "--read-timeout", "7", "--verify", "false", "--api-version", "9.1"]
    extra = {"connect_timeout": "2", "read_timeout": "7", "verify": "false", "api_version": "9.1"}
    assert cluster("--endpoint", "https://a:1", *words) == Cluster.at("https://a:1", None, extra)


def test_options_come_before_the_variable() -> None:
    found = cluster("--endpoint", "http://a:1", **{VARIABLE: "service-fabric://b:2"})
    assert found.endpoint == "http://a:1"


def test_variable_comes_before_sfctl(tmp_path: Path) -> None:
    environ = {VARIABLE: "service-fabric://b:2", "SFCTL_SERVICEFABRIC_ENDPOINT": "http://c:3"}
    assert cluster(**environ, SFCTL_CONFIG_DIR=str(tmp_path)).endpoint == "http://b:2"


def test_id_names_the_variable() -> None:
    environ = {"AIRFLOW_CONN_EUROPE": "service-fabric://e:1", VARIABLE: "service-fabric://b:2"}
    assert cluster("--conn-id", "europe", **environ).endpoint == "http://e:1"


def test_variable_with_an_error_is_named() -> None:
    with pytest.raises(ValueError, match=f"the connection in {VARIABLE}: its type is not 'service_fabric'"):
        cluster(**{VARIABLE: "http://c:1"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--conn-id", "europe"], "the environment variable AIRFLOW_CONN_EUROPE is not set"),
        (["--endpoint", "http://a", "--conn-id", "b"], "--conn-id names another connection"),
        (["--verify", "false"], "the connection in the options: --endpoint is missing"),
        (["--endpoint", "https://a", "--security", "certificate", "--private-key", "s3cret"], "path of a file"),
        (["--endpoint", "https://a", "--security", "certificate", "--private-key", "s3cret" * 50], "path of a file"),
        ([], "no cluster is set: use --endpoint, set AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT, or run 'sfctl"),
    ],
)  # fmt: skip
def test_missing_connection_is_explained(words: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        cluster(*words, SFCTL_CONFIG_DIR=str(tmp_path))
    assert "s3cret" not in str(caught.value)


def sfctl(folder: Path, **values: str) -> dict[str, str]:
    """Write the file of sfctl, and return the environment with which it is found."""
    lines = [f"{name} = {value}" for name, value in values.items()]
    (folder / "config").write_text("\n".join(["[servicefabric]", *lines]))
    return {"SFCTL_CONFIG_DIR": str(folder)}


def test_sfctl_is_the_last_source(tmp_path: Path) -> None:
    environ = sfctl(tmp_path, endpoint="http://c:19080", security="none", no_verify="false", use_ca="false")
    assert cluster(**environ) == Cluster.at("http://c:19080")


def test_variable_of_sfctl_replaces_its_file(tmp_path: Path) -> None:
    environ = sfctl(tmp_path, endpoint="http://c:19080", security="none")
    assert cluster(**environ, SFCTL_SERVICEFABRIC_ENDPOINT="http://d:1").endpoint == "http://d:1"


def test_sfctl_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".sfctl").mkdir()
    sfctl(tmp_path / ".sfctl", endpoint="http://c:19080")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cluster().endpoint == "http://c:19080"


def test_user_without_home_needs_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers run with a user ID that no file lists. The look-up is replaced: this user is listed."""

    def unlisted(_user: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unlisted)
    with pytest.raises(
        ValueError, match=r"sfctl's configuration cannot be read \(RuntimeError\): use --endp"
    ):
        cluster()


def test_sfctl_may_verify_nothing(tmp_path: Path) -> None:
    environ = sfctl(tmp_path, endpoint="https://c:19080", no_verify="True", use_ca="true", ca_path="x")
    assert not cluster(**environ).security.trust.verify


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[servicefabric]\nendpoint = http://c\nsecurity = aad", "sfctl's security 'aad' cannot be shared"),
        ("endpoint", r"sfctl's configuration cannot be read \(MissingSectionHeaderError\)"),
        ("[servicefabric]\nendpoint = %(x)s", r"sfctl's configuration cannot be read"),
        ("[servicefabric]\nendpoint = ftp://c", "the connection in sfctl's configuration: host 'ftp://c'"),
        ("[servicefabric]\nsecurity = none", "no cluster is set"),
        ("[other]\n", "no cluster is set"),
    ],
)
def test_unusable_sfctl_is_explained(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(content)
    with pytest.raises(ValueError, match=message):
        cluster(SFCTL_CONFIG_DIR=str(tmp_path))


class TestSecuredCluster:
    """A real handshake with each source."""

    @pytest.fixture
    def secured(self, tmp_path: Path) -> Any:
        with Simulator(tls="mutual", start_delay=0.0) as simulator:
            write_certificates(simulator.security, tmp_path)
            yield simulator

    def test_options(self, secured: Any, tmp_path: Path, sf_wait: Callable[..., Done]) -> None:
        words = [
            *("--endpoint", secured.url, "--security", "certificate"),
            *("--client-certificate", str(tmp_path / CERTIFICATE), "--private-key", str(tmp_path / KEY)),
            *("--ca-bundle", str(tmp_path / CA)),
        ]
        assert sf_wait("snapshot", "fabric:/good-shop/web", *words).code == 0

    def test_variable(
        self, secured: Any, tmp_path: Path, sf_wait: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extra = {
            "security": "certificate",
            "client_certificate": str(tmp_path / CERTIFICATE),
            "private_key": (tmp_path / KEY).read_text(),
            "server_thumbprints": secured.server_thumbprint,
        }
        value = json.dumps({"conn_type": "service_fabric", "host": secured.url, "extra": extra})
        monkeypatch.setenv(VARIABLE, value)
        assert sf_wait("snapshot", "fabric:/good-shop/web").code == 0

    @pytest.mark.parametrize("security", ["cert", "pem"])
    def test_sfctl(
        self,
        security: str,
        secured: Any,
        tmp_path: Path,
        sf_wait: Callable[..., Done],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        paths = {"cert_path": str(tmp_path / CERTIFICATE), "key_path": str(tmp_path / KEY)}
        if security == "pem":
            both = tmp_path / "both.pem"
            both.write_text("".join((tmp_path / name).read_text() for name in (CERTIFICATE, KEY)))
            paths = {"pem_path": str(both)}
        environ = sfctl(
            tmp_path,
            endpoint=secured.url,
            security=security,
            use_ca="true",
            ca_path=str(tmp_path / CA),
            **paths,
        )
        monkeypatch.setenv("SFCTL_CONFIG_DIR", environ["SFCTL_CONFIG_DIR"])
        assert sf_wait("snapshot", "fabric:/good-shop/web").code == 0

    def test_refused_without_certificate(
        self, secured: Any, tmp_path: Path, sf_wait: Callable[..., Done]
    ) -> None:
        words = ["--endpoint", secured.url, "--ca-bundle", str(tmp_path / CA)]
        assert sf_wait("fabric:/good-shop/web", *words).code == 31
