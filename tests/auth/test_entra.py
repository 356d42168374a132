"""Entra ID tokens from a local issuer, through azure-identity."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.auth import token_cache as tokens
from airflow_provider_sf.auth.entra import Entra, PublicClient, make_credential, read_metadata
from airflow_provider_sf.auth.token_cache import get_token
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from tests.requests_to import PING, send

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED = Authority()


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without cached tokens: the cache belongs to the process, and so is replaced."""
    monkeypatch.setattr(tokens, "_tokens", {})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(authority=EXPECTED, entra=True) as started:
        yield started


def signed_in(simulator: Simulator, **changes: object) -> Cluster:
    extra = {
        "security": "entra",
        "credential": "client_secret",
        "client_id": simulator.entra.client_id,
        "client_secret": simulator.entra.client_secret,
        "authority": simulator.url,
        "ca_bundle": EXPECTED.pem.decode(),
        **changes,
    }
    return Cluster.at(
        simulator.url, None, {name: value for name, value in extra.items() if value is not None}
    )


# Accepted.


def test_tenant_and_application_are_discovered(transport: Any, simulator: Simulator) -> None:
    assert transport(signed_in(simulator)) == {"Version": simulator.runtime_version}
    assert "GET /$/GetAadMetadata?api-version=6.0&timeout=25 HTTP/1.1" in simulator.requests


def test_what_the_connection_names_is_not_asked_for(transport: Any, simulator: Simulator) -> None:
    there = simulator.entra
    transport(signed_in(simulator, tenant_id=there.tenant_id, cluster_application=there.cluster_id))
    assert not [line for line in simulator.requests if "GetAadMetadata" in line]


def test_a_certificate_signs_in_too(transport: Any, simulator: Simulator) -> None:
    certificate = simulator.entra.certificate
    both = (certificate.key_pem + certificate.pem).decode()
    with_it = signed_in(simulator, credential="client_certificate", client_secret=None, private_key=both)
    assert transport(with_it)


def test_a_ready_made_token_will_do(transport: Any, simulator: Simulator) -> None:
    extra = {"security": "token", "token": simulator.entra.bearer_token, "ca_bundle": EXPECTED.pem.decode()}
    assert transport(Cluster.at(simulator.url, None, extra))
    assert simulator.entra.tokens_issued == 0


def test_token_is_requested_once_for_all(simulator: Simulator) -> None:
    async def many() -> None:
        cluster = signed_in(simulator)
        async with cluster.session():
            await asyncio.gather(*(cluster.asend(PING) for _ in range(50)))
            await asyncio.gather(*(cluster.asend(PING) for _ in range(50)))

    asyncio.run(many())
    send(signed_in(simulator))
    assert simulator.entra.tokens_issued == 1


def test_a_token_that_ends_soon_is_renewed(transport: Any) -> None:
    with Simulator(authority=EXPECTED, entra=True, token_seconds=200) as simulator:
        for _ in range(2):
            transport(signed_in(simulator))
        assert simulator.entra.tokens_issued == 2


def test_refused_token_is_renewed_once(transport: Any, simulator: Simulator) -> None:
    transport(signed_in(simulator))
    simulator.entra.revoke_tokens()
    assert transport(signed_in(simulator))
    assert simulator.entra.tokens_issued == 2


def test_a_token_that_is_refused_anew_is_refused(transport: Any, simulator: Simulator) -> None:
    """The cluster refuses even new tokens of another issuer."""
    with Simulator(authority=EXPECTED, entra=True) as other:
        elsewhere = signed_in(simulator, authority=other.url)
        with pytest.raises(
            Rejected, match=r"HTTP 401: .*assign the role User of the cluster's application to"
        ):
            transport(elsewhere)
        assert other.entra.tokens_issued == 2


