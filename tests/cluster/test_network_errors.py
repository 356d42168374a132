"""Errors that no server on a loopback port causes; for the others see test_connection_failures.py."""

from __future__ import annotations

import asyncio
import ssl
from http.client import IncompleteRead

import pytest

from airflow_provider_sf.cluster.network_errors import network_error
from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable

SECURE, PLAIN = "https://c:19080", "http://c:19080"
TIMEOUTS = (5.0, 30.0)


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
def test_certificate_alerts_are_rejections(reason: str) -> None:
    """Windows refuses in HTTP, but something in front of a cluster may refuse in TLS."""
    error = network_error(tls_error(reason), SECURE, TIMEOUTS)
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
def test_broken_tls_connection_is_unreachable(reason: str | None, words: str) -> None:
    error = network_error(tls_error(reason), SECURE, TIMEOUTS)
    assert isinstance(error, Unreachable)
    assert str(error) == f"https://c:19080: the TLS connection broke: {words}"


@pytest.mark.parametrize("reason", ["TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"])
def test_old_tls_is_rejected(reason: str) -> None:
    error = network_error(tls_error(reason), SECURE, TIMEOUTS)
    assert isinstance(error, Rejected)
    assert error.message == "the server does not support TLS 1.2 or newer: check host and port"


def test_error_wrapped_by_urllib3_is_found() -> None:
    inner = unverified(10, "certificate has expired")
    assert network_error(ValueError(ValueError(inner)), SECURE, TIMEOUTS).message.startswith(
        "the server's certificate has expired"
    )


def test_certificate_not_valid_yet_names_the_clocks() -> None:
    error = network_error(unverified(9, "certificate is not yet valid"), SECURE, TIMEOUTS)
    assert isinstance(error, Rejected)
    assert error.message == "the server's certificate is not valid yet: check it and the system clocks"


def test_other_certificate_errors_use_openssls_text() -> None:
    error = network_error(unverified(26, "unsuitable certificate purpose"), SECURE, TIMEOUTS)
    assert isinstance(error, Rejected)
    assert error.message == "unsuitable certificate purpose: check ca_bundle"


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset"), OSError(-5, "odd"), ValueError("what?")]
)
def test_other_errors_keep_their_text(error: Exception) -> None:
    messages = {"ConnectionResetError": "Connection reset by peer", "OSError": "odd", "ValueError": "what?"}
    mapped = network_error(error, SECURE, TIMEOUTS)
    assert isinstance(mapped, Unreachable)
    assert mapped.message == messages[type(error).__name__]


MAY_BE_REFUSED = " (the server may have refused the client certificate: check client_certificate)"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(104, "reset"), "Connection reset by peer"),
        (BrokenPipeError(32, "pipe"), "Broken pipe"),
        (tls_error(None), "the TLS connection broke: no reason given"),
        (IncompleteRead(b""), "the connection was closed before the answer was complete"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_reset_may_be_a_refused_certificate(error: Exception, reason: str) -> None:
    """With TLS 1.3 a reset can arrive instead of the server's reason."""
    mapped = network_error(error, SECURE, TIMEOUTS, with_certificate=True)
    assert isinstance(mapped, Unreachable)
    assert mapped.message == reason + MAY_BE_REFUSED
    assert network_error(error, SECURE, TIMEOUTS).message == reason


@pytest.mark.parametrize("error", [TimeoutError(), OSError(113, "no route"), asyncio.TimeoutError()])
def test_other_outages_name_no_certificate(error: Exception) -> None:
    message = network_error(error, SECURE, TIMEOUTS, with_certificate=True).message
    assert "certificate" not in message


def test_an_error_without_words_is_named() -> None:
    assert network_error(ValueError(), SECURE, TIMEOUTS).message == "ValueError"


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), ValueError("half an answer")])
def test_cut_plain_connection_suggests_https(error: Exception) -> None:
    assert network_error(error, PLAIN, TIMEOUTS).message.endswith(
        " (if the cluster is secured, use https:// in host and set security)"
    )


@pytest.mark.parametrize(
    "error", [TimeoutError(), tls_error("WRONG_VERSION_NUMBER"), ConnectionRefusedError(111, "")]
)
def test_native_client_port_names_the_gateway_port(error: Exception) -> None:
    message = network_error(error, "https://c:19000", TIMEOUTS).message
    assert message.endswith(" (port 19000 is for native clients: the HTTP gateway listens on 19080)")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "reset"),
        IncompleteRead(b""),
        asyncio.TimeoutError(),
        tls_error("RECORD_LAYER_FAILURE"),
        tls_error("TLSV1_ALERT_INTERNAL_ERROR"),
        tls_error("TLSV1_ALERT_PROTOCOL_VERSION"),
    ],
    ids=repr,
)
def test_change_that_may_have_left_is_unknown(error: BaseException) -> None:
    mapped = network_error(error, SECURE, TIMEOUTS, was_sent=True)
    assert isinstance(mapped, ResultUnknown)
    assert mapped.message.startswith("result unknown, the change may have been made: ")
    assert mapped.endpoint == SECURE


def test_refused_certificate_is_final_after_a_change() -> None:
    """A server that refuses the certificate has read no request."""
    error = network_error(tls_error("TLSV1_ALERT_UNKNOWN_CA"), SECURE, TIMEOUTS, was_sent=True)
    assert isinstance(error, Rejected)
