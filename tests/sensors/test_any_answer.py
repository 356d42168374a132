"""
Any JSON answer of a cluster becomes a record that can be stored, read back and compared.

The answers are generated from Microsoft's specification: valid answers, and answers with a few changes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from jsonschema import Draft202012Validator

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.storage_limits import is_storable, json_size
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES, Outcome

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
SWAGGER = json.loads((ROOT / "samples" / "upgrade_progress.swagger.json").read_bytes())
DEFINITIONS: dict[str, Any] = SWAGGER["definitions"]
SCHEMA = Draft202012Validator(
    json.loads(
        (ROOT.parent / "airflow_provider_sf" / "upgrades" / "upgrade_progress.schema.json").read_bytes()
    )
)
RECORD_BYTES = 14_336
"""How much JSON a record takes at most, its limits in the code together."""

pytestmark = pytest.mark.hypothesis  # functions within the tests take the examples

# Slow generation is not a failure.
many = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
few = settings(many, max_examples=10)
every_kind = pytest.mark.parametrize("kind", KINDS)


# From the specification to answers.

_DEEPEST = 6
"""How many levels of evaluations within evaluations are made."""

words = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "fabric:/shop/web", "UD0", "v1", "6a1fcd54-0000-4000-8000-2d6e3b1f0a01", "4294967295", "0"]
)
times = st.sampled_from(
    ["0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "2026-03-01T02:58:40.123Z", "2026-03-01T03:10:44Z"]
)
durations = st.sampled_from(
    ["PT0H0M0S", "PT0H2M0S", "P1DT2H03M04.25S", "P10675199DT02H48M05.4775807S", "96180", "PT0H0M1e-05S"]
)
integers = st.integers(0, 200) | st.sampled_from([4_294_967_295, 42_949_672_925, 1 << 62])


def heirs_of(name: str) -> dict[str, str]:
    """Return the definitions that inherit from another: value of the discriminator -> name."""
    base = f"#/definitions/{name}"
    found: dict[str, str] = {}
    for heir, definition in DEFINITIONS.items():
        if {"$ref": base} in definition.get("allOf", []):
            kind = definition.get("x-ms-discriminator-value")
            found.update({kind: heir} if kind else heirs_of(heir))
    return found


def fits(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Return the strategy of all JSON that keeps to a part of the specification, bounded in its depth."""
    if "$ref" in schema:
        return fits_named(schema["$ref"].removeprefix("#/definitions/"), depth)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" in schema or "allOf" in schema:
        return fits_object(schema, {}, depth)
    if schema.get("type") == "array":
        items = fits(schema["items"], depth + 1)
        return st.lists(items, max_size=4 if depth < _DEEPEST else 0)
    plain = {"boolean": st.booleans(), "integer": integers}
    return plain.get(schema.get("type", ""), words)


def fits_named(name: str, depth: int) -> st.SearchStrategy[Any]:
    """Return the strategy of a definition, or of any definition that inherits from it."""
    heirs = heirs_of(name) if "discriminator" in DEFINITIONS[name] else {}
    if not heirs:
        return st.deferred(lambda: fits(DEFINITIONS[name], depth))
    made = [
        st.deferred(lambda kind=kind, heir=heir: fits_object(DEFINITIONS[heir], {"Kind": kind}, depth + 1))  # type: ignore[misc]
        for kind, heir in sorted(heirs.items())
    ]
    return st.one_of(made)


def members_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what an object may have, what it inherits included."""
    members: dict[str, Any] = {}
    for base in schema.get("allOf", []):
        members.update(members_of(DEFINITIONS[base["$ref"].removeprefix("#/definitions/")]))
    return {**members, **schema.get("properties", {})}


def fits_object(
    schema: dict[str, Any], fixed: dict[str, str], depth: int
) -> st.SearchStrategy[dict[str, Any]]:
    """Return the strategy of an object; nothing is required, whatever the specification says."""
    made: dict[str, st.SearchStrategy[Any]] = {}
    for key, member in members_of(schema).items():
        if key in fixed:
            made[key] = st.just(fixed[key])
        elif depth >= _DEEPEST and key == "UnhealthyEvaluations":
            made[key] = st.just([])
        elif key.endswith("TimestampUtc"):
            made[key] = times
        elif "Duration" in key or "Timeout" in key or key.endswith("InMilliseconds"):
            made[key] = durations | fits(member, depth)
        else:
            made[key] = fits(member, depth)
    return st.fixed_dictionaries({}, optional=made)


def answers_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return the specified answers of a kind; without a specification, the sample."""
    for operation in SWAGGER["operations"].values():
        if operation["path"] == KINDS[kind].progress.path:
            return fits({"$ref": f"#/definitions/{operation['response']}"})
    sample = (ROOT / "samples" / kind / "busy.json").read_bytes()
    return st.builds(json.loads, st.just(sample))


ANSWERS = {kind: answers_of(kind) for kind in KINDS}


# From answers that keep to it to those that nearly do.

