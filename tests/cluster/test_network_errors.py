"""What it means that no whole answer came, for what no server on a loopback port would do; see test_failures.py."""

from __future__ import annotations

import ssl

import pytest

from airflow_provider_sf.cluster.network_errors import network_error
from airflow_provider_sf.rest import Rejected, Unreachable

SECURE, PLAIN = "https://c:19080", "http://c:19080"
PATIENCE = (5.0, 30.0)


def tls_error(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "")
    error.reason = reason  # type: ignore[assignment]  # OpenSSL sets it
    return error


def unverified(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    "reason", ["TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA"]
)
def test_an_alert_of_the_server_is_perhaps_about_our_certificate(reason: str) -> None:
    """Windows refuses in HTTP, but something in front of a cluster may refuse in TLS."""
    error = network_error(tls_error(reason), SECURE, PATIENCE)
    assert isinstance(error, Rejected)
    assert str(error) == (
        "https://c:19080: the server refused the TLS handshake, probably because of the client certificate: check security and "
        "client_certificate "
        f"({reason.replace('_', ' ').lower()})"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("UNEXPECTED_EOF_WHILE_READING", "unexpected eof while reading"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "tlsv1 alert internal error"),
        (None, "no reason given"),
    ],
)
def test_a_tls_connection_that_breaks_may_hold_the_next_time(reason: str | None, words: str) -> None:
    error = network_error(tls_error(reason), SECURE, PATIENCE)
    assert isinstance(error, Unreachable)
    assert str(error) == f"https://c:19080: the TLS connection broke: {words}"


@pytest.mark.parametrize("reason", ["TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"])
def test_a_server_that_speaks_old_tls_only_is_told_so(reason: str) -> None:
    error = network_error(tls_error(reason), SECURE, PATIENCE)
    assert isinstance(error, Rejected)
    assert error.message == "the server does not support TLS 1.2 or newer: check host and port"


def test_an_error_that_urllib3_has_put_into_another_is_found() -> None:
    inner = unverified(10, "certificate has expired")
    assert network_error(ValueError(ValueError(inner)), SECURE, PATIENCE).message.startswith(
        "the server's certificate has ended"
    )


def test_a_certificate_that_is_not_valid_yet_is_perhaps_a_clock() -> None:
    error = network_error(unverified(9, "certificate is not yet valid"), SECURE, PATIENCE)
    assert isinstance(error, Rejected)
    assert error.message == "the server's certificate is not valid yet: check it and the system clocks"


def test_a_fault_of_a_certificate_that_we_have_no_words_for_is_in_openssls() -> None:
    error = network_error(unverified(26, "unsuitable certificate purpose"), SECURE, PATIENCE)
    assert isinstance(error, Rejected)
    assert error.message == "unsuitable certificate purpose: check ca_bundle"


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), OSError(-5, "odd"), ValueError("what?")]
)
def test_whatever_else_went_wrong_is_told_in_its_own_words(error: Exception) -> None:
    said = {"ConnectionResetError": "Connection reset by peer", "OSError": "odd", "ValueError": "what?"}
    told = network_error(error, SECURE, PATIENCE)
    assert isinstance(told, Unreachable)
    assert told.message == said[type(error).__name__]


def test_an_error_without_words_is_named() -> None:
    assert network_error(ValueError(), SECURE, PATIENCE).message == "ValueError"


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), ValueError("half an answer")])
def test_a_plain_connection_that_is_cut_off_is_perhaps_to_a_secured_cluster(error: Exception) -> None:
    assert network_error(error, PLAIN, PATIENCE).message.endswith(
        " (if the cluster is secured, use https:// in host and set security)"
    )


@pytest.mark.parametrize(
    "error", [TimeoutError(), tls_error("WRONG_VERSION_NUMBER"), ConnectionRefusedError(111, "")]
)
def test_whatever_happens_at_the_port_of_native_clients_the_other_port_is_named(error: Exception) -> None:
    said = network_error(error, "https://c:19000", PATIENCE).message
    assert said.endswith(" (port 19000 is for native clients: the HTTP gateway listens on 19080)")
