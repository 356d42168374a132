"""Requests that cannot go elsewhere; answers that mean what they say."""

from __future__ import annotations

import copy
import csv
import pickle
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_sf.rest import (
    CLUSTER_VERSION,
    LASTING_CODES,
    PASSING_CODES,
    Call,
    Rejected,
    Response,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
    error_from,
    error_from_dict,
    json_from,
    path_segment,
    request_for,
)

CALL = Call("/Resources/Applications/{name}/$/GetUpgradeProgress", "7.0", "the founding page")
CODES = list(csv.DictReader((Path(__file__).parent / "samples/error_codes.csv").read_text().splitlines()))


def test_a_request_is_the_documented_line() -> None:
    request = request_for(CALL, "sampleApplication")
    assert request.method == "GET"
    assert request.target == "/Resources/Applications/sampleApplication/$/GetUpgradeProgress?api-version=7.0"


def test_a_call_without_a_name_needs_none() -> None:
    assert request_for(CLUSTER_VERSION).target == "/$/GetClusterVersion?api-version=6.4"


def test_another_api_version_can_be_asked_for() -> None:
    assert request_for(CALL, "a", api_version="9.1 &x").target.endswith("?api-version=9.1%20%26x")


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "my shop",
        "x?y=1",
        "x#frag",
        "100%",
        "{curly}",
        "a+b",
        "a&b=c",
        "~",
        "...",
        "a..b",
        "é",
        "購物",
        "a%2",
        ":",
        "a;b",
        "*",
    ],
)
def test_any_other_name_stays_one_segment(name: str) -> None:
    target = request_for(CALL, name).target
    parts = urlsplit("http://host" + target)
    assert parts.netloc == "host"
    assert parts.query == "api-version=7.0"
    assert parts.fragment == ""
    before, _, rest = parts.path.partition("/Resources/Applications/")
    segment, _, after = rest.partition("/")
    assert before == ""
    assert unquote(segment) == name
    assert after == "$/GetUpgradeProgress"
    assert target.isascii()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "../Volumes",
        "a\\b",
        "a%2Fb",
        "a%2fb",
        "a%5Cb",
        "a%5cb",
        "a\nb",
        "a\x00",
        "\x7f",
        "a\x85",
        "\ud800",
    ],
)
def test_a_name_that_could_change_the_path_is_refused_with_its_value(name: str) -> None:
    with pytest.raises(ValueError, match="name") as refused:
        path_segment(name)
    assert not name or repr(name) in str(refused.value)


@pytest.mark.parametrize("body", [b'{"a": 1}', b'\xef\xbb\xbf{"a": 1}', b' \n{"a": 1}'])
def test_a_good_answer_is_a_json_object_with_or_without_a_byte_order_mark(body: bytes) -> None:
    assert json_from(Response(200, body)) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "said"),
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
def test_a_good_status_without_an_object_is_unexpected(body: bytes, said: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=said) as error:
        json_from(Response(200, body), "http://c:19080")
    assert error.value.status == 200
    assert error.value.endpoint == "http://c:19080"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b'{"Error": null}', b'{"Error": {"Code": 5}}', b"[1]"]
)
def test_an_overloaded_cluster_is_unreachable(status: int, body: bytes) -> None:
    assert type(error_from(status, body)) is Unreachable


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 400, 401, 403, 404, 409, 501])
def test_a_refusal_is_rejected(status: int) -> None:
    assert type(error_from(status, b"")) is Rejected


def test_a_redirect_says_that_it_is_not_followed() -> None:
    assert "redirects are not followed" in str(error_from(302, b""))


@pytest.mark.parametrize("status", [201, 202, 206])
def test_another_good_status_is_unexpected(status: int) -> None:
    assert type(error_from(status, b"{}")) is UnexpectedAnswer


def test_a_missing_application_resource_is_rejected_although_its_status_is_500() -> None:
    body = b'{"Error":{"Code":"FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND","Message":"No such application."}}'
    error = error_from(500, body, "http://c:19080")
    assert type(error) is Rejected
    assert (error.status, error.code) == (500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND")
    assert str(error).startswith(
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: No such application. (check the name"
    )


@pytest.mark.parametrize("row", CODES, ids=lambda row: row["code"])
def test_every_passing_code_is_asked_again_and_every_lasting_refusal_is_not(row: dict[str, str]) -> None:
    """Lasting codes that come with status 500 and that no read of upgrade progress can bring count as passing."""
    body = f'{{"Error":{{"Code":"{row["code"]}","Message":"m"}}}}'.encode()
    for status in (int(status) for status in (row["http_status"] or "404").split("|")):
        meaning = type(error_from(status, body))
        if row["class"] == "transient":
            assert meaning is Unreachable
        elif status < 500 or status == 501 or row["code"] in LASTING_CODES:
            assert meaning is (Unreachable if row["code"] in PASSING_CODES else Rejected)
        else:
            assert meaning is Unreachable


def test_an_error_says_where_what_and_why_on_one_line() -> None:
    assert str(Unreachable("timed out")) == "timed out"
    assert (
        str(Unreachable("busy", 503, "FABRIC_E_NOT_READY", "http://c"))
        == "http://c: HTTP 503 FABRIC_E_NOT_READY: busy"
    )


@pytest.mark.parametrize("cls", [Unreachable, Rejected, UnexpectedAnswer])
def test_an_error_survives_json_pickle_and_copy(cls: type[ServiceFabricError]) -> None:
    error = cls("why", 503, "E_ABORT", "http://c")
    for twin in (error_from_dict(error.to_dict()), pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(twin) is cls
        assert twin.to_dict() == error.to_dict()


def test_an_error_of_an_unknown_class_is_unexpected() -> None:
    assert type(error_from_dict({"class": "Exploded"})) is UnexpectedAnswer
    assert str(error_from_dict({})) == "no message"