def test_valid_token_is_used_during_issuer_outage(transport: Any, closed_port: int) -> None:
    with Simulator(authority=EXPECTED, entra=True, token_seconds=200) as simulator:
        cluster = signed_in(simulator)
        transport(cluster)
        (issued,) = tokens._tokens.values()
        assert cluster.security.entra is not None
        elsewhere = replace(cluster.security.entra, authority=f"https://127.0.0.1:{closed_port}")
        tokens._tokens[elsewhere, cluster.endpoints[0]] = issued  # and its issuer is gone
        assert transport(replace(cluster, security=replace(cluster.security, entra=elsewhere)))
        assert simulator.entra.tokens_issued == 1


def test_failed_token_request_is_shared(simulator: Simulator, closed_port: int) -> None:
    async def many() -> list[Any]:
        cluster = signed_in(simulator, authority=f"https://127.0.0.1:{closed_port}", tenant_id=None)
        async with cluster.session():
            return await asyncio.gather(*(cluster.asend(PING) for _ in range(20)), return_exceptions=True)

    assert {type(result) for result in asyncio.run(many())} == {Unreachable}
    assert len([line for line in simulator.requests if "GetAadMetadata" in line]) == 1


def test_waiting_thread_shares_the_failure() -> None:
    """The failure came after it began to wait."""
    entra, failure = Entra("default"), Unreachable("timed out")
    cluster = PublicClient(
        "c",
        is_verified=True,
        ask=lambda _: pytest.fail("unexpected request"),
        http=lambda: pytest.fail("unexpected request"),
    )
    tokens._tokens[entra, "c"] = tokens._CachedToken(failure=failure, failed_at=time.monotonic() + 60.0)
    with pytest.raises(Unreachable, match="timed out") as raised:
        get_token(entra, cluster)
    assert raised.value is not failure


# Refused.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"client_secret": "hunter2"},
            "Entra ID issued no token; check credential, client_id, client_secret, tenant_id: .*AADSTS7000215",
        ),
        ({"client_id": "nobody"}, "AADSTS700016"),
        ({"tenant_id": "no tenant"}, "Invalid tenant ID provided"),
        ({"cluster_application": "other"}, "AADSTS500011"),
        ({"authority": None}, "advertises https://127.0.0.1:.* as token issuer, .* nothing was sent there"),
    ],
)
def test_a_wrong_setting_is_named(
    changes: dict[str, object], message: str, transport: Any, simulator: Simulator
) -> None:
    with pytest.raises(Rejected, match=message) as refused:
        transport(signed_in(simulator, **changes))
    assert "hunter2" not in str(refused.value)


def test_advertised_issuer_receives_no_secret(simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="Set 'authority' to it if you trust it"):
        send(signed_in(simulator, authority=None))
    assert [line for line in simulator.requests if "oauth2" in line or "openid" in line] == []


def test_a_cluster_without_entra_id_says_so(transport: Any) -> None:
    with Simulator(authority=EXPECTED, tls="server") as simulator:
        cluster = signed_in(simulator)
        with pytest.raises(Rejected, match="does not use Microsoft Entra ID: set another 'security'"):
            transport(cluster)


@pytest.mark.parametrize(
    "application", ["https://management.azure.com", "https://graph.microsoft.com/", "x y"]
)
def test_other_service_as_application_is_refused(application: str) -> None:
    metadata = {"tenant": "us", "cluster": application}
    cluster = PublicClient(
        "c",
        is_verified=True,
        ask=lambda _: {"type": "aad", "metadata": metadata},
        http=lambda: pytest.fail("unexpected request"),
    )
    with pytest.raises(Rejected, match="which is not trusted: set 'cluster_application'"):
        get_token(Entra("default"), cluster)


def test_nor_does_one_that_is_not_verified(transport: Any, simulator: Simulator) -> None:
    anybody = signed_in(simulator, ca_bundle=None, verify=False)
    with pytest.raises(Rejected, match="which is not trusted: set 'cluster_application'"):
        transport(anybody)
    assert simulator.entra.tokens_issued == 0


