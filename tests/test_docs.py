"""The tables in the documentation that are printed from the code."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_sf.auth.connection_form import FIELDS
from airflow_provider_sf.commands.exit_codes import EXIT_CODES
from airflow_provider_sf.commands.options import CONNECTION, ENDPOINT, JSON, NAME, PLAN, WAIT, Options
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


def definitions(*pairs: tuple[str, str]) -> str:
    """Return a definition list. Unlike a table with long cells, it fits on a phone."""
    return "".join(f"{term}\n: {text}\n\n" for term, text in pairs)


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


def kind_section(kind: Kind) -> str:
    fields = "".join(f"- `{field}`: `{key}`\n" for field, key in kind.keys.items())
    return (
        f"### `{kind.name}`\n\n"
        + definitions(
            (
                "Call",
                f"[`GET {kind.progress.path}`]({kind.progress.page}), api-version {kind.progress.api_version}",
            ),
            ("`name`", named_by(kind)),
            ("Least role", ROLES[kind.name]),
            ("Read once if it failed", failure_calls(kind)),
            ("Page in Explorer", f"`#{kind.explorer_fragment}`"),
        )
        + f":::{{dropdown}} Fields of the record, and their keys in the answer\n\n{fields}:::\n\n"
    )


def test_kind_sections_match_the_code(documented: Any) -> None:
    documented("reference/kinds.md", "kinds", "\n" + "".join(map(kind_section, KINDS.values())))


def test_connection_fields_match_the_form(documented: Any) -> None:
    pairs = ((f"`{name}` ({field['label']})", str(field["description"])) for name, field in FIELDS.items())
    documented("reference/connection.md", "fields", "\n" + definitions(*pairs))


def as_code(text: str) -> str:
    """Return a text with its options as code; a site would make one dash of the two."""
    return re.sub(r"--[a-z-]+(?: (?:fail_fast|fail)\b)?", r"`\g<0>`", text)


def test_exit_codes_match_the_code(documented: Any) -> None:
    rows = ((str(row.number), as_code(row.meaning)) for row in EXIT_CODES)
    documented("reference/sf_wait.md", "exit codes", table(("code", "meaning"), *rows))


def option_list(options: Options) -> str:
    """Return the options of a table with their values and texts."""
    pairs = []
    for flag, keywords in options.items():
        value = keywords.get("metavar") or "|".join(keywords.get("choices", ()))
        text = as_code(str(keywords["help"]))
        pairs.append(
            (f"`{' '.join(filter(None, (flag, value)))}`", f"{text[0].upper()}{text[1:].rstrip('.')}.")
        )
    return "\n" + definitions(*pairs)


def test_options_match_the_code(documented: Any) -> None:
    waiting = {"NAME": {"help": NAME["name"]["help"]}, "--kind": NAME["--kind"], **WAIT, **JSON}
    documented("reference/sf_wait.md", "wait options", option_list(waiting))
    documented("reference/sf_wait.md", "plan options", option_list({**PLAN, **JSON}))
    documented("reference/sf_wait.md", "connection options", option_list({**ENDPOINT, **CONNECTION}))
