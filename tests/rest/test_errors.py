"""The error classes: their text, their JSON form, copies."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from airflow_provider_sf.rest import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)
from airflow_provider_sf.rest.errors import result_unknown, with_advice

CLASSES = [Unreachable, Rejected, ResultUnknown, UnexpectedAnswer]


def copies_of(error: ServiceFabricError) -> list[ServiceFabricError]:
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    return [ServiceFabricError.from_dict(error.to_dict()), pickled, copy.copy(error)]


def test_pickle_and_copy_keep_retry_after() -> None:
    error = Unreachable("busy", 503, "FABRIC_E_NOT_READY", "http://c", retry_after=5.0)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own bytes
        assert copied.retry_after == 5.0
        assert copied.to_dict() == error.to_dict()


def test_retry_after_is_none_by_default() -> None:
    assert Unreachable("timed out").retry_after is None


def test_error_text_is_one_line() -> None:
    assert str(Unreachable("timed out")) == "timed out"
    assert (
        str(Unreachable("busy", 503, "FABRIC_E_NOT_READY", "http://c"))
        == "http://c: HTTP 503 FABRIC_E_NOT_READY: busy"
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_error_round_trip(cls: type[ServiceFabricError]) -> None:
    error = cls("why", 503, "E_ABORT", "http://c")
    for copied in copies_of(error):
        assert type(copied) is cls
        assert copied.to_dict() == error.to_dict()


def test_unknown_error_class_is_unexpected() -> None:
    assert type(ServiceFabricError.from_dict({"class": "Exploded"})) is UnexpectedAnswer
    assert str(ServiceFabricError.from_dict({})) == "no message"


@pytest.mark.parametrize("cls", CLASSES)
def test_long_error_is_cut(cls: type[ServiceFabricError]) -> None:
    error = cls("x" * 1_000_000, 503, "y" * 1_000_000, "http://c")
    assert len(json.dumps(error.message)) <= 1_500
    assert len(json.dumps(error.code)) <= 256
    kept, _, more = error.message.partition("... (")
    assert (kept, more) == ("x" * len(kept), f"{1_000_000 - len(kept)} characters more)")
    assert error.code == f"{'y' * 214}... (999786 characters more)"
    for copied in copies_of(error):
        assert copied.to_dict() == error.to_dict()


@pytest.mark.parametrize("cls", CLASSES)
def test_words_of_a_cluster_are_plain(cls: type[ServiceFabricError]) -> None:
    """Log, traceback, connection test and XComs show what a cluster answers."""
    evil = "\x1b]52;c;aGk=\x07a\u202eb\x9b31m\r\n::endgroup::"
    error = cls(f"{evil} why", 503, evil, f"http://c{evil}")
    plain = "]52;c;aGk= a b 31m ::endgroup: :"
    assert error.to_dict() == {
        "class": cls.__name__,
        "status": 503,
        "code": plain,
        "message": f"{plain} why",
        "endpoint": f"http://c {plain}",
    }
    assert str(error) == f"http://c {plain}: HTTP 503 {plain}: {plain} why"


@pytest.mark.parametrize(
    "changes",
    [
        {"class": ["Unreachable"]},
        {"class": 5},
        {"message": {}},
        {"message": ["why"]},
        {"code": 5},
        {"endpoint": False},
        {"status": "503"},
        {"status": True},
        {"status": 503.0},
        {"status": -1},
        {"status": 1_000},
        {"status": 10**400},
    ],
    ids=repr,
)
def test_forged_error_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^the member '\w+' of an error "):
        ServiceFabricError.from_dict({**Rejected("why", 403, "E_ABORT", "http://c").to_dict(), **changes})


@pytest.mark.parametrize("data", [None, [], "Rejected", 5])
def test_only_an_object_is_an_error(data: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a JSON object for an error, got "):
        ServiceFabricError.from_dict(data)


@pytest.mark.parametrize("message", ["", " \n", "\x1b", "\udc80"])
def test_error_without_words_has_a_message(message: str) -> None:
    error = Unreachable(message, 503)
    assert str(error) == "HTTP 503: no message"
    assert ServiceFabricError.from_dict(error.to_dict()).to_dict() == error.to_dict()


def test_advice_keeps_retry_after() -> None:
    advised = with_advice(Unreachable("busy", 503, "E_ABORT", "http://c", retry_after=5.0), "wait")
    assert (str(advised), advised.retry_after) == ("http://c: HTTP 503 E_ABORT: busy (wait)", 5.0)
    assert type(with_advice(Rejected("no"), "stop")) is Rejected


def test_unknown_result_keeps_status_and_code() -> None:
    error = result_unknown(Unreachable("timed out", 504, "FABRIC_E_TIMEOUT", "http://c", retry_after=5.0))
    assert type(error) is ResultUnknown
    assert error.to_dict() == {
        "class": "ResultUnknown",
        "status": 504,
        "code": "FABRIC_E_TIMEOUT",
        "message": (
            "result unknown, the change may have been made: timed out (read the current state before you "
            "repeat it)"
        ),
        "endpoint": "http://c",
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_error_hides_queries_of_urls(cls: type[ServiceFabricError]) -> None:
    """A cluster names the package that it could not download."""
    error = cls("cannot download https://c/shop.sfpkg?sig=hunter2")
    assert error.message == "cannot download https://c/shop.sfpkg?***"
    assert "hunter2" not in json.dumps([str(copied) for copied in copies_of(error)])
