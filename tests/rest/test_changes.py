"""Requests that change a cluster: their time limits, their bodies, and what a response proves."""

from __future__ import annotations

import io

import pytest

from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.bodies import content_of, rewound
from airflow_provider_sf.rest.changes import change_request, check_accepted
from airflow_provider_sf.rest.protocol import HEADERS, Call, Request, Response, request_for

PROVISION = Call("/ApplicationTypes/$/Provision", "6.2", "https://example.com", method="POST")
UPLOAD = Call("/ImageStore/{contentPath}", "6.0", "https://example.com", method="PUT")
HEALTH = Call("/$/GetClusterHealth", "6.0", "https://example.com", method="POST", is_read=True)
SECRET = "https://example.com/shop.sfpkg?sig=open-sesame"
JSON = ("Content-Type", "application/json; charset=utf-8")


def test_kind_stays_the_first_member() -> None:
    """The gateway reads the other members as those of this kind, so it must come first."""
    body = {"Kind": "ImageStorePath", "Async": True, "ApplicationTypeBuildPath": "shop/wéb"}
    request = change_request(PROVISION, timeout=300.9, body=body)
    assert request == Request(
        "POST",
        "/ApplicationTypes/$/Provision?api-version=6.2&timeout=300",
        (*HEADERS, JSON),
        '{"Kind": "ImageStorePath", "Async": true, "ApplicationTypeBuildPath": "shop/wéb"}'.encode(),
        read_timeout=305.9,
    )
    assert request.is_change


def test_chunk_has_range_and_session() -> None:
    request = change_request(
        UPLOAD,
        "shop",
        timeout=60,
        api_version="9.1",
        body=b"abc",
        headers=(("Content-Range", "bytes 0-2/3"),),
        **{"session-id": "a b"},
    )
    assert request.target == "/ImageStore/shop?api-version=9.1&timeout=60&session-id=a%20b"
    assert request.headers[len(HEADERS) :] == (
        ("Content-Type", "application/octet-stream"),
        ("Content-Range", "bytes 0-2/3"),
    )
    assert request.body == b"abc"


@pytest.mark.parametrize("timeout", [0, 0.9, 600.1, float("nan")])
def test_time_out_of_range_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be from 1 to 600 seconds, not "):
        change_request(PROVISION, timeout=timeout)


def test_posted_policy_is_a_read() -> None:
    """Reads may be sent to the next gateway."""
    assert not request_for(HEALTH, body={}).is_change
    assert not Request("GET", "/a").is_change
    assert Request("DELETE", "/a").is_change


def test_secrets_of_a_request_are_not_shown() -> None:
    body = {"Kind": "ExternalStore", "ApplicationPackageDownloadUri": SECRET}
    request = change_request(PROVISION, timeout=300, body=body)
    assert b"open-sesame" in (request.body if isinstance(request.body, bytes) else b"")
    assert "sesame" not in f"{request} {request!r}"


def test_bodies_have_a_media_type() -> None:
    file = io.BytesIO(b"abc")
    assert content_of(None) == ("", b"")
    assert content_of(b"abc") == ("application/octet-stream", b"abc")
    assert content_of(file) == ("application/octet-stream", file)
    assert content_of({}) == ("application/json; charset=utf-8", b"{}")


def test_file_is_sent_from_its_beginning() -> None:
    file = io.BytesIO(b"abc")
    file.read()
    assert rewound(file) is file
    assert file.read() == b"abc"
    assert rewound(io.BytesIO(b"")) is rewound(b"") is None
    assert rewound(b"abc") == b"abc"


def answer(status: int, code: str = "", message: str = "It is so.") -> Response:
    body = f'{{"Error":{{"Code":"{code}","Message":"{message}"}}}}' if code else ""
    return Response(status, body.encode(), endpoint="http://c:19080")


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", [b"", b"\r\n", b"{}", b"[]"])
def test_accepted_change_raises_nothing(status: int, body: bytes) -> None:
    check_accepted(Response(status, body))


@pytest.mark.parametrize(
    ("response", "cls"),
    [
        (answer(204), Rejected),
        (answer(307), Rejected),
        (answer(400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR"), Rejected),
        (answer(400, "FABRIC_E_APPLICATION_NOT_UPGRADING"), Rejected),
        (answer(401), Rejected),
        (answer(403), Rejected),
        (answer(404, "FABRIC_E_APPLICATION_NOT_FOUND"), Rejected),
        (answer(409, "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION"), Rejected),
        (answer(500, "E_INVALIDARG"), Rejected),
        (answer(409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"), Unreachable),
        (answer(409, "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS"), Unreachable),
        (answer(206), ResultUnknown),
        (answer(408), ResultUnknown),
        (answer(429), ResultUnknown),
        (answer(500, "E_FAIL"), ResultUnknown),
        (answer(502), ResultUnknown),
        (answer(503), ResultUnknown),
        (answer(504, "FABRIC_E_TIMEOUT"), ResultUnknown),
        (Response(200, b"<html>Sign in</html>"), ResultUnknown),
        (Response(202, b'{"name": "sh', has_length=False), ResultUnknown),
        (Response(404, b'{"Error": {"Co', has_length=False), ResultUnknown),
    ],
    ids=lambda value: f"{value.status} {value.body!r:.30}" if isinstance(value, Response) else "",
)
def test_only_definite_answers_are_believed(response: Response, cls: type[ServiceFabricError]) -> None:
    with pytest.raises(ServiceFabricError) as caught:
        check_accepted(response)
    assert type(caught.value) is cls


def test_unknown_result_says_what_to_do() -> None:
    with pytest.raises(ResultUnknown) as caught:
        check_accepted(answer(504, "FABRIC_E_TIMEOUT", "The operation timed out."))
    assert str(caught.value) == (
        "http://c:19080: HTTP 504 FABRIC_E_TIMEOUT: result unknown, the change may have been made: The operation "
        "timed out. (read the current state before you repeat it)"
    )
