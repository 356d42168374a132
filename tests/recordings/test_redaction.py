"""No secret gets into a recording, whatever field it stands in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.recordings import enumerations
from airflow_provider_sf.recordings.exchanges import CALLS, exchange_of
from airflow_provider_sf.recordings.fields import FIELDS, members
from airflow_provider_sf.recordings.lines import exchange_line
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.recordings.redaction import MAX_DEPTH, redacted
from airflow_provider_sf.rest.json_values import seconds, utc
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.upgrades.kinds import NO_VERSION
from tests.recordings.made import AT

SAMPLES = Path(__file__).parents[1] / "samples"

# A secret of each sort that a cluster knows. None contains another one, or a word of Service Fabric.
SECRETS = st.one_of(
    st.from_regex(r"\A[a-z]{6,12}\.(corp|example)\.net(:19080)?\Z"),  # hosts
    st.from_regex(r"\A10\.2[0-4]\.1[0-9][0-9]\.1[0-9][0-9]\Z"),  # addresses
    st.from_regex(r"\A([0-9A-F]{40}|[0-9]{40}|[0-9A-F]{64})\Z"),  # thumbprints
    st.from_regex(r"\A(Server=db;Password=|sv=|Bearer )[A-Za-z0-9]{16}\Z"),  # values of parameters
    st.from_regex(r"\A(C:\\\\data|/mnt/secret|\\\\\\\\share)[/\\\\][a-z]{8,12}\.xml\Z"),  # paths
    st.from_regex(r"\A_(node|vmss)[a-z]{8}_[0-9]{2}\Z"),  # nodes
    st.from_regex(r"\Afabric:/[a-z]{8}/[a-z]{8}\Z"),  # names
    st.from_regex(r"\A[A-Z][a-z]{7,9} [a-z]{8,9} of [a-z]{8} is in error: 0x8[0-9]{7}\Z"),  # health texts
    st.from_regex(r"\A[1-9][0-9]{11,30}\Z"),  # long numbers
    st.from_regex(r"\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"),  # ids
)

KEYS = st.one_of(st.sampled_from(sorted(FIELDS)), st.sampled_from(["Parameters", "Value", "NewMember2029"]))
NUMBERS = st.one_of(st.integers(-(10**5), 10**5), st.booleans(), st.none())


def forms_of(secret: str) -> st.SearchStrategy[Any]:
    """Yield JSON values that contain a secret: as text, within text, as a number, as a key, in lists and objects."""
    plain: list[Any] = [secret, f"see {secret}!", {secret: 1}, {"Key": secret, "Value": secret}, [secret]]
    if secret.isdecimal():
        plain += [int(secret), -int(secret), [int(secret)], float(secret)]
    return st.recursive(
        st.sampled_from(plain) | NUMBERS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(KEYS | st.just(secret), inner, max_size=4)
            | st.fixed_dictionaries({"HealthEvaluation": st.dictionaries(KEYS, inner, max_size=4)})
        ),
        max_leaves=12,
    )


def parts_of(secret: str) -> list[str]:
    """Return what must not be in a file: the secret as JSON writes it, and each part of it that is a name."""
    inner = [part for part in secret.replace("~", "/").split("/") if len(part) > 7]
    return [json.dumps(part)[1:-1] for part in (secret, *inner)]


def recorded(body: object, status: int = 200, name: str = "") -> str:
    response = Response(status, json.dumps(body).encode())
    call = next(iter(CALLS.values()))
    return exchange_line(exchange_of(response, call, name, Pseudonyms(), AT))


@given(st.data(), SECRETS)
def test_secret_is_in_no_field(data: st.DataObject, secret: str) -> None:
    """In known and unknown members, as keys of maps, as values of the wrong type, at each depth."""
    body = data.draw(st.dictionaries(KEYS | st.just(secret), forms_of(secret), min_size=1, max_size=8))
    line = recorded(body, name=data.draw(st.sampled_from(["", secret, f"fabric:/{secret}"])))
    assert not [part for part in parts_of(secret) if part.lower() in line.lower()]


ONE_OF_EACH_SORT = (
    "shopdb.corp.net:19080",
    "10.20.130.140",
    "0F9A" * 10,
    "7" * 40,
    "Server=db;Password=0pen5esame1234567",
    "C:\\data\\customers.xml",
    "/mnt/secret/customers",
    "_nodefrontend_12",
    "fabric:/customers/accounting",
    "Customers of accounting are in error: 0x80071CC4",
    "123456789012",
    "1234567890123456",
    "6f1c2f5e-0d6b-4a53-9c0e-5b7a1d2e3f40",
)


@pytest.mark.parametrize("secret", ONE_OF_EACH_SORT)
def test_no_rule_keeps_a_secret(secret: str) -> None:
    """Each member of the table, with each sort of secret, in each shape."""
    for key in FIELDS:
        nested = {key: {key: [secret, {secret: 1, key: secret}]}}
        shapes: list[Any] = [secret, f"see {secret}!", [secret], {secret: secret}, [{key: secret}], nested]
        shapes += [int(secret), -int(secret), float(secret)] if secret.isdecimal() else []
        for value in shapes:
            line = recorded({key: value}).lower()
            assert not [part for part in parts_of(secret) if part.lower() in line], (key, value)


SAMPLE_FILES = sorted(
    path for folder in ("reads", "application", "cluster") for path in (SAMPLES / folder).glob("*.json")
)


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_only_known_words_of_real_answers_are_kept(path: Path) -> None:
    """Each text of the published answers is a known word, a time, a duration, a number or a pseudonym."""
    answer = json.loads(path.read_text())
    kept, _ = redacted(answer if isinstance(answer, dict) else {}, Pseudonyms())
    words = set().union(*(value for value in vars(enumerations).values() if isinstance(value, frozenset)))
    for text in texts_of(kept):
        is_pseudonym = text.startswith(("name-", "version-", "text-", "fabric:/name-")) or not text
        is_value = (
            text in words
            or utc(text)
            or text.startswith(("0001-", "P10675199D"))
            or seconds(text) is not None
        )
        is_runtime_version = re.fullmatch(r"\d+\.\d\.\d+\.9\d{3}|0\.0\.0\.0", text)
        assert is_pseudonym or is_value or is_runtime_version, text


def texts_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [value] if isinstance(value, str) else []


def test_unknown_members_are_counted() -> None:
    answer = {"Parameters": [{"Key": "Password"}], "Name": "fabric:/shop", "UpgradeDescription": {"New": 1}}
    kept, dropped = redacted(answer, Pseudonyms())
    assert kept == {"Name": "fabric:/name-1", "UpgradeDescription": {}}
    assert dropped == 2


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("UpgradeState", "RollingForwardInProgress", "RollingForwardInProgress"),
        ("UpgradeState", "RollingBackPending", "RollingBackPending"),
        ("UpgradeState", "RollingSideways", "name-1"),
        ("UpgradeState", 3, None),
        ("Code", "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND", "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND"),
        ("Code", "FABRIC_E_MY_SECRET", "name-1"),
        ("PercentCompleted", "62", "62"),
        ("PercentCompleted", 62.5, 62.5),
        ("PercentCompleted", "sixty", "name-1"),
        ("PercentCompleted", 1234, None),
        ("PercentCompleted", True, None),
        ("PercentCompleted", [62], None),
        ("PercentCompleted", 1e-30, None),
        ("UpgradeReplicaSetCheckTimeoutInSeconds", "4294967295", "4294967295"),
        ("UpgradeDuration", "PT0H2M3.5S", "PT0H2M3.5S"),
        ("UpgradeDuration", "P10675199DT02H48M05.4775807S", "P10675199DT02H48M05.4775807S"),
        ("UpgradeDuration", "PT1.5E-05S", "PT1.5E-05S"),
        ("UpgradeDuration", 900000, 900000),
        ("UpgradeDuration", "P", "name-1"),
        ("StartTimestampUtc", "2026-03-01T03:00:00.1234567Z", "2026-03-01T03:00:00.1234567Z"),
        ("StartTimestampUtc", "yesterday", "name-1"),
        ("StartTimestampUtc", 5, None),
        ("IsExpired", False, False),
        ("IsExpired", "no", "name-1"),
        ("CodeVersion", "10.1.2338.9590", "10.1.2338.9590"),
        ("CodeVersion", NO_VERSION, NO_VERSION),
        ("CodeVersion", "10.1.200.100", "version-1"),
        ("CodeVersion", "shop-1", "version-1"),
        ("CodeVersion", 10, None),
        ("TypeVersion", "10.1.2338.9590", "version-1"),
        ("TypeVersion", 1, None),
        ("Description", ["no text"], None),
        (
            "UpgradeDomains",
            [{"Name": "UD1", "State": "Pending"}, "UD2"],
            [{"Name": "name-1", "State": "Pending"}],
        ),
        ("UpgradeDomains", "UD1", None),
    ],
)
def test_value_is_kept_replaced_or_dropped(key: str, value: object, kept: object) -> None:
    assert redacted({key: value}, Pseudonyms())[0] == {key: kept}


def test_deep_members_are_dropped() -> None:
    answer: dict[str, Any] = {"Name": "innermost"}
    for _ in range(MAX_DEPTH + 5):
        answer = {"HealthEvaluation": answer}
    kept, dropped = redacted(answer, Pseudonyms())
    assert dropped == 1
    assert "Name" not in json.dumps(kept)


def test_enumerations_are_those_of_the_specification() -> None:
    definitions = json.loads((SAMPLES / "upgrade_progress.swagger.json").read_text())["definitions"]
    published = {value for definition in definitions.values() for value in definition.get("enum", ())}
    later = {"RollingBackPending", "ProcessingFailure", "WaitDuration", "StableDuration", "Retry"}
    runtime = enumerations.ERROR_CODES - enumerations._PUBLISHED_CODES
    kept = set().union(*(value for value in vars(enumerations).values() if isinstance(value, frozenset)))
    not_kept = {"Default", "Numeric", "Lexicographical", "ReverseNumeric", "ReverseLexicographical"}
    assert kept - later - runtime == published - not_kept


def test_codes_of_the_runtime_are_public() -> None:
    """They are in the list of codes that was read from the source of the runtime."""
    codes = {line.partition(",")[0] for line in (SAMPLES / "error_codes.csv").read_text().splitlines()}
    assert codes >= enumerations.ERROR_CODES


def test_member_with_members_keeps_no_value() -> None:
    assert members("secret", Pseudonyms()) is None  # type: ignore[func-returns-value]
