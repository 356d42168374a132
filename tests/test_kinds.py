"""The table of kinds, and what a DAG file may say of a kind and a name."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.kinds import KINDS, check_name, is_rendered_later, kind_named

KIND = "application_resource"


class XComArg:
    """Airflow's XComArg has a resolve method; nothing else that stands for a value does."""

    def resolve(self) -> str:
        return "a/b"


def test_a_kind_is_found_by_its_name() -> None:
    assert kind_named("application_resource").title == "application resource"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'mesh' is not supported; choose one of: application_resource"):
        kind_named("mesh")


@pytest.mark.parametrize(
    "name", ["shop", "{{ params.application }}", "{% raw %}a/b{% endraw %}", "{# a/b #}"]
)
def test_a_name_is_checked_as_far_as_it_is_known(name: str) -> None:
    check_name(KIND, name)


@pytest.mark.parametrize("name", [None, 5, ["a"], b"shop"])
def test_what_is_no_string_is_no_name(name: object) -> None:
    with pytest.raises(ValueError, match="is none; give the name"):
        check_name(KIND, name)


def test_what_will_be_a_name_later_is_not_checked_now() -> None:
    check_name(KIND, XComArg())


def test_a_name_that_cannot_be_sent_is_refused_before_it_is() -> None:
    with pytest.raises(ValueError, match="'a/b' holds '/'"):
        check_name(KIND, "a/b")
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


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_cites_its_page(kind: Any) -> None:
    assert kind.progress.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/")


def test_every_kind_has_its_page_in_explorer() -> None:
    assert {kind.name: kind.explorer for kind in KINDS.values()} == {"application_resource": "/apps"}