@pytest.mark.parametrize("missing", ["tenant", "cluster"])
def test_missing_metadata_names_the_setting(missing: str, simulator: Simulator) -> None:
    metadata = {**simulator.sign_in["metadata"], missing: ""}
    cluster = PublicClient(
        "c",
        is_verified=True,
        ask=lambda _: {"type": "aad", "metadata": metadata},
        http=lambda: pytest.fail("unexpected request"),
    )
    setting = {"tenant": "tenant_id", "cluster": "cluster_application"}[missing]
    with pytest.raises(Rejected, match=f"the cluster does not report its {missing}: set '{setting}'"):
        get_token(Entra("client_secret", client_id="me", authority=simulator.url), cluster)


def test_silent_issuer_is_unreachable(transport: Any, simulator: Simulator, closed_port: int) -> None:
    with pytest.raises(
        Unreachable, match=r"Microsoft Entra ID issued no token; check credential, .*Connection refused"
    ):
        transport(signed_in(simulator, authority=f"https://127.0.0.1:{closed_port}"))


@pytest.mark.parametrize("module", ["azure.core.exceptions", "azure.identity"])
def test_without_the_library_the_extra_is_named(
    module: str, transport: Any, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library is installed for the tests, so its import is made to fail."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Rejected, match=r"needs azure-identity: pip install 'airflow-provider-sf\[azure\]'"):
        transport(signed_in(simulator))


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("is_refused", [False, True])
def test_token_request_leaves_no_connection(
    transport: Any, simulator: Simulator, *, is_refused: bool
) -> None:
    """Python's garbage collector would close it at some time."""
    changes = {"client_secret": "wrong"} if is_refused else {}
    with suppress(Rejected):
        transport(signed_in(simulator, **changes))
    assert simulator.entra.tokens_issued == (not is_refused)
    (gateway,) = simulator._gateways
    until = time.monotonic() + 20.0
    while gateway._server._connections:  # the server needs a moment to notice the end of one
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("answer", [{}, {"type": "", "metadata": {}}, {"type": "aad", "metadata": None}])
def test_metadata_that_is_none_is_no_entra_id(answer: dict[str, Any]) -> None:
    with pytest.raises(Rejected, match="does not use Microsoft Entra ID"):
        read_metadata(answer)


def test_only_texts_of_the_metadata_are_taken() -> None:
    metadata = {"tenant": "us", "cluster": 5, "login": None}
    assert read_metadata({"type": "aad", "metadata": metadata}) == {"tenant": "us"}


# Credentials that work only on a machine in Azure.


def test_missing_token_file_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes replaces the file of a workload identity from time to time."""
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/no/such/file")
    entra = Entra("workload_identity", tenant_id="us", client_id="me", cluster_application="cluster")
    cluster = PublicClient(
        "c",
        is_verified=True,
        ask=lambda _: {"type": "aad", "metadata": {}},
        http=lambda: pytest.fail("nothing is sent"),
    )
    with pytest.raises(Unreachable, match=r"check credential, tenant_id, client_id: .*No such file"):
        get_token(entra, cluster)


@pytest.mark.parametrize(
    ("entra", "name", "where"),
    [
        (Entra("managed_identity"), "ManagedIdentityCredential", {}),
        (Entra("managed_identity", client_id="me"), "ManagedIdentityCredential", {}),
        (Entra("default"), "DefaultAzureCredential", {}),
        (Entra("workload_identity", tenant_id="us", client_id="me"), "WorkloadIdentityCredential", {}),
    ],
)
def test_each_credential_is_that_of_the_library(
    entra: Entra, name: str, where: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "IDENTITY_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/no/such/file")
    cluster = PublicClient(
        "c", is_verified=True, ask=lambda _: where, http=lambda: pytest.fail("nothing is sent")
    )
    assert type(make_credential(entra, {}, cluster)).__name__ == name
