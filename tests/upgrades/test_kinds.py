"""The table of kinds: what each row asks, reads and says, in literals, and the rules that hold for every row."""

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
    """Airflow's XComArg has a resolve method; nothing else that stands for a value does."""

    def resolve(self) -> str:
        return "a/b"


def test_a_kind_is_found_by_its_name() -> None:
    assert get_kind("application_resource").title == "application resource"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    said = (
        "^kind 'mesh' is not supported; choose one of: application_resource, application, compose_deployment, "
        "cluster, cluster_configuration$"
    )
    with pytest.raises(ValueError, match=said):
        get_kind("mesh")


# Each row.


def test_each_kind_is_called_by_its_title() -> None:
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


@pytest.mark.parametrize(("kind", "name"), URLS)
def test_the_documented_url_is_asked(kind: str, name: str) -> None:
    assert request_for(KINDS[kind].progress, name).target == URLS[kind, name]


def test_the_url_of_every_kind_is_written_down_here() -> None:
    assert {kind for kind, _ in URLS} == set(KINDS)


def test_the_calls_that_explain_a_failure_have_their_documented_urls() -> None:
    assert [request_for(call, "fabric:/shop/web").target for call in (APPLICATION_PROGRESS, APPLICATION_HEALTH)] == [
        "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
        "/Applications/shop~web/$/GetHealth?api-version=6.0",
    ]  # fmt: skip
    assert {kind.name: kind.failure_calls for kind in KINDS.values() if kind.failure_calls} == {
        "application_resource": (APPLICATION_PROGRESS, APPLICATION_HEALTH),
        "compose_deployment": (APPLICATION_PROGRESS, APPLICATION_HEALTH),
    }


def test_each_call_is_there_since_a_version_of_the_runtime() -> None:
    assert {kind.name: kind.since for kind in KINDS.values()} == {
        "application_resource": "7.0",
        "application": "6.0",
        "compose_deployment": "6.0",
        "cluster": "6.0",
        "cluster_configuration": "6.0",
    }


def test_there_are_many_applications_and_deployments_in_a_cluster_but_one_cluster() -> None:
    assert NAMED == ["application_resource", "application", "compose_deployment"]
    assert NAMELESS == ["cluster", "cluster_configuration"]


def test_a_cluster_is_made_of_nodes_and_all_else_of_services() -> None:
    assert {kind.name: kind.parts for kind in KINDS.values()} == {
        "application_resource": "services",
        "application": "services",
        "compose_deployment": "services",
        "cluster": "nodes",
        "cluster_configuration": "nodes",
    }


# Every row.


@every_kind
def test_every_kind_is_found_under_its_name(kind: Kind) -> None:
    assert KINDS[kind.name] is kind
    assert kind.title == kind.name.replace("_", " ")


@every_kind
def test_every_call_cites_its_page(kind: Kind) -> None:
    for call in (kind.progress, *kind.failure_calls, CLUSTER_VERSION):
        assert call.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/sfclient-")


@every_kind
def test_every_kind_says_its_state_and_its_target(kind: Kind) -> None:
    assert {"state", "target_version"} <= set(kind.keys)
    assert len(set(kind.keys.values())) == len(kind.keys)


@every_kind
def test_every_field_of_a_row_is_one_of_the_record(kind: Kind) -> None:
    inside = {"upgrade_domains", "upgrade_units", "current_domain", "current_unit", "failure_domain"}
    assert set(kind.keys) <= {field.name for field in fields(UpgradeProgress)} | inside


@every_kind
def test_what_was_never_upgraded_is_told_by_fields_of_the_record_that_the_row_reads(kind: Kind) -> None:
    assert set(kind.never_upgraded) <= set(kind.keys) & {field.name for field in fields(UpgradeProgress)}


@every_kind
def test_a_kind_with_names_is_named_in_its_explanations_too(kind: Kind) -> None:
    assert all(takes_name(call.path) for call in kind.failure_calls)
    assert kind.takes_name or not kind.failure_calls


@every_kind
@pytest.mark.parametrize("state", [state for state, outcome in OUTCOMES.items() if outcome.finished])
def test_every_kind_ends_in_the_states_of_the_table(kind: Kind, state: str) -> None:
    said = {kind.keys[field]: "1" for field in ("target_version", "upgrade_kind") if field in kind.keys}
    start = {kind.keys["started_at"]: "2026-03-01T02:58:40Z"} if "started_at" in kind.keys else {}
    answer = {**said, **start, kind.keys["state"]: state}
    assert UpgradeProgress.from_answer(kind.name, "", answer).outcome is OUTCOMES[state]
    assert OUTCOMES[state] is not Outcome.NOT_UPGRADED


# Names.


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["shop", "{{ params.name }}", "{% raw %}a/b{% endraw %}", "{# a/b #}"])
def test_a_name_is_checked_as_far_as_it_is_known(kind: str, name: str) -> None:
    check_name(kind, name)


