"""Sign-in to a simulated cluster with Entra ID, over a loopback socket."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import pytest
from azure.servicefabric import models
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from msrest import Deserializer
from msrest.serialization import Model

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority, Certificate
from airflow_provider_sf.simulator.entra import Entra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTHORITY = Authority()
VERSION = "/$/GetClusterVersion?api-version=6.4"
METADATA = "/$/GetAadMetadata?api-version=6.0"
CONFIGURATION = f"/{Entra.tenant_id}/v2.0/.well-known/openid-configuration"
TOKEN = f"/{Entra.tenant_id}/oauth2/v2.0/token"

GOOD = {
    "grant_type": "client_credentials",
    "client_id": Entra.client_id,
    "client_secret": Entra.client_secret,
    "scope": f"{Entra.cluster_id}/.default",
}


@pytest.fixture
def cluster(clock: Any) -> Iterator[Simulator]:
    with Simulator(entra=True, authority=AUTHORITY, clock=clock, token_seconds=600) as simulator:
        yield simulator


def ask(
    simulator: Simulator,
    target: str,
    *,
    token: str | None = None,
    form: dict[str, str] | None = None,
    certificate: Path | None = None,
    gateway: int = 0,
) -> tuple[int, bytes]:
    context = ssl.create_default_context(cadata=simulator.authority.pem.decode())
    context.post_handshake_auth = True
    if certificate:
        context.load_cert_chain(certificate)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    address = simulator.urls[gateway].removeprefix("https://")
    with closing(http.client.HTTPSConnection(address, context=context)) as connection:
        connection.request("POST" if form else "GET", target, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def sign_in(simulator: Simulator, **changes: str) -> tuple[int, dict[str, Any]]:
    status, body = ask(simulator, TOKEN, form={**GOOD, **changes})
    return status, json.loads(body)


def test_metadata_needs_no_token(cluster: Simulator) -> None:
    status, body = ask(cluster, METADATA)
    assert (status, json.loads(body)) == (
        200,
        {
            "type": "aad",
            "metadata": {
                "login": cluster.url,
                "authority": f"{cluster.url}/7f9a3c52-4b1e-4d0a-9c57-3e8d2b6f1a04",
                "tenant": "7f9a3c52-4b1e-4d0a-9c57-3e8d2b6f1a04",
                "cluster": "c1b8f0de-52a7-4f6e-8e1d-0a9b7c3d5e21",
                "client": "0f5c7be1-93d4-4a82-a6ef-1b2c8d7e9f60",
                "redirect": f"{cluster.url}/Explorer/index.html",
            },
        },
    )


def test_microsofts_client_reads_all_metadata(cluster: Simulator) -> None:
    classes = {
        name: value
        for name, value in vars(models).items()
        if isinstance(value, type) and issubclass(value, Model)
    }
    _, body = ask(cluster, METADATA)
    reader = Deserializer(classes)  # type: ignore[no-untyped-call]  # msrest has no types
    read = reader("AadMetadataObject", json.loads(body))
    assert read.as_dict() == json.loads(body)
    assert not read.metadata.additional_properties


@pytest.mark.parametrize("tls", ["none", "server", "mutual", "mutual-late"])
def test_cluster_without_entra_reports_none(tls: str) -> None:
    with Simulator(tls=tls) as simulator:
        assert json.loads(simulator.respond(METADATA).body) == {"type": "", "metadata": {}}
        if tls != "none":
            assert ask(simulator, METADATA) == (200, b'{"type": "", "metadata": {}}')


def test_explorer_needs_no_token(cluster: Simulator) -> None:
    """People sign in there."""
    assert ask(cluster, "/Explorer/index.html")[0] == 200


def test_cluster_with_entra_has_tls(cluster: Simulator) -> None:
    assert cluster.url == f"https://127.0.0.1:{cluster.port}"


def test_token_is_valid_until_it_expires(cluster: Simulator, clock: Any) -> None:
    status, body = sign_in(cluster)
    token = body.pop("access_token")
    assert cluster.entra.tokens == (token,)
    assert (status, body) == (200, {"token_type": "Bearer", "expires_in": 600, "ext_expires_in": 600})
    clock.now += 599
    assert ask(cluster, VERSION, token=token) == (200, b'{"Version": "10.1.2338.9590"}')
    clock.now += 1
    assert ask(cluster, VERSION, token=token) == (401, b"")


@pytest.mark.parametrize("token", [None, "", "made up"])
def test_tokens_of_other_issuers_are_refused(token: str | None, cluster: Simulator) -> None:
    assert ask(cluster, VERSION, token=token) == (401, b"")


def test_token_needs_the_bearer_scheme(cluster: Simulator) -> None:
    token = cluster.entra.bearer_token
    assert [cluster.entra.accepts(f"{scheme} {token}") for scheme in ("Bearer", "bearer", "Basic")] == [
        True,
        True,
        False,
    ]


def test_revoked_tokens_are_refused(cluster: Simulator) -> None:
    token = cluster.entra.bearer_token
    assert ask(cluster, VERSION, token=token)[0] == 200
    cluster.entra.revoke_tokens()
    assert ask(cluster, VERSION, token=token) == (401, b"")
    assert ask(cluster, VERSION, token=cluster.entra.bearer_token)[0] == 200


def test_only_sign_ins_are_counted(cluster: Simulator) -> None:
    assert cluster.entra.bearer_token != cluster.entra.bearer_token
    assert cluster.entra.tokens_issued == 0
    for _ in range(2):
        sign_in(cluster)
    sign_in(cluster, client_secret="wrong")
    assert cluster.entra.tokens_issued == 2


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"client_id": "other"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_resource", 500011),
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_assertion": "wrong"}, 401, "invalid_client", 700027),
        ({"client_assertion": "e30.e30.e30"}, 401, "invalid_client", 700027),
    ],
)
def test_failed_sign_in_has_entras_error(
    changes: dict[str, str], status: int, error: str, code: int, cluster: Simulator
) -> None:
    actual, body = sign_in(cluster, **changes)
    assert (actual, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")


def assertion(signer: Certificate, algorithm: str) -> str:
    """Return the JSON Web Token that a client signs with its certificate."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": algorithm}, {}))
    scheme = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key = cast("rsa.RSAPrivateKey", signer.key)
    return f"{signed}.{encoded(key.sign(signed.encode(), scheme, hashes.SHA256()))}"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_application_signs_in_with_its_certificate(algorithm: str, cluster: Simulator) -> None:
    signed = assertion(cluster.entra.certificate, algorithm)
    status, body = sign_in(cluster, client_assertion=signed)
    assert status == 200
    assert ask(cluster, VERSION, token=body["access_token"])[0] == 200


