"""Names become parts of a URL that cannot lead anywhere else, and three spellings are one application."""

from __future__ import annotations

import re
from urllib.parse import unquote

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from airflow_provider_sf.rest.url_names import (
    application_id,
    fill_path,
    normalized_name,
    path_segment,
    takes_name,
)

RESOURCE = "/Resources/Applications/{applicationResourceName}"
APPLICATION = "/Applications/{applicationId}/$/GetHealth"
DEPLOYMENT = "/ComposeDeployments/{deploymentName}/$/GetUpgradeProgress"
CLUSTER = "/$/GetUpgradeProgress"


def refusal_of(path: str, name: object) -> str:
    with pytest.raises(ValueError, match="name") as refused:
        fill_path(path, name)
    return str(refused.value)


# Which paths take a name, and what becomes of it.


@pytest.mark.parametrize("path", [RESOURCE, APPLICATION, DEPLOYMENT])
def test_a_path_with_a_parameter_takes_a_name(path: str) -> None:
    assert takes_name(path) is True


@pytest.mark.parametrize("path", [CLUSTER, "/Applications", ""])
def test_a_path_without_a_parameter_takes_none(path: str) -> None:
    assert takes_name(path) is False


@pytest.mark.parametrize(
    ("path", "name", "written"),
    [
        (RESOURCE, "shop", "/Resources/Applications/shop"),
        (RESOURCE, "my shop", "/Resources/Applications/my%20shop"),
        (RESOURCE, "a~b", "/Resources/Applications/a~b"),
        (APPLICATION, "fabric:/shop/web", "/Applications/shop~web/$/GetHealth"),
        (APPLICATION, "shop/web", "/Applications/shop~web/$/GetHealth"),
        (APPLICATION, "shop~web", "/Applications/shop~web/$/GetHealth"),
        (APPLICATION, "shop", "/Applications/shop/$/GetHealth"),
        (DEPLOYMENT, "shop", "/ComposeDeployments/shop/$/GetUpgradeProgress"),
        (CLUSTER, "", "/$/GetUpgradeProgress"),
        (CLUSTER, None, "/$/GetUpgradeProgress"),
    ],
)
def test_a_name_takes_the_place_of_the_parameter(path: str, name: object, written: str) -> None:
    assert fill_path(path, name) == written


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (RESOURCE, "is none; give the name of the application resource, for example 'shop'"),
        (APPLICATION, "is none; give the name of the application, for example 'fabric:/shop/web'"),
        (DEPLOYMENT, "is none; give the name of the deployment, for example 'shop'"),
    ],
)
@pytest.mark.parametrize("name", ["", None, 5, ["a"], b"shop", True])
def test_what_is_no_name_is_refused_with_what_to_give_and_an_example(
    path: str, name: object, said: str
) -> None:
    assert refusal_of(path, name) == f"the name {name!r} {said}"


@pytest.mark.parametrize("name", ["shop", "fabric:/System", "{{ ds }}", 5])
def test_a_cluster_has_no_name(name: object) -> None:
    assert refusal_of(CLUSTER, name) == (
        f"a cluster has no name in its own API: leave name out instead of {name!r}"
    )


# Segments: application resources and compose deployments.


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("shop", "shop"),
        ("my shop", "my%20shop"),
        ("x?y=1", "x%3Fy%3D1"),
        ("x#frag", "x%23frag"),
        ("100%", "100%25"),
        ("{curly}", "%7Bcurly%7D"),
        ("a+b", "a%2Bb"),
        ("a&b=c", "a%26b%3Dc"),
        ("$", "%24"),
        ("~", "~"),
        ("...", "..."),
        ("a..b", "a..b"),
        ("é", "%C3%A9"),
        ("購", "%E8%B3%BC"),
        ("a%2", "a%252"),
        (":", "%3A"),
    ],
)
def test_a_name_is_quoted_as_one_segment(name: str, segment: str) -> None:
    assert path_segment(name) == segment


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "is a step in a path, not a name"),
        ("..", "is a step in a path, not a name"),
        ("a/b", "holds '/'; a name is one path segment without separators"),
        ("../Volumes", "holds '/'; a name is one path segment without separators"),
        ("a\\b", "holds '\\\\'; a name is one path segment without separators"),
        ("a%2Fb", "holds '%2f'; a name is one path segment without separators"),
        ("a%2fb", "holds '%2f'; a name is one path segment without separators"),
        ("a%5Cb", "holds '%5c'; a name is one path segment without separators"),
        ("a\nb", "holds a control character"),
        ("a\x00", "holds a control character"),
        ("\x7f", "holds a control character"),
        ("a\x85", "holds a control character"),
        ("\ud800", "holds a control character"),
    ],
)
def test_a_name_that_could_change_the_path_is_refused_with_its_value(name: str, said: str) -> None:
    for path in (RESOURCE, DEPLOYMENT):
        assert refusal_of(path, name) == f"the name {name!r} {said}"


