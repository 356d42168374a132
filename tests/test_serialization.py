"""The codec: records as JSON, JSON as records, and their JSON Schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, make_dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.serialization import INLINE, REQUIRED, TRANSIENT, Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.rest import ServiceFabricError

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part(Record):
    """A part."""

    name: str
    size: int | None = None


@dataclass(frozen=True)
class Place(Record):
    """Where it is."""

    street: str | None = None
    floors: tuple[int, ...] = ()


@dataclass(frozen=True)
class House(Record):
    """
    A house.

    This paragraph is not in the schema.
    """

    schema_id: ClassVar[str] = "test.house/1"

    owner: str
    """Who owns it."""
    price: float | None = None
    sold: bool = False
    built_at: datetime | None = field(default=None, metadata=REQUIRED)
    color: Color | None = None
    door: Part | None = None
    parts: tuple[Part, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    place: Place = field(default_factory=Place, metadata=INLINE)
    seen: bool = field(default=False, metadata=TRANSIENT)
    area: float = field(init=False, default=1.5)


@dataclass(frozen=True)
class Settings(Record):
    """Settings that leave defaults out."""

    omits_defaults: ClassVar[bool] = True

    interval: float
    limit: float = 9.0
    until: datetime | None = None


HOUSE = House(
    "Ada",
    price=2.5,
    sold=True,
    built_at=START,
    color=Color.RED,
    door=Part("door", 2),
    parts=(Part("roof"), Part("wall", 4)),
    counts=(("rooms", 3), ("doors", 1)),
    place=Place("Main Street", (1, 2)),
)
WRITTEN = {
    "schema": "test.house/1",
    "owner": "Ada",
    "price": 2.5,
    "sold": True,
    "built_at": "2026-03-01T03:00:00Z",
    "color": "red",
    "door": {"name": "door", "size": 2},
    "parts": [{"name": "roof", "size": None}, {"name": "wall", "size": 4}],
    "counts": {"rooms": 3, "doors": 1},
    "street": "Main Street",
    "floors": [1, 2],
    "area": 1.5,
}


def test_record_is_written_under_field_names() -> None:
    assert HOUSE.to_dict() == WRITTEN
    assert list(HOUSE.to_dict()) == list(WRITTEN)


def test_record_is_read_back() -> None:
    assert House.from_dict(json.loads(json.dumps(WRITTEN))) == HOUSE


def test_empty_members_are_written() -> None:
    assert House("Ada").to_dict() == {
        **dict.fromkeys(WRITTEN),
        "schema": "test.house/1",
        "owner": "Ada",
        "sold": False,
        "parts": [],
        "counts": {},
        "floors": [],
        "area": 1.5,
    }
    assert House.from_dict(House("Ada").to_dict()) == House("Ada")


def test_transient_field_is_not_written() -> None:
    assert "seen" not in House("Ada", seen=True).to_dict()
    assert not House.from_dict({**WRITTEN, "seen": True}).seen


def test_unknown_members_are_ignored() -> None:
    assert House.from_dict({**WRITTEN, "garden": 1}) == HOUSE


def test_missing_optional_members_have_defaults() -> None:
    minimal = {"schema": "test.house/1", "owner": "Ada", "built_at": None}
    assert House.from_dict(minimal) == House("Ada")


@pytest.mark.parametrize("name", ["owner", "built_at"])
def test_missing_required_member_is_refused(name: str) -> None:
    written = {key: value for key, value in WRITTEN.items() if key != name}
    with pytest.raises(ValueError, match=rf"^House: the member '{name}' is missing$"):
        House.from_dict(written)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("owner", None, "expected a JSON string, got None"),
        ("owner", 5, "expected a JSON string, got 5"),
        ("price", "2.5", "expected a JSON number, got '2.5'"),
        ("price", True, "expected a JSON number, got True"),
        ("price", float("inf"), "expected a finite number, got inf"),
        ("sold", 1, "expected a JSON boolean, got 1"),
        ("built_at", "yesterday", "expected an ISO 8601 time, got 'yesterday'"),
        ("built_at", "0001-01-01T00:00:00Z", "expected an ISO 8601 time, got '0001-01-01T00:00:00Z'"),
        ("color", "green", "'green' is not a valid Color"),
        ("door", "door", "expected a JSON object for Part, got 'door'"),
        ("door", {"size": 2}, "Part: the member 'name' is missing"),
        ("door", {"name": "a", "size": 1 << 64}, "expected an integer of 64 bits, got 18446744073709551616"),
        ("door", {"name": "a", "size": -1}, "expected a count, got -1"),
        ("color", ["red"], r"expected a JSON string, got \['red'\]"),
        ("parts", {}, "expected a JSON array, got {}"),
        ("counts", [1], r"expected a JSON object, got \[1\]"),
        ("counts", {"rooms": None}, "expected a JSON integer, got None"),
        ("counts", {"rooms": -1}, "expected a count, got -1"),
    ],
)
def test_invalid_member_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^House: the member '{name}' cannot be read: .*{message}$"):
        House.from_dict({**WRITTEN, name: value})


@pytest.mark.parametrize("data", [None, [], "house", 5])
def test_only_objects_are_records(data: object) -> None:
    with pytest.raises(ValueError, match=r"^expected a JSON object for House, got"):
        House.from_dict(data)


@pytest.mark.parametrize("schema", [None, "test.house/2"])
def test_other_schema_is_refused(schema: str | None) -> None:
    with pytest.raises(ValueError, match=r"^expected schema 'test\.house/1', got"):
        House.from_dict({**WRITTEN, "schema": schema})


def test_long_values_are_cut_in_errors() -> None:
    with pytest.raises(ValueError, match=r"\(\d+ characters more\)"):
        House.from_dict({**WRITTEN, "owner": ["x" * 500]})


def test_errors_are_cut() -> None:
    with pytest.raises(ValueError, match=r"^House: the member 'color' cannot be read: ") as error:
        House.from_dict({**WRITTEN, "color": "x" * 100_000})
    assert len(str(error.value)) < 700


def test_deep_nesting_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match=r"expected a JSON string, got a deeply nested array$"):
        House.from_dict({**WRITTEN, "owner": deep})


def test_text_is_made_storable() -> None:
    assert House.from_dict({**WRITTEN, "owner": "a\x00b\udc80"}).owner == "a?b?"
    assert House.from_dict({**WRITTEN, "counts": {"a\x00": 1}}).counts == (("a?", 1),)


def test_defaults_are_left_out() -> None:
    assert Settings(5.0).to_dict() == {"interval": 5.0}
    assert Settings(5.0, limit=1.0, until=START).to_dict() == {
        "interval": 5.0,
        "limit": 1.0,
        "until": "2026-03-01T03:00:00Z",
    }


@given(
    st.builds(
        Settings,
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.timedeltas(timedelta(0), timedelta(days=9_000)).map(lambda age: START - age),
    )
)
def test_settings_survive_json(settings: Settings) -> None:
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_schema_describes_all_members() -> None:
    schema = House.json_schema()
    assert schema["description"] == "A house."
    assert schema["required"] == list(schema["properties"]) == list(WRITTEN)
    assert schema["properties"]["owner"] == {"description": "Who owns it.", "type": "string"}
    assert schema["properties"]["color"] == {"enum": ["red", "blue", None]}
    assert schema["properties"]["floors"] == {"type": "array", "items": {"type": "integer", "minimum": 0}}


@pytest.mark.parametrize("written", [WRITTEN, House("Ada").to_dict()])
def test_written_records_fit_their_schema(written: dict[str, Any]) -> None:
    schema = House.json_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(written)


@pytest.mark.parametrize(
    "change",
    [
        {"price": "5"},
        {"garden": 1},
        {"door": {"name": "a"}},
        {"door": {"name": "a", "size": -1}},
        {"floors": [-1]},
    ],
)
def test_schema_refuses_other_values(change: dict[str, Any]) -> None:
    assert not Draft202012Validator(House.json_schema()).is_valid({**WRITTEN, **change})


def test_records_need_no_source_files() -> None:
    """An installation may contain only compiled files. A schema needs the source, a record does not."""
    bare: Any = make_dataclass("Bare", [("size", int)], bases=(Record,), frozen=True)
    owner: Any = make_dataclass("Owner", [("bare", bare)], bases=(Record,), frozen=True)
    with pytest.raises((OSError, TypeError)):
        owner.json_schema()
    assert owner(bare(3)).to_dict() == {"bare": {"size": 3}}
    assert owner.from_dict({"bare": {"size": 3}}) == owner(bare(3))


# Records that Airflow stores, with any JSON in place of any value.

SAMPLES = Path(__file__).parent / "samples"
POLICY = Policy(15.0, deadline=START)


def state_after(kind: str, error: ServiceFabricError) -> WaitState:
    answer = json.loads((SAMPLES / kind / "busy.json").read_bytes())
    record = UpgradeProgress.from_answer(kind, "shop", answer, observed_at=START, endpoint="http://c:19080")
    state = WaitState(began_at=START, reasons=("Error: node n0: Node",))
    for observation in (error, record, error):
        state, _ = step(POLICY, state, observation, START)
    return state.ended("unreachable_timeout", START)


STATES = [
    state_after("cluster", Unreachable("busy", 503, "FABRIC_E_NOT_READY", "http://c:19080")),
    state_after("application_resource", Unreachable("timed out", endpoint="http://c:19080")),
]
STORED: list[tuple[type[Record], dict[str, Any]]] = [
    *((WaitState, state.to_dict()) for state in STATES),
    (Policy, replace(POLICY, selector=UpgradeSelector(STATES[0].record, START, 60.0, "v1")).to_dict()),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, -1, "\udc80"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places_in(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the path to each value within a JSON value."""
    yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places_in(member, *path, key)


