"""Names in URLs: they cannot change the path, and three spellings are one application."""

from __future__ import annotations

import re
from urllib.parse import unquote

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from airflow_provider_sf.rest.url_names import (
    application_id,
    fill_path,
    normalized_name,
    noun_for_key,
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


# Paths with and without a name.


@pytest.mark.parametrize("path", [RESOURCE, APPLICATION, DEPLOYMENT])
def test_path_with_a_parameter_takes_a_name(path: str) -> None:
    assert takes_name(path) is True


@pytest.mark.parametrize("path", [CLUSTER, "/Applications", ""])
def test_path_without_a_parameter_takes_no_name(path: str) -> None:
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
def test_name_replaces_the_parameter(path: str, name: object, written: str) -> None:
    assert fill_path(path, name) == written


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        (RESOURCE, "set name to the application resource, for example 'shop'"),
        (APPLICATION, "set name to the application, for example 'fabric:/shop/web'"),
        (DEPLOYMENT, "set name to the deployment, for example 'shop'"),
    ],
)
@pytest.mark.parametrize("name", ["", None, 5, ["a"], b"shop", True])
def test_missing_name_is_refused_with_an_example(path: str, name: object, advice: str) -> None:
    problem = f"invalid name {name!r}" if name else "name is empty"
    assert refusal_of(path, name) == f"{problem}: {advice}"


@pytest.mark.parametrize("name", ["shop", "fabric:/System", "{{ ds }}", 5])
def test_cluster_has_no_name(name: object) -> None:
    assert refusal_of(CLUSTER, name) == (f"name must be empty for a cluster, not {name!r}: remove name")


# Names of another kind, and long names.


@pytest.mark.parametrize("name", ["fabric:/shop", "Fabric:/shop/web"])
def test_resource_with_a_scheme_needs_another_kind(name: str) -> None:
    assert refusal_of(RESOURCE, name) == (
        f"invalid name {name!r}: this is the name of a classic application: set kind='application'"
    )


def test_deployment_is_named_without_a_scheme() -> None:
    assert refusal_of(DEPLOYMENT, "fabric:/shop") == (
        "invalid name 'fabric:/shop': write the name of a compose deployment without 'fabric:/': 'shop'"
    )


@pytest.mark.parametrize("path", [RESOURCE, APPLICATION, DEPLOYMENT])
def test_long_name_is_refused_and_cut(path: str) -> None:
    assert fill_path(path, "x" * 512).count("x") == 512
    assert refusal_of(path, "x" * 513) == (
        f"invalid name '{'x' * 99}...: it has 513 characters, 512 are the maximum"
    )
    assert len(refusal_of(path, "x" * 100_000)) < 200
    assert len(refusal_of(path, ["x" * 100_000])) < 200
    assert len(refusal_of(CLUSTER, "x" * 100_000)) < 200


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
def test_name_is_quoted_as_one_segment(name: str, segment: str) -> None:
    assert path_segment(name) == segment


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".", "is a relative path"),
        ("..", "is a relative path"),
        ("a/b", "contains the separator '/'"),
        ("../Volumes", "contains the separator '/'"),
        ("a\\b", "contains the separator '\\\\'"),
        ("a%2Fb", "contains the separator '%2f'"),
        ("a%2fb", "contains the separator '%2f'"),
        ("a%5Cb", "contains the separator '%5c'"),
        ("a\nb", "contains a control character"),
        ("a\x00", "contains a control character"),
        ("\x7f", "contains a control character"),
        ("a\x85", "contains a control character"),
        ("\ud800", "contains a control character"),
    ],
)
def test_name_that_changes_the_path_is_refused(name: str, reason: str) -> None:
    for path in (RESOURCE, DEPLOYMENT):
        assert refusal_of(path, name) == f"invalid name {name!r}: it {reason}"


# The ids of classic applications. What they may contain: NamingUri.cpp and Uri.cpp of microsoft/service-fabric.


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
def test_application_id(name: str, written: str) -> None:
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
def test_application_name_with_empty_part_is_refused(
    name: str,
) -> None:
    assert refusal_of(APPLICATION, name) == (
        f"invalid name {name!r}: write it as 'fabric:/shop/web', 'shop/web' or 'shop~web'"
    )


@pytest.mark.parametrize("reserved", ["$", "+", "|", "?", "#"])
@pytest.mark.parametrize("around", ["{}", "fabric:/shop/web{}", "sh{}op/web", "shop~{}web"])
def test_reserved_character_is_refused(around: str, reserved: str) -> None:
    name = around.format(reserved)
    assert refusal_of(APPLICATION, name) == (
        f"invalid name {name!r}: the name of an application cannot contain {reserved!r}"
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
def test_part_that_changes_the_path_is_refused(name: str, part: str) -> None:
    assert refusal_of(APPLICATION, name).startswith(f"invalid name {part!r}: it ")


@given(st.text(min_size=1, max_size=30) | st.text("ab.~/$%2Ff:\\ {}\n", min_size=1, max_size=12))
def test_accepted_name_stays_in_its_segment(name: str) -> None:
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


@given(st.lists(st.text("ab. é-", min_size=1, max_size=5), min_size=1, max_size=4))
def test_three_spellings_are_one_application(parts: list[str]) -> None:
    assume(not {".", ".."} & set(parts))
    spellings = [f"fabric:/{'/'.join(parts)}", "/".join(parts), "~".join(parts)]
    assert len({fill_path(APPLICATION, name) for name in spellings}) == 1
    assert len({normalized_name(name) for name in spellings}) == 1


@pytest.mark.parametrize(
    "name", ["fabric:/Shop/Web", "fabric:/shop/web", "FABRIC:/shop/web", "shop/web", "shop~web", "SHOP~WEB"]
)
def test_normalized_names_are_equal(name: str) -> None:
    assert normalized_name(name) == "shop/web"


def test_normalized_empty_name_is_empty() -> None:
    assert normalized_name("") == ""
    assert normalized_name("fabric:/") == ""


# Nouns for keys.


@pytest.mark.parametrize(
    ("key", "noun"),
    [
        ("NodeTypeName", "node type"),
        ("PartitionId", "partition"),
        ("ReplicaOrInstanceId", "replica"),
        ("applicationResourceName", "application resource"),
        ("applicationId", "application"),
        ("Name", ""),
    ],
)
def test_noun_for_a_key(key: str, noun: str) -> None:
    assert noun_for_key(key) == noun