@pytest.mark.parametrize("kind", NAMED)
def test_what_will_be_a_name_later_is_not_checked_now(kind: str) -> None:
    check_name(kind, XComArg())


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", [None, "", 5, ["a"], b"shop"])
def test_a_kind_with_names_takes_nothing_but_a_name(kind: str, name: object) -> None:
    with pytest.raises(ValueError, match=r"is none; give the name of the [a-z ]+, for example '"):
        check_name(kind, name)


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["..", "a%2Fb", "a\\b", "a\nb"])
def test_a_name_that_cannot_be_sent_is_refused_before_it_is(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match="the name"):
        check_name(kind, name)


def test_only_a_classic_application_may_have_a_name_of_several_parts() -> None:
    check_name("application", "fabric:/a/b")
    for kind in ("application_resource", "compose_deployment"):
        with pytest.raises(ValueError, match="'fabric:/a/b' holds '/'"):
            check_name(kind, "fabric:/a/b")


@pytest.mark.parametrize("kind", NAMELESS)
@pytest.mark.parametrize("name", [None, ""])
def test_a_kind_without_names_takes_none(kind: str, name: object) -> None:
    check_name(kind, name)


@pytest.mark.parametrize("kind", NAMELESS)
@pytest.mark.parametrize("name", ["shop", "{{ params.name }}", XComArg(), 5])
def test_a_kind_without_names_refuses_each_even_one_that_comes_later(kind: str, name: object) -> None:
    with pytest.raises(ValueError, match="a cluster has no name in its own API: leave name out instead of"):
        check_name(kind, name)


def test_a_name_of_no_kind_is_refused() -> None:
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
def test_a_template_or_an_xcomarg_is_rendered_later(value: object) -> None:
    assert is_rendered_later(value) is True


@pytest.mark.parametrize(
    "value", ["shop", "{shop}", "}} {", "", None, 5, 2.5, True, ["shop"], {"a": {"b": 1}}]
)
def test_a_plain_value_stays_as_it_is(value: object) -> None:
    assert is_rendered_later(value) is False


# Service Fabric Explorer.


@pytest.mark.parametrize(
    ("kind", "name", "answer", "path"),
    [
        ("application_resource", "shop", {"TypeName": "T"}, "/apps"),
        ("application", "fabric:/shop/web", {"TypeName": "WebType"}, "/apptype/WebType/app/shop~web"),
        ("application", "shop~web", {"TypeName": "My/Type é"}, "/apptype/My%2FType%20%C3%A9/app/shop~web"),
        ("application", "shop", {"TypeName": "{applicationId}"}, "/apptype/%7BapplicationId%7D/app/shop"),
        ("application", "shop", {"TypeName": 5}, "/apptype/5/app/shop"),
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
def test_every_kind_has_its_page_in_explorer(kind: str, name: str, answer: Any, path: str) -> None:
    assert explorer_path(kind, name, answer) == path


@every_kind
def test_without_an_answer_too_there_is_a_page_in_explorer(kind: Kind) -> None:
    path = explorer_path(kind.name, "shop" if kind.takes_name else "")
    assert path.startswith("/")
    assert "{" not in path


# Advice for a cluster that does not take the call.

ALL_FROM_6 = "application, compose_deployment, cluster, cluster_configuration"


@pytest.mark.parametrize(
    ("kind", "version", "said"),
    [
        ("application_resource", None, "probably this runtime lacks the call, which is there from 7.0 on"),
        ("application_resource", "unknown", "probably this runtime lacks the call, which is there from 7.0 on"),
        ("application", "", "probably this runtime lacks the call, which is there from 6.0 on"),
        (
            "cluster_configuration",
            None,
            "probably this runtime lacks the call, which is there from 6.0 on; only standalone clusters answer it",
        ),
        (
            "application_resource",
            "6.5.676.9590",
            "the cluster runs 6.5.676.9590, but this call is there from 7.0 on; that version has: " + ALL_FROM_6,
        ),
        (
            "cluster",
            "5.7.198.9494",
            "the cluster runs 5.7.198.9494, but this call is there from 6.0 on; that version has: none of the kinds",
        ),
        (
            "application_resource",
            "7.0.457.9590",
            "the cluster runs 7.0.457.9590, which should know this call: check name and kind",
        ),
        ("application", "10.1", "the cluster runs 10.1, which should know this call: check name and kind"),
        (
            "cluster_configuration",
            "10.1.2338.9590",
            (
                "the cluster runs 10.1.2338.9590, which should know this call: check name and kind; only standalone "
                "clusters answer it"
            ),
        ),
    ],
)  # fmt: skip
def test_advice_says_what_this_version_of_the_runtime_has(kind: str, version: str | None, said: str) -> None:
    assert unsupported_call_advice(kind, version) == said


@pytest.mark.parametrize("version", ["\u0667.\u0660", "9" * 30 + ".1", "7", "v7.0", "-7.0", "\x00"])
def test_an_odd_version_is_none(version: str) -> None:
    assert unsupported_call_advice("application", version).startswith("probably this runtime lacks the call")


@every_kind
def test_a_runtime_that_is_new_enough_for_a_kind_is_not_blamed(kind: Kind) -> None:
    assert unsupported_call_advice(kind.name, f"{kind.since}.1").startswith(
        f"the cluster runs {kind.since}.1, which should know"
    )