def test_other_certificates_cannot_sign_in(cluster: Simulator) -> None:
    other = AUTHORITY.client(rsa_key=True)
    assert sign_in(cluster, client_assertion=assertion(other, "RS256"))[0] == 401


def test_every_gateway_issues_tokens() -> None:
    """Clients can sign in while another gateway is down."""
    with Simulator(entra=True, gateways=2, authority=AUTHORITY) as simulator:
        simulator.down(0)
        status, body = ask(simulator, CONFIGURATION, gateway=1)
        issuer = f"{simulator.urls[1]}/7f9a3c52-4b1e-4d0a-9c57-3e8d2b6f1a04"
        assert (status, json.loads(body)) == (
            200,
            {
                "issuer": f"{issuer}/v2.0",
                "authorization_endpoint": f"{issuer}/oauth2/v2.0/authorize",
                "token_endpoint": f"{issuer}/oauth2/v2.0/token",
            },
        )
        assert ask(simulator, TOKEN, gateway=1, form=GOOD)[0] == 200


def test_other_tenant_is_not_found(cluster: Simulator) -> None:
    status, body = ask(cluster, CONFIGURATION.replace(Entra.tenant_id, "contoso"))
    assert (status, json.loads(body)["error"]) == (400, "invalid_tenant")


def test_cluster_without_entra_issues_no_tokens() -> None:
    with Simulator(tls="server", authority=AUTHORITY) as simulator:
        assert ask(simulator, CONFIGURATION)[0] == ask(simulator, TOKEN, form=GOOD)[0] == 400


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_client_certificate_replaces_the_token(tls: str, tmp_path: Path) -> None:
    client = AUTHORITY.client()
    certificate = tmp_path / "client.pem"
    certificate.write_bytes(client.pem + client.key_pem)
    with Simulator(tls=tls, entra=True, authority=AUTHORITY) as simulator:
        token = simulator.entra.bearer_token
        assert [
            ask(simulator, VERSION, certificate=certificate)[0],
            ask(simulator, VERSION, token=token)[0],
            ask(simulator, VERSION)[0],
            ask(simulator, VERSION, certificate=certificate, token="made up")[0],
        ] == [200, 200, 403, 401]