junk: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            10**300,
            -(10**300),
            1 << 63,
            -(1 << 70),
            "9" * 400,
            "x" * 3000,
            "\x00",
            "é" * 900,
            "�",
            "nan",
            "-5",
            "PT1e999S",
            "P9999999999D",
            "9999-12-31T23:59:59-14:00",
            "RollingForwardCompleted",
            "UnmonitoredManual",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def places_in(value: object) -> Iterator[tuple[Any, Any]]:
    """Yield every place in JSON: an object and a key, or a list and an index."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from places_in(value[key])  # type: ignore[index]


def wrapped(value: object, levels: int) -> object:
    for _ in range(levels):
        value = [{"HealthEvaluation": {"Kind": "Nodes", "UnhealthyEvaluations": value}}]
    return value


def put(inside: Any, key: Any, value: object) -> None:
    inside[key] = value


@st.composite
def damaged(draw: st.DrawFn, answers: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Change up to five places of an answer, and make one of its lists long."""
    answer = draw(answers)
    dice: random.Random = draw(st.randoms(use_true_random=False))
    changes: list[Callable[[Any], object]] = [
        lambda _: draw(junk),
        lambda _: None,
        str,
        lambda value: [value],
        lambda value: {"Odd": value},
        lambda value: wrapped(value, dice.choice([3, 60, 90])),
        lambda value: value * 200 if isinstance(value, str) else 7,
    ]
    for _ in range(dice.randint(1, 5)):
        for inside, key in dice.sample(places := list(places_in(answer)), min(1, len(places))):
            put(inside, key, dice.choice(changes)(inside[key]))
    for inside, key in places_in(answer):
        if isinstance(inside, dict) and dice.random() < 0.02:
            put(inside, f"{key}OfTomorrow", inside.pop(key))
            break
    lists = [
        (inside, key) for inside, key in places_in(answer) if isinstance(inside[key], list) and inside[key]
    ]
    for inside, key in dice.sample(lists, min(1, len(lists))):
        put(inside, key, inside[key] * 60)
    return answer


DAMAGED = {kind: damaged(answers) for kind, answers in ANSWERS.items()}


# What holds for all of them.


def as_text(answer: object) -> str:
    return json.dumps(answer, sort_keys=True)


def check(kind: str, answer: dict[str, Any]) -> UpgradeProgress:
    before = as_text(answer)
    read = UpgradeProgress.from_answer(kind, "shop", answer, endpoint="http://c:19080")
    assert as_text(read.raw) == before
    members = read.to_dict()
    written = json.dumps(members, allow_nan=False)
    assert len(written) <= RECORD_BYTES
    assert is_storable(members)
    SCHEMA.validate(json.loads(written))
    again = UpgradeProgress.from_dict(json.loads(written))
    assert again == read
    assert (again.position, again.outcome, again.place) == (read.position, read.outcome, read.place)
    assert hash(again.position) == hash(read.position)
    whole = read.to_dict(include_raw=True)
    SCHEMA.validate(whole)
    assert json_size(whole) < 31_744
    return read


@every_kind
def test_specified_answers_become_records(kind: str) -> None:
    @many
    @given(ANSWERS[kind])
    @example({})
    def hold(answer: dict[str, Any]) -> None:
        read = check(kind, answer)
        outcome = OUTCOMES.get(answer.get("UpgradeState", ""), Outcome.UNKNOWN)
        known = {outcome, Outcome.NOT_UPGRADED} if outcome is Outcome.SUCCEEDED else {outcome, Outcome.PAUSED}
        assert read.outcome in known

    hold()


@every_kind
def test_nearly_specified_answers_become_records(kind: str) -> None:
    @many
    @given(DAMAGED[kind])
    def hold(answer: dict[str, Any]) -> None:
        check(kind, answer)

    hold()


@every_kind
def test_any_object_becomes_an_unknown_record(kind: str) -> None:
    @few
    @given(st.dictionaries(st.text(max_size=9), junk, max_size=4))
    def hold(answer: dict[str, Any]) -> None:
        assert check(kind, answer).outcome is Outcome.UNKNOWN

    hold()


@every_kind
def test_other_json_is_unexpected(kind: str) -> None:
    @few
    @given(junk.filter(lambda value: not isinstance(value, dict)))
    def hold(answer: object) -> None:
        with pytest.raises(UnexpectedAnswer, match=r"^expected a JSON object about 'shop', got "):
            UpgradeProgress.from_answer(kind, "shop", answer)

    hold()


def filled_members(kind: str, number: int) -> set[str]:
    """Return the members of records that are filled in at least one of the answers of a seed."""
    filled: set[str] = set()

    @seed(number)
    @settings(many, max_examples=140)
    @given(ANSWERS[kind])
    def look(answer: dict[str, Any]) -> None:
        record = UpgradeProgress.from_answer(kind, "shop", answer).to_dict()
        filled.update(key for key, value in record.items() if value not in (None, [], {}))

    look()
    return filled


@pytest.mark.thorough
@pytest.mark.kind_samples
@every_kind
def test_generated_answers_cover_every_key(kind: str) -> None:
    """
    Otherwise the tests above would prove little.

    Hypothesis also takes constants from imported modules, so the answers of one seed depend on the other tests.
    """
    written = {
        "current_domain": {"current_domain", "pending_safety_checks"},
        "current_unit": set(),
        "failure_domain": {"failure_domain", "nodes_at_failure", "safety_checks_at_failure"},
        "health_check_phase": set(),  # both came with 11.3
        "health_check_elapsed_seconds": set(),
        "failure_classification": set(),  # in no specification
    }
    missing: set[str] = set()
    for field in KINDS[kind].keys:
        if (field, kind) != ("status_details", "cluster"):
            missing |= written.get(field, {field})
    for number in range(5):
        if missing:
            missing -= filled_members(kind, number)
    assert missing == set()