# The ids of classic applications. What they may hold: NamingUri.cpp and Uri.cpp of microsoft/service-fabric.


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("fabric:/shop/web/eu", "shop~web~eu"),
        ("FABRIC:/shop", "shop"),
        ("Fabric:/Shop/Web", "Shop~Web"),
        ("my shop/web", "my%20shop~web"),
        ("a.b/..c", "a.b~..c"),
        ("shop/é", "shop~%C3%A9"),
        ("shop/a=b;c@d!", "shop~a%3Db%3Bc%40d%21"),
        ("fabricate", "fabricate"),
        ("shop/fabric:", "shop~fabric%3A"),
    ],
)
def test_the_name_of_an_application_becomes_its_id(name: str, written: str) -> None:
    assert application_id(name) == written


@pytest.mark.parametrize(
    "name",
    [
        "fabric:/",
        "fabric:",
        "fabric:shop",
        "Fabric:shop/web",
        "fabric://shop",
        "fabric:~shop",
        "fabric:/shop/",
        "fabric:/shop//web",
        "/shop",
        "shop/",
        "shop~",
        "~shop",
        "shop~~web",
        "shop~/web",
        "/",
        "~",
    ],
)
def test_an_application_whose_name_has_an_empty_part_or_half_a_scheme_is_refused_with_its_spellings(
    name: str,
) -> None:
    assert refusal_of(APPLICATION, name) == (
        f"the name {name!r} has an empty part; write it as 'fabric:/shop/web', 'shop/web' or 'shop~web'"
    )


@pytest.mark.parametrize("reserved", ["$", "+", "|", "?", "#"])
@pytest.mark.parametrize("around", ["{}", "fabric:/shop/web{}", "sh{}op/web", "shop~{}web"])
def test_what_no_name_of_an_application_can_hold_is_refused_with_its_value(
    around: str, reserved: str
) -> None:
    name = around.format(reserved)
    assert refusal_of(APPLICATION, name) == (
        f"the name {name!r} holds {reserved!r}, which no name of an application can hold"
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("fabric:/shop/..", ".."),
        ("..~Volumes", ".."),
        ("shop/./web", "."),
        ("shop/w\neb", "w\neb"),
        ("shop~\x00", "\x00"),
        ("shop/\ud800", "\ud800"),
        ("shop%2Fweb", "shop%2Fweb"),
        ("shop/we%2fb", "we%2fb"),
        ("shop%5cweb", "shop%5cweb"),
        ("shop\\web", "shop\\web"),
    ],
)
def test_a_part_of_a_name_that_could_change_the_path_is_refused_with_its_value(name: str, part: str) -> None:
    assert refusal_of(APPLICATION, name).startswith(f"the name {part!r} ")


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=30) | st.text("ab.~/$%2Ff:\\ {}\n", min_size=1, max_size=12))
def test_whatever_is_not_refused_stays_in_its_place(name: str) -> None:
    for path in (RESOURCE, APPLICATION, DEPLOYMENT):
        try:
            written = fill_path(path, name)
        except ValueError:
            continue
        before, _, after = re.split(r"(\{\w+\})", path)
        segment = written.removeprefix(before).removesuffix(after)
        assert written == f"{before}{segment}{after}"
        assert re.fullmatch(r"[\w.~%-]+", segment, re.ASCII)
        assert segment not in {".", ".."}
        assert not {".", ".."} & set(segment.split("~")) or path != APPLICATION
        if path != APPLICATION:
            assert unquote(segment) == name


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab. é-", min_size=1, max_size=5), min_size=1, max_size=4))
def test_three_spellings_are_one_application(parts: list[str]) -> None:
    assume(not {".", ".."} & set(parts))
    spellings = [f"fabric:/{'/'.join(parts)}", "/".join(parts), "~".join(parts)]
    assert len({fill_path(APPLICATION, name) for name in spellings}) == 1
    assert len({normalized_name(name) for name in spellings}) == 1


@pytest.mark.parametrize(
    "name", ["fabric:/Shop/Web", "fabric:/shop/web", "FABRIC:/shop/web", "shop/web", "shop~web", "SHOP~WEB"]
)
def test_two_names_of_one_thing_are_equal_when_they_are_bare(name: str) -> None:
    assert normalized_name(name) == "shop/web"


def test_nothing_is_left_of_no_name() -> None:
    assert normalized_name("") == ""
    assert normalized_name("fabric:/") == ""
