"""Requests, and the errors of responses."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_sf import __version__
from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.error_codes import ADVICE, MISSING_CODES, PERMANENT_CODES, TRANSIENT_CODES
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.protocol import (
    CLUSTER_VERSION,
    UNKNOWN_CALL,
    Call,
    Response,
    error_from_response,
    is_about_connection,
    is_missing,
    json_list,
    json_object,
    normalize_headers,
    received_response,
    request_for,
    runtime_version,
    server_timeout,
    too_large_error,
    with_token,
)
from airflow_provider_sf.upgrades.applications import APPLICATIONS
from airflow_provider_sf.upgrades.kinds import KINDS, unsupported_call_advice

CALL = Call(
    "/Resources/Applications/{applicationResourceName}/$/GetUpgradeProgress", "7.0", "the founding page"
)
CODES = list(csv.DictReader((Path(__file__).parents[1] / "samples/error_codes.csv").read_text().splitlines()))
DATE = "Sun, 01 Mar 2026 03:00:00 GMT"


def answer(status: int, code: str, message: str = "Said.") -> Response:
    return Response(status, f'{{"Error":{{"Code":"{code}","Message":"{message}"}}}}'.encode())


def busy(**headers: str) -> ServiceFabricError:
    return error_from_response(
        Response(503, b"", {name.replace("_", "-"): text for name, text in headers.items()})
    )


# Requests.


def test_request_target() -> None:
    request = request_for(CALL, "sampleApplication")
    assert request.method == "GET"
    assert request.target == "/Resources/Applications/sampleApplication/$/GetUpgradeProgress?api-version=7.0"


def test_request_headers() -> None:
    assert dict(request_for(CALL, "shop").headers) == {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"airflow-provider-sf/{__version__}",
    }


def test_request_without_a_name() -> None:
    assert request_for(CLUSTER_VERSION).target == "/$/GetClusterVersion?api-version=6.4"


def test_invalid_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^invalid name 'a/b': it contains the separator"):
        request_for(CALL, "a/b")
    with pytest.raises(ValueError, match=r"^name must be empty for a cluster"):
        request_for(CLUSTER_VERSION, "shop")


def test_api_version_can_be_set() -> None:
    assert request_for(CALL, "a", api_version="9.1 &x").target.endswith("?api-version=9.1%20%26x")


@pytest.mark.parametrize(
    ("token", "quoted"),
    [
        ("fabric:/samples/PQueueApp1", "fabric:/samples/PQueueApp1"),
        ("fabric:/my shop", "fabric:/my%20shop"),
        ("a&api-version=1.0#b?c+%", "a%26api-version%3D1.0%23b%3Fc%2B%25"),
        ("é", "%C3%A9"),
    ],
)
def test_query_parameters_are_quoted(token: str, quoted: str) -> None:
    target = request_for(APPLICATIONS, ContinuationToken=token).target
    assert target == f"/Applications?api-version=6.1&ContinuationToken={quoted}"


def test_query_parameters_keep_their_order() -> None:
    target = request_for(APPLICATIONS, api_version="9.1", ContinuationToken="t", MaxResults="5").target
    assert target == "/Applications?api-version=9.1&ContinuationToken=t&MaxResults=5"


def test_token_is_added_but_not_shown() -> None:
    request = with_token(request_for(CLUSTER_VERSION), "secret")
    assert request.headers[-1] == ("Authorization", "Bearer secret")
    assert "secret" not in repr(request)


def test_empty_token_is_not_added() -> None:
    assert with_token(request_for(CLUSTER_VERSION), "") == request_for(CLUSTER_VERSION)


@pytest.mark.parametrize(
    ("read_timeout", "seconds"),
    [(30.0, 25), (60.0, 55), (10.0, 8), (6.0, 4), (2.0, 1), (1.0, 1), (0.05, 1), (606.0, 600), (1e9, 600)],
)
def test_cluster_ends_a_request_first(read_timeout: float, seconds: int) -> None:
    """So that its error arrives. The cluster accepts whole seconds from 1 to 600."""
    assert server_timeout(read_timeout) == seconds


def test_time_limit_of_the_cluster_is_sent() -> None:
    target = request_for(APPLICATIONS, timeout=25, ContinuationToken="t").target
    assert target == "/Applications?api-version=6.1&timeout=25&ContinuationToken=t"


# Responses.


def test_header_names_become_lower_case() -> None:
    headers = {"Retry-After": " 5 ", "retry-after": "6", "DATE": DATE}
    assert normalize_headers(headers) == {"retry-after": "5, 6", "date": DATE}


@pytest.mark.parametrize(
    ("headers", "has_length"),
    [
        ({"Content-Length": "2"}, True),
        ({"Transfer-Encoding": "chunked"}, True),
        ({"Connection": "close"}, False),
        ({}, False),
    ],
)
def test_received_response_has_a_length(headers: dict[str, str], *, has_length: bool) -> None:
    response = received_response(200, b"{}", headers, "http://c:19080", b"der")
    assert response == Response(
        200, b"{}", normalize_headers(headers), "http://c:19080", b"der", has_length=has_length
    )


@pytest.mark.parametrize("body", [b"", b'{"a": 1'])
def test_incomplete_body_without_length_is_unreachable(body: bytes) -> None:
    with pytest.raises(Unreachable) as error:
        json_object(Response(200, body, {}, "http://c:19080", has_length=False))
    assert str(error.value) == ("http://c:19080: the connection was closed before the answer was complete")


def test_incomplete_refusal_without_length_is_unreachable() -> None:
    response = Response(404, b'{"Error": {"Code": "FABRIC_E_APPLI', {}, "http://c:19080", has_length=False)
    assert str(error_from_response(response)) == (
        "http://c:19080: the connection was closed before the answer was complete"
    )
    assert type(error_from_response(replace(response, body=b""))) is Rejected


def test_answer_with_many_values_is_not_parsed() -> None:
    """Parsing takes time for each value, and no other wait continues meanwhile."""
    most = b'{"a": [1' + b",1" * 100_000 + b"]}"
    assert len(json_object(Response(200, most))["a"]) == 100_001
    with pytest.raises(UnexpectedAnswer, match="more than 100000 commas: check that host"):
        json_object(Response(200, most.replace(b"]", b",1]")))


def test_too_large_error() -> None:
    assert str(too_large_error("http://c:19080")) == (
        "http://c:19080: the response is larger than 4 MiB: check that host is a Service Fabric cluster"
    )


@pytest.mark.parametrize("body", [b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}', b' \n{"a": 1}'])
def test_json_object_with_a_byte_order_mark(body: bytes) -> None:
    assert json_object(Response(200, body)) == {"a": 1}


def test_json_list_is_read() -> None:
    assert json_list(Response(200, b'[{"TaskId": "a"}]')) == [{"TaskId": "a"}]
    with pytest.raises(UnexpectedAnswer, match="expected a JSON list, got a JSON object without an error"):
        json_list(Response(200, b"{}"))
    with pytest.raises(Unreachable, match="closed before the answer was complete"):
        json_list(Response(200, b'[{"Task', has_length=False))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "an empty body"),
        (b"  ", "an empty body"),
        (b"<html>", "an HTML or XML page of 6 bytes"),
        (b"[]", "a JSON list"),
        (b"null", "text of 4 bytes"),
        (b'{"a": 1', "broken JSON"),
        (b"\xff\xfe", "text of 2 bytes"),
        (b"[" * 100_000, "a JSON list"),
    ],
)
def test_body_without_an_object_is_unexpected(body: bytes, text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=text) as error:
        json_object(Response(200, body, endpoint="http://c:19080"))
    assert error.value.status == 200
    assert error.value.endpoint == "http://c:19080"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b'{"Error": null}', b'{"Error": {"Code": 5}}', b"[1]"]
)
def test_overloaded_cluster_is_unreachable(status: int, body: bytes) -> None:
    assert type(error_from_response(Response(status, body))) is Unreachable


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 400, 401, 403, 404, 409, 501])
def test_refusal_is_rejected(status: int) -> None:
    assert type(error_from_response(Response(status, b""))) is Rejected


def test_redirect_is_not_followed() -> None:
    assert "redirects are not followed" in str(error_from_response(Response(302, b"")))


@pytest.mark.parametrize("status", [201, 202, 206])
def test_other_success_status_is_unexpected(status: int) -> None:
    assert type(error_from_response(Response(status, b"{}"))) is UnexpectedAnswer


def test_missing_application_resource_is_rejected() -> None:
    response = answer(500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", "No such application.")
    error = error_from_response(replace(response, endpoint="http://c:19080"))
    assert type(error) is Rejected
    assert (error.status, error.code) == (500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND")
    assert str(error).startswith(
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: No such application. (check name"
    )


@pytest.mark.unmeasured
@pytest.mark.parametrize("row", CODES, ids=lambda row: row["code"])
def test_transient_codes_are_unreachable(row: dict[str, str]) -> None:
    """A permanent code with status 500 is transient if no progress call returns it."""
    for status in (int(status) for status in (row["http_status"] or "404").split("|")):
        error_class = type(error_from_response(answer(status, row["code"])))
        if row["class"] == "transient":
            assert error_class is Unreachable
        elif status < 500 or status == 501 or row["code"] in PERMANENT_CODES:
            assert error_class is (Unreachable if row["code"] in TRANSIENT_CODES else Rejected)
        else:
            assert error_class is Unreachable


@pytest.mark.parametrize(
    ("response", "error_class"),
    [
        (answer(500, "CMRequestAlreadyProcessing"), Unreachable),
        (answer(500, "JobQueueFull"), Unreachable),
        (answer(400, "FABRIC_E_CONSTRAINT_KEY_UNDEFINED"), Unreachable),
        (answer(409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"), Unreachable),
        (answer(500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"), Rejected),
        (answer(404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND"), Rejected),
        (answer(404, "NotFound"), Rejected),
        (answer(400, "E_INVALIDARG"), Rejected),
        (answer(500, "E_INVALIDARG"), Rejected),
        (answer(403, "E_ACCESSDENIED"), Rejected),
        (Response(204, b""), Rejected),
        (Response(403, b""), Rejected),
    ],
    ids=lambda response: (
        f"{response.status} {response.body.decode()[17:60]}"
        if isinstance(response, Response)
        else response.__name__
    ),
)
def test_error_class_of_known_answers(response: Response, error_class: type[ServiceFabricError]) -> None:
    """In literals: the test above reads the same tables as the code."""
    assert type(error_from_response(response)) is error_class


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (500, '{"Error":{"Code":"FABRIC_E_NOT_READY","Message":""}}', "HTTP 500 FABRIC_E_NOT_READY: answered with this code and no message"),
        (500, '{"Error":{"Code":"FABRIC_E_NOT_READY","Message":null}}', "HTTP 500 FABRIC_E_NOT_READY: answered with this code and no message"),
        (500, '{"Error":{"Code":"FABRIC_E_NOT_READY"}}', "HTTP 500 FABRIC_E_NOT_READY: answered with this code and no message"),
        (409, '{"error":{"code":"ResourceUpdateNotSupported","message":"Not for single node clusters.","details":[]}}', "HTTP 409 ResourceUpdateNotSupported: Not for single node clusters."),
        (503, '{"error":{"code":"ServerBusy","message":""}}', "HTTP 503 ServerBusy: answered with this code and no message"),
        (400, '{"Error":{"Message":"Bad."}}', "HTTP 400: Bad."),
        (400, "{}", "HTTP 400: answered with a JSON object without an error of 2 bytes"),
        (400, "{", "HTTP 400: answered with broken JSON of 1 bytes"),
    ],
)  # fmt: skip
def test_valid_error_is_not_called_broken(status: int, body: str, text: str) -> None:
    error = error_from_response(Response(status, body.encode()))
    assert str(error) == text
    assert type(error) is (Unreachable if status >= 500 else Rejected)


def test_unknown_call_is_an_invalid_argument() -> None:
    error = error_from_response(
        replace(answer(400, UNKNOWN_CALL, "The parameter is incorrect."), endpoint="http://c:19080")
    )
    assert str(error) == "http://c:19080: HTTP 400 E_INVALIDARG: The parameter is incorrect."


def test_advice_follows_the_message() -> None:
    error = error_from_response(
        replace(answer(400, "E_INVALIDARG", "The parameter is incorrect."), endpoint="http://c:19080")
    )
    assert isinstance(error, Rejected)
    assert str(with_advice(error, "upgrade the cluster")) == (
        "http://c:19080: HTTP 400 E_INVALIDARG: The parameter is incorrect. (upgrade the cluster)"
    )
    assert with_advice(error, "why").to_dict() == {
        **error.to_dict(),
        "message": "The parameter is incorrect. (why)",
    }


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_without_a_body(status: int) -> None:
    """The advice depends on the security settings: see tests/auth/test_settings.py."""
    assert str(error_from_response(Response(status, b""))) == f"HTTP {status}: answered with an empty body"


@pytest.mark.parametrize("status", [407, 502, 503])
def test_html_page_probably_comes_from_a_proxy(status: int) -> None:
    assert str(error_from_response(Response(status, b"<html>"))) == (
        f"HTTP {status}: answered with an HTML or XML page of 6 bytes (probably from a proxy or load balancer, "
        "not the cluster: check host if this continues)"
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("FABRIC_E_APPLICATION_NOT_FOUND", 404),
        ("FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND", 404),
        ("FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", 500),
        ("NotFound", 404),
    ],
)
def test_missing_name_is_rejected(code: str, status: int) -> None:
    error = error_from_response(answer(status, code))
    assert is_missing(error)
    assert type(error) is Rejected
    assert {"code": code, "http_status": str(status)}.items() <= next(
        row for row in CODES if row["code"] == code
    ).items()


def test_no_content_is_missing() -> None:
    error = error_from_response(Response(204, b"", endpoint="http://c:19080"))
    assert is_missing(error)
    assert str(error) == (
        "http://c:19080: HTTP 204: answered with an empty body (check name and kind: application resources, "
        "classic applications (fabric:/...) and compose deployments are different kinds)"
    )


@pytest.mark.parametrize("status", [201, 204, 302, 400, 403, 404, 409, 500, 503])
@pytest.mark.parametrize("code", sorted(MISSING_CODES))
def test_missing_codes_with_any_status(code: str, status: int) -> None:
    with pytest.raises(ServiceFabricError) as error:
        json_object(answer(status, code))
    assert is_missing(error.value)


@pytest.mark.parametrize(
    "response",
    [
        Response(404, b""),
        Response(404, b"<html>Not Found</html>"),
        Response(500, b""),
        Response(503, b""),
        Response(400, b"{}"),
        answer(404, "FABRIC_E_SERVICE_DOES_NOT_EXIST"),
        answer(404, "FABRIC_E_NODE_NOT_FOUND"),
        answer(400, "E_INVALIDARG"),
        answer(404, "notfound"),
    ],
)
def test_other_errors_are_not_missing(response: Response) -> None:
    """A wrong port or a proxy also answers 404."""
    assert not is_missing(error_from_response(response))


ENDPOINT = "https://c:19080"


@pytest.mark.parametrize(
    "error",
    [
        Rejected("connection 'sf': extra field 'private_key' does not belong to the certificate"),
        Rejected("the server's certificate does not match server_thumbprints", endpoint=ENDPOINT),
        Rejected("the cluster refused the token", 401, None, ENDPOINT),
        Rejected("Access denied.", 403, "E_ACCESSDENIED", ENDPOINT),
        Unreachable("connection 'sf' could not be read: Airflow did not return it within 30 s"),
    ],
)
def test_error_is_about_the_connection(error: ServiceFabricError) -> None:
    assert is_about_connection(error)
    assert is_about_connection(ServiceFabricError.from_dict(error.to_dict()))


@pytest.mark.parametrize(
    "error",
    [
        Rejected("not found", 404, "FABRIC_E_APPLICATION_NOT_FOUND", ENDPOINT),
        Rejected("redirects are not followed", 302, None, ENDPOINT),
        Unreachable("Connection refused", endpoint=ENDPOINT),
        Unreachable("busy", 503, "FABRIC_E_SERVICE_TOO_BUSY", ENDPOINT),
        Unreachable("busy", 503),
        UnexpectedAnswer("not JSON", 200, None, ENDPOINT),
        UnexpectedAnswer("invalid event"),
    ],
)
def test_answer_is_not_about_the_connection(error: ServiceFabricError) -> None:
    assert not is_about_connection(error)


def test_unreachable_is_not_missing() -> None:
    assert not is_missing(Unreachable("timed out"))


@pytest.mark.parametrize(
    ("value", "seconds"), [("120", 120.0), ("0", 0.0), (" 7 ", 7.0), ("007", 7.0), ("86400", 86_400.0)]
)
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    error = busy(retry_after=value)
    assert isinstance(error, Unreachable)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 01 Mar 2026 03:00:10 GMT", 10.0),
        ("Sun, 01 Mar 2026 05:00:10 +0200", 10.0),
        ("Sunday, 01-Mar-26 03:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 03:00:00 GMT", 86_400.0),
        (DATE, 0.0),
        ("Sun, 01 Mar 2026 02:59:00 GMT", 0.0),
    ],
)
def test_retry_after_date_uses_the_cluster_clock(value: str, seconds: float) -> None:
    """The local clock may be wrong by more than the pause."""
    error = busy(retry_after=value, date=DATE)
    assert isinstance(error, Unreachable)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "-5",
        "+5",
        "5.5",
        "1e3",
        "5, 6",
        "5 s",
        "soon",
        "٣",
        "²",
        "None",
        "PT5S",
        "2026-03-01T03:00:10Z",
        "Sun, 99 Mar 2026 03:00:10 GMT",
        "Sun, 01 Mar 2026 03:00:10",
    ],
)
def test_invalid_retry_after_is_ignored(value: str) -> None:
    error = busy(retry_after=value, date=DATE)
    assert isinstance(error, Unreachable)
    assert error.retry_after is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": DATE},
        {"retry_after": "Sun, 01 Mar 2026 03:00:10 GMT"},
        {"retry_after": "Sun, 01 Mar 2026 03:00:10 GMT", "date": ""},
        {"retry_after": "Sun, 01 Mar 2026 03:00:10 GMT", "date": "today"},
        {"retry_after": "Sun, 01 Mar 2026 03:00:10 GMT", "date": "Sun, 01 Mar 2026 03:00:00 -0000"},
    ],
    ids=repr,
)
def test_retry_after_without_a_date_is_ignored(headers: dict[str, str]) -> None:
    error = busy(**headers)
    assert isinstance(error, Unreachable)
    assert error.retry_after is None


def test_retry_after_is_at_most_a_day() -> None:
    far = "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers in (
        {"retry_after": "9" * 400},
        {"retry_after": far, "date": "Sun, 01 Mar 2026 03:00:00 GMT"},
    ):
        error = busy(**headers)
        assert isinstance(error, Unreachable)
        assert error.retry_after == 86_400.0


def test_retry_after_seconds_need_no_date() -> None:
    error = busy(retry_after="5", date="today")
    assert isinstance(error, Unreachable)
    assert error.retry_after == 5.0


@pytest.mark.parametrize("status", [201, 204, 302, 400, 403, 404])
def test_only_unreachable_has_retry_after(status: int) -> None:
    error = error_from_response(Response(status, b"", {"retry-after": "5"}))
    assert not hasattr(error, "retry_after")


def test_json_object_keeps_retry_after() -> None:
    with pytest.raises(Unreachable) as error:
        json_object(Response(429, b"", {"retry-after": "5"}, "http://c:19080"))
    assert error.value.retry_after == 5.0
    assert error.value.endpoint == "http://c:19080"


def test_retry_after_date_out_of_range_is_ignored() -> None:
    headers = {
        "retry-after": "Sun, 01 Mar 9999999999999999999 03:00:10 GMT",
        "date": "Sun, 01 Mar 2026 03:00:00 GMT",
    }
    error = error_from_response(Response(503, b"", headers))
    assert isinstance(error, Unreachable)
    assert error.retry_after is None


NOT_FOUND = (
    "check name and kind: application resources, classic applications (fabric:/...) and compose deployments "
    "are different kinds"
)


@pytest.mark.parametrize("code", ["APPLICATION", "COMPOSE_DEPLOYMENT", "SINGLE_INSTANCE_APPLICATION"])
@pytest.mark.parametrize("letter", ["x", "é", "購"])
def test_cut_message_keeps_the_advice(letter: str, code: str) -> None:
    error = error_from_response(answer(404, f"FABRIC_E_{code}_NOT_FOUND", letter * 9_000))
    assert error.message.endswith(f" characters more) ({NOT_FOUND})")
    assert len(json.dumps(error.message)) <= 1_500


@pytest.mark.parametrize("letter", ["x", "é", "購"])
@pytest.mark.parametrize("version", [None, "5.7.198.9494", "6.5.676.9590", "10.1.2338.9590"])
@pytest.mark.parametrize("kind", KINDS)
def test_cut_message_keeps_the_kind_advice(kind: str, version: str | None, letter: str) -> None:
    error, advice = (
        error_from_response(answer(400, "E_INVALIDARG", letter * 9_000)),
        unsupported_call_advice(kind, version),
    )
    assert isinstance(error, Rejected)
    assert with_advice(error, advice).message.endswith(f" characters more) ({advice})")


@pytest.mark.parametrize("advice", ADVICE.values())
def test_every_advice_is_short(advice: str) -> None:
    assert len(json.dumps(f" ({advice})")) <= 300


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({"Version": "6.4.514.9494"}, "6.4.514.9494"),
        ({"Version": "10.1\x00\n\x1b[31m", "Odd": 1}, "10.1 [31m"),
        ({"Version": "v" * 5_000}, f"{'v' * 214}... (4786 characters more)"),
    ],
)
def test_runtime_version(fields: dict[str, object], version: str) -> None:
    assert runtime_version(fields) == version


@pytest.mark.parametrize(
    "fields", [{}, {"Version": ""}, {"Version": None}, {"Version": 6.4}, {"version": "6.4"}]
)
def test_missing_runtime_version_is_unexpected(fields: dict[str, object]) -> None:
    with pytest.raises(
        UnexpectedAnswer, match=r"^expected the cluster version, got an object without Version$"
    ):
        runtime_version(fields)


def test_short_message_is_not_cut() -> None:
    assert error_from_response(answer(503, "FABRIC_E_NOT_READY", "x" * 1_198)).message == "x" * 1_198


def test_cut_code_keeps_its_error_class() -> None:
    assert type(error_from_response(answer(500, "FABRIC_E_" + "X" * 900))) is Unreachable
    assert type(error_from_response(answer(400, "FABRIC_E_" + "X" * 900))) is Rejected
