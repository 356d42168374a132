"""The table of kinds: each row in literals, and the rules for all rows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, request_for
from airflow_provider_sf.rest.url_names import takes_name
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import (
    APPLICATION_HEALTH,
    APPLICATION_PROGRESS,
    CLUSTER_PROGRESS,
    KINDS,
    Kind,
    explorer_path,
    get_kind,
    unsupported_call_advice,
)
from airflow_provider_sf.upgrades.outcomes import OUTCOMES, Outcome
from airflow_provider_sf.wait.parameters import check_name, is_rendered_later

NAMED = [kind.name for kind in KINDS.values() if kind.takes_name]
NAMELESS = [kind.name for kind in KINDS.values() if not kind.takes_name]
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


class XComArg:
    """Like Airflow's XComArg, it has a resolve method."""

    def resolve(self) -> str:
        return "a/b"


def test_kind_is_found_by_name() -> None:
    assert get_kind("application_resource").title == "application resource"


def test_unknown_kind_is_refused_with_the_choices() -> None:
    message = (
        "^kind 'mesh' is not supported; choose one of: application_resource, application, compose_deployment, "
        "cluster, cluster_configuration$"
    )
    with pytest.raises(ValueError, match=message):
        get_kind("mesh")


# The rows.


def test_titles_of_the_kinds() -> None:
    assert {kind.name: kind.title for kind in KINDS.values()} == {
        "application_resource": "application resource",
        "application": "application",
        "compose_deployment": "compose deployment",
        "cluster": "cluster",
        "cluster_configuration": "cluster configuration",
    }


URLS = {
    ("application_resource", "shop"): "/Resources/Applications/shop/$/GetUpgradeProgress?api-version=7.0",
    ("application", "fabric:/shop/web"): "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
    ("application", "shop/web"): "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
    ("application", "shop~web"): "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
    ("application", "fabric:/shop"): "/Applications/shop/$/GetUpgradeProgress?api-version=6.0",
    ("application", "my shop/é"): "/Applications/my%20shop~%C3%A9/$/GetUpgradeProgress?api-version=6.0",
    ("compose_deployment", "shop"): "/ComposeDeployments/shop/$/GetUpgradeProgress?api-version=6.0-preview",
    ("compose_deployment", "my shop"): "/ComposeDeployments/my%20shop/$/GetUpgradeProgress?api-version=6.0-preview",
    ("cluster", ""): "/$/GetUpgradeProgress?api-version=6.0",
    ("cluster_configuration", ""): "/$/GetClusterConfigurationUpgradeStatus?api-version=6.0",
}  # fmt: skip


@pytest.mark.kind_samples
@pytest.mark.parametrize(("kind", "name"), URLS)
def test_progress_url(kind: str, name: str) -> None:
    assert request_for(KINDS[kind].progress, name).target == URLS[kind, name]


def test_every_kind_has_a_url_here() -> None:
    assert {kind for kind, _ in URLS} == set(KINDS)


def test_urls_of_the_failure_calls() -> None:
    assert [request_for(call, "fabric:/shop/web").target for call in (APPLICATION_PROGRESS, APPLICATION_HEALTH)] == [
        "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
        "/Applications/shop~web/$/GetHealth?api-version=6.0",
    ]  # fmt: skip
    assert request_for(CLUSTER_PROGRESS).target == "/$/GetUpgradeProgress?api-version=6.0"
    assert {kind.name: kind.failure_calls for kind in KINDS.values() if kind.failure_calls} == {
        "application_resource": (APPLICATION_PROGRESS, APPLICATION_HEALTH),
        "compose_deployment": (APPLICATION_PROGRESS, APPLICATION_HEALTH),
        "cluster_configuration": (CLUSTER_PROGRESS,),
    }


def test_resume_commands_of_each_kind() -> None:
    assert {kind.name: kind.resume_command for kind in KINDS.values() if kind.resume_command} == {
        "application": "Resume-ServiceFabricApplicationUpgrade -ApplicationName {name} -UpgradeDomainName {domain}",
        "cluster": "Resume-ServiceFabricClusterUpgrade -UpgradeDomainName {domain}",
    }


def test_first_runtime_version_of_each_kind() -> None:
    assert {kind.name: kind.min_runtime_version for kind in KINDS.values()} == {
        "application_resource": "7.0",
        "application": "6.0",
        "compose_deployment": "6.0",
        "cluster": "6.0",
        "cluster_configuration": "6.0",
    }


def test_kinds_with_names() -> None:
    assert NAMED == ["application_resource", "application", "compose_deployment"]
    assert NAMELESS == ["cluster", "cluster_configuration"]


