"""TLS contexts and what they verify; handshakes are tested in tests/test_secured_clusters.py."""

from __future__ import annotations

import pytest

from airflow_provider_sf.auth.certificates import ClientCertificate
from airflow_provider_sf.auth.server_verification import ServerVerification
from airflow_provider_sf.auth.tls import ServerNotVerified, _check_names, context_for
from airflow_provider_sf.simulator.certificates import Authority


def test_context_knows_its_client_certificate() -> None:
    client = Authority().client()
    trust = ServerVerification(verify=False)
    assert context_for(trust).has_client_certificate is False
    certificate = ClientCertificate(client.pem, client.key_pem)
    assert context_for(trust, certificate).has_client_certificate is True


def test_many_names_do_not_hide_the_advice() -> None:
    names = tuple(("DNS", f"host{number}.example.com") for number in range(500))
    with pytest.raises(ServerNotVerified) as refused:
        _check_names({"subjectAltName": names}, ("sf.example.com",))
    message = refused.value.args[-1]
    assert len(message) < 500
    assert message.endswith("; if that is your cluster, set server_common_name to it")
