"""The page "Send us your upgrade" shows what is in a file and what is dropped."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_sf.recordings.exchanges import exchange_of
from airflow_provider_sf.recordings.fields import (
    FIELDS,
    Rule,
    boolean,
    duration,
    elapsed,
    members,
    moment,
    name,
    runtime_version,
    text,
    version,
)
from airflow_provider_sf.recordings.guesses import report_lines
from airflow_provider_sf.recordings.lines import exchange_line
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.recordings.made import AT, numbered

PAGE = "how-to/send_us_your_upgrade.md"

TITLES: dict[str, tuple[Rule, ...]] = {
    "Kept: times": (moment,),
    "Kept: durations": (duration, elapsed),
    "Kept: true and false": (boolean,),
    "Replaced by a pseudonym: names and ids": (name,),
    "Replaced by a pseudonym: versions": (version,),
    "Replaced by a pseudonym: texts": (text,),
    "Kept if it is a version of the runtime, otherwise replaced": (runtime_version,),
    "Read: their members follow the same rules": (members,),
}
LIMITED = {
    "number": "Kept: numbers",
    "one_of": "Kept: values that the specification lists; others are replaced",
}

ANSWER = {
    "Name": "fabric:/shop/web",
    "TypeName": "ShopType",
    "TargetApplicationTypeVersion": "2.0",
    "UpgradeDomains": [{"Name": "UD1", "State": "InProgress"}],
    "UpgradeState": "RollingForwardInProgress",
    "UpgradeDurationInMilliseconds": "PT0H1M30S",
    "StartTimestampUtc": "2026-03-01T02:58:30.000Z",
    "UpgradeDescription": {"Name": "fabric:/shop/web", "Parameters": [{"Key": "Password", "Value": "..."}]},
}


def title_of(rule: Rule) -> str:
    known = {rule: title for title, rules in TITLES.items() for rule in rules}
    return known.get(rule) or LIMITED[rule.__qualname__.partition(".")[0]]


def test_documentation_lists_each_field(documented: Any) -> None:
    titles = sorted({title_of(rule) for rule in FIELDS.values()})
    listed = {
        title: [f"`{key}`" for key, rule in FIELDS.items() if title_of(rule) == title] for title in titles
    }
    documented(
        PAGE, "fields", "\n" + "".join(f"{title}\n: {', '.join(keys)}\n\n" for title, keys in listed.items())
    )


def test_documentation_shows_a_line(documented: Any) -> None:
    call = KINDS["application"].progress
    exchange = exchange_of(
        Response(200, json.dumps(ANSWER).encode()), call, "fabric:/shop/web", Pseudonyms(), AT
    )
    documented(PAGE, "lines", f"\n```text\n{exchange_line(exchange)}```\n\n")


def test_documentation_shows_a_report(documented: Any) -> None:
    call = KINDS["compose_deployment"].progress
    error = {"Error": {"Code": "FABRIC_E_APPLICATION_NOT_FOUND", "Message": "There is no such application."}}
    running = {"UpgradeState": "ProvisioningTarget", "StartTimestampUtc": "0001-01-01T00:00:00.000Z"}
    exchanges = [
        exchange_of(Response(status, json.dumps(answer).encode()), call, "shop", Pseudonyms(), AT)
        for status, answer in ((200, running), (404, error))
    ]
    lines = list(report_lines(numbered(exchanges)))[:-1]
    documented(PAGE, "report", "\n```text\n" + "\n".join(lines) + "\n```\n\n")