def test_components_of_each_kind() -> None:
    assert {kind.name: kind.components for kind in KINDS.values()} == {
        "application_resource": "services",
        "application": "services",
        "compose_deployment": "services",
        "cluster": "nodes",
        "cluster_configuration": "nodes",
    }


# Rules for all rows.


@every_kind
def test_title_matches_the_name(kind: Kind) -> None:
    assert KINDS[kind.name] is kind
    assert kind.title == kind.name.replace("_", " ")


@every_kind
def test_calls_link_to_their_documentation(kind: Kind) -> None:
    for call in (kind.progress, *kind.failure_calls, CLUSTER_VERSION):
        assert call.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/sfclient-")


@every_kind
def test_every_kind_reports_state_and_version(kind: Kind) -> None:
    assert {"state", "target_version"} <= set(kind.keys)
    assert len(set(kind.keys.values())) == len(kind.keys)


@every_kind
def test_fields_of_a_row_are_record_fields(kind: Kind) -> None:
    inside = {
        "upgrade_domains",
        "upgrade_units",
        "current_domain",
        "current_unit",
        "next_domain",
        "failure_domain",
    }
    assert set(kind.keys) <= {field.name for field in fields(UpgradeProgress)} | inside


@every_kind
def test_never_upgraded_uses_fields_of_the_row(kind: Kind) -> None:
    assert set(kind.never_upgraded) <= set(kind.keys) & {field.name for field in fields(UpgradeProgress)}


@every_kind
def test_failure_calls_take_the_same_name(kind: Kind) -> None:
    assert all(takes_name(call.path) is kind.takes_name for call in kind.failure_calls)


@every_kind
@pytest.mark.parametrize("state", [state for state, outcome in OUTCOMES.items() if outcome.finished])
def test_finished_states_of_every_kind(kind: Kind, state: str) -> None:
    versions = {kind.keys[field]: "1" for field in ("target_version", "upgrade_kind") if field in kind.keys}
    start = {kind.keys["started_at"]: "2026-03-01T02:58:40Z"} if "started_at" in kind.keys else {}
    answer = {**versions, **start, kind.keys["state"]: state}
    assert UpgradeProgress.from_answer(kind.name, "", answer).outcome is OUTCOMES[state]
    assert OUTCOMES[state] is not Outcome.NOT_UPGRADED


# Names.


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["shop", "{{ params.name }}", "{% raw %}a/b{% endraw %}", "{# a/b #}"])
def test_template_is_a_valid_name(kind: str, name: str) -> None:
    check_name(kind, name)


@pytest.mark.parametrize("kind", NAMED)
def test_xcomarg_is_a_valid_name(kind: str) -> None:
    check_name(kind, XComArg())


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", [None, "", 5, ["a"], b"shop"])
def test_missing_name_is_refused(kind: str, name: object) -> None:
    with pytest.raises(ValueError, match=r"name .*: set name to the [a-z ]+, for example '"):
        check_name(kind, name)


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["..", "a%2Fb", "a\\b", "a\nb"])
def test_invalid_name_is_refused_at_parse_time(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid name"):
        check_name(kind, name)


def test_only_classic_application_names_have_several_parts() -> None:
    check_name("application", "fabric:/a/b")
    for kind in ("application_resource", "compose_deployment"):
        with pytest.raises(ValueError, match=r"^invalid name 'a/b': it contains the separator '/'$"):
            check_name(kind, "a/b")


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("application_resource", "this is the name of a classic application: set kind='application'"),
        (
            "compose_deployment",
            "write the name of a compose deployment without 'fabric:/': 'shop'",
        ),
    ],
)
def test_name_of_another_kind_has_a_cure(kind: str, cure: str) -> None:
    with pytest.raises(ValueError, match=f"^invalid name 'fabric:/shop': {cure}$"):
        check_name(kind, "fabric:/shop")


@pytest.mark.parametrize("kind", NAMELESS)
@pytest.mark.parametrize("name", [None, ""])
def test_cluster_kind_needs_no_name(kind: str, name: object) -> None:
    check_name(kind, name)


@pytest.mark.parametrize("kind", NAMELESS)
@pytest.mark.parametrize("name", ["shop", "{{ params.name }}", XComArg(), 5])
def test_cluster_kind_refuses_every_name(kind: str, name: object) -> None:
    with pytest.raises(ValueError, match=r"^name must be empty for a cluster, not "):
        check_name(kind, name)


def test_name_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'mesh'"):
        check_name("mesh", "shop")