def with_value(data: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return a copy of a JSON value with another value at a path."""
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = with_value(data[path[0]], path[1:], value)
    return copy


def check_read_or_refused(cls: type[Record], data: Any) -> None:
    try:
        record = cls.from_dict(data)
    except ValueError:
        return
    written = record.to_dict()
    assert cls.from_dict(json.loads(json.dumps(written, allow_nan=False))).to_dict() == written


@pytest.mark.parametrize(("cls", "data"), STORED, ids=lambda value: getattr(value, "__name__", "data"))
@given(st.data())
def test_any_json_is_read_or_refused(cls: type[Record], data: dict[str, Any], draw: st.DataObject) -> None:
    """A row of the database that was changed gives an error with words, never a TypeError or a KeyError."""
    path = draw.draw(st.sampled_from(list(places_in(data))))
    check_read_or_refused(cls, with_value(data, path, draw.draw(JSON)))


@pytest.mark.parametrize(("cls", "data"), STORED, ids=lambda value: getattr(value, "__name__", "data"))
def test_odd_value_anywhere_is_read_or_refused(cls: type[Record], data: dict[str, Any]) -> None:
    odd: list[Any] = [
        None,
        True,
        -1,
        5,
        10**400,
        1.5,
        float("nan"),
        "",
        "\udc80",
        [],
        ["x"],
        [[]],
        {},
        {"x": 1},
    ]
    for path in places_in(data):
        for value in odd:
            check_read_or_refused(cls, with_value(data, path, value))
