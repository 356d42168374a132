"""The tables in the documentation that are printed from the code."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_sf.auth.connection_form import FIELDS
from airflow_provider_sf.upgrades.kinds import KINDS, Kind
from airflow_provider_sf.upgrades.outcomes import OUTCOMES

WRITTEN = {
    "applicationResourceName": "the application resource: `shop`",
    "applicationId": "the application: `fabric:/shop/web`",
    "deploymentName": "the compose deployment: `shop`",
}

# By the runtime's default settings, ClientAccessConfig.h; the second in brackets is inferred from its source.
ROLES = dict.fromkeys(KINDS, "User") | {
    "application_resource": "User (not confirmed)",
    "compose_deployment": "User (inferred)",
}


def table(*rows: tuple[str, ...]) -> str:
    head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
    return head + f"|{' --- |' * len(rows[0])}\n" + "".join(body)


def named_by(kind: Kind) -> str:
    return next(
        (WRITTEN[name] for name in re.findall(r"{(\w+)}", kind.progress.path)), "nothing: there is one"
    )


def failure_calls(kind: Kind) -> str:
    return (
        ", ".join(f"[`{call.path.rpartition('/')[2]}`]({call.page})" for call in kind.failure_calls)
        or "nothing"
    )


def test_outcome_table_matches_the_code(documented: Any) -> None:
    rows = ((f"`{state}`", f"`{outcome}`") for state, outcome in OUTCOMES.items())
    documented("explanation/how_the_sensor_decides.md", "outcomes", table(("state", "outcome"), *rows))


def test_kind_table_matches_the_code(documented: Any) -> None:
    rows = (
        (
            f"`{kind.name}`",
            f"[`GET {kind.progress.path}`]({kind.progress.page})",
            kind.progress.api_version,
            named_by(kind),
            ROLES[kind.name],
            failure_calls(kind),
            f"`#{kind.explorer_fragment}`",
        )
        for kind in KINDS.values()
    )
    head = (
        "kind",
        "call",
        "api-version",
        "`name`",
        "least role",
        "asked once if it failed",
        "page in Explorer",
    )
    documented("reference/kinds.md", "kinds", table(head, *rows))


def test_field_table_matches_the_code(documented: Any) -> None:
    """Under which key of which kind's answer a field of the record is read."""
    fields = dict.fromkeys(field for kind in KINDS.values() for field in kind.keys)
    rows = (
        (
            f"`{field}`",
            *(f"`{kind.keys[field]}`" if field in kind.keys else "" for kind in KINDS.values()),
        )
        for field in fields
    )
    documented("reference/kinds.md", "fields", table(("field", *(f"`{name}`" for name in KINDS)), *rows))


def test_connection_table_matches_the_form(documented: Any) -> None:
    rows = ((f"`{name}`", str(field["label"]), str(field["description"])) for name, field in FIELDS.items())
    documented("reference/connection.md", "fields", table(("extra field", "label in the form", ""), *rows))