@pytest.mark.parametrize(
    "value",
    [
        "{{ params.application }}",
        "shop-{{ ds }}",
        "{% if a %}b{% endif %}",
        "{# note #}",
        "{{",
        {"name": "{{ ds }}"},
        ["{{ ds }}"],
        XComArg(),
    ],
)
def test_template_is_rendered_later(value: object) -> None:
    assert is_rendered_later(value) is True


@pytest.mark.parametrize(
    "value", ["shop", "{shop}", "}} {", "", None, 5, 2.5, True, ["shop"], {"a": {"b": 1}}]
)
def test_plain_value_is_not_rendered_later(value: object) -> None:
    assert is_rendered_later(value) is False


# Service Fabric Explorer.


@pytest.mark.kind_samples
@pytest.mark.parametrize(
    ("kind", "name", "answer", "path"),
    [
        ("application_resource", "shop", {"TypeName": "T"}, "/apps"),
        ("application", "fabric:/shop/web", {"TypeName": "WebType"}, "/apptype/WebType/app/shop~web"),
        ("application", "shop~web", {"TypeName": "My/Type é"}, "/apptype/My%2FType%20%C3%A9/app/shop~web"),
        ("application", "shop", {"TypeName": "{applicationId}"}, "/apptype/%7BapplicationId%7D/app/shop"),
        ("application", "shop", {"TypeName": 5}, "/apptype/5/app/shop"),
        ("application", "shop", {"TypeName": "x" * 257}, "/apps"),
        ("application", "shop", {"TypeName": ""}, "/apps"),
        ("application", "shop", {"TypeName": None}, "/apps"),
        ("application", "shop", {}, "/apps"),
        ("application", "shop", None, "/apps"),
        ("application", "shop", [], "/apps"),
        ("compose_deployment", "shop", {"TypeName": "T"}, "/apps"),
        ("cluster", "", {}, "/"),
        ("cluster_configuration", "", None, "/"),
    ],
)
def test_explorer_path(kind: str, name: str, answer: Any, path: str) -> None:
    assert explorer_path(kind, name, answer) == path


@every_kind
def test_explorer_path_without_an_answer(kind: Kind) -> None:
    path = explorer_path(kind.name, "shop" if kind.takes_name else "")
    assert path.startswith("/")
    assert "{" not in path


# Advice for a cluster that does not support the call.

ALL_FROM_6 = "application, compose_deployment, cluster, cluster_configuration"


@pytest.mark.parametrize(
    ("kind", "version", "text"),
    [
        ("application_resource", None, "this call needs runtime 7.0 or later, which the cluster probably does not have"),
        ("application_resource", "unknown", "this call needs runtime 7.0 or later, which the cluster probably does not have"),
        ("application", "", "this call needs runtime 6.0 or later, which the cluster probably does not have"),
        (
            "cluster_configuration",
            None,
            "this call needs runtime 6.0 or later, which the cluster probably does not have; only standalone clusters support this call",
        ),
        (
            "application_resource",
            "6.5.676.9590",
            "the cluster runs 6.5.676.9590, but this call needs 7.0 or later; kinds of that version: " + ALL_FROM_6,
        ),
        (
            "cluster",
            "5.7.198.9494",
            "the cluster runs 5.7.198.9494, but this call needs 6.0 or later; kinds of that version: none",
        ),
        (
            "application_resource",
            "7.0.457.9590",
            "the cluster runs 7.0.457.9590, which supports this call: check name and kind",
        ),
        ("application", "10.1", "the cluster runs 10.1, which supports this call: check name and kind"),
        (
            "cluster_configuration",
            "10.1.2338.9590",
            (
                "the cluster runs 10.1.2338.9590, which supports this call: check name and kind; only standalone "
                "clusters support this call"
            ),
        ),
    ],
)  # fmt: skip
def test_advice_for_an_unsupported_call(kind: str, version: str | None, text: str) -> None:
    assert unsupported_call_advice(kind, version) == text


@pytest.mark.parametrize("version", ["\u0667.\u0660", "9" * 30 + ".1", "7", "v7.0", "-7.0", "\x00"])
def test_unreadable_version_is_unknown(version: str) -> None:
    assert unsupported_call_advice("application", version).startswith(
        "this call needs runtime 6.0 or later, which the cluster "
    )


@every_kind
def test_first_runtime_version_supports_the_kind(kind: Kind) -> None:
    assert unsupported_call_advice(kind.name, f"{kind.min_runtime_version}.1").startswith(
        f"the cluster runs {kind.min_runtime_version}.1, which supports"
    )
