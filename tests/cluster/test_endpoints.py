"""Valid and invalid values of host, port and explorer_url; errors show no secret."""

from __future__ import annotations

import pytest

from airflow_provider_sf.cluster.endpoints import explorer_url, gateway_urls


@pytest.mark.parametrize(
    ("host", "port", "endpoint"),
    [
        ("mycluster.example.com", None, "http://mycluster.example.com:19080"),
        ("mycluster.example.com", 80, "http://mycluster.example.com:80"),
        ("10.0.0.4:19081", None, "http://10.0.0.4:19081"),
        ("10.0.0.4:19081", 19081, "http://10.0.0.4:19081"),
        ("http://localhost", 19085, "http://localhost:19085"),
        ("http://localhost:1/", None, "http://localhost:1"),
        ("[::1]", None, "http://[::1]:19080"),
        ("http://[fe80::1]:99", None, "http://[fe80::1]:99"),
        ("fe80::1", 99, "http://[fe80::1]:99"),
        ("müller.example.com", None, "http://xn--mller-kva.example.com:19080"),
    ],
)
def test_host_may_name_its_port(host: str, port: int | None, endpoint: str) -> None:
    assert gateway_urls(host, port) == (endpoint,)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        (None, None, "host is empty"),
        ("", 19080, "host is empty"),
        ("ftp://x", None, "host 'ftp://x': its scheme is not http or https"),
        ("hunter2?token=hunter2", None, r"invalid host \(text of 21 characters\)"),
        ("c:hunter2!", None, r"invalid host \(text of 10 characters\): use names or addresses"),
        (f"c:{'hunter2' * 9}", None, r"invalid host \(text of 65 characters\): use names or addresses"),
        ("hunter2" * 10, None, r"invalid host \(text of 70 characters\)"),
        ("a,,b", None, "invalid host ''"),
        ("a, ", None, "invalid host ''"),
        ("a b", None, "invalid host 'a b'"),
        ("http://a/explorer", None, "invalid host"),
        ("a?b", None, "invalid host"),
        ("http://", None, "invalid host"),
        ("a:port", None, "invalid host 'a:port'"),
        ("a:99999", None, "invalid host 'a:99999'"),
        ("[::1", None, "invalid host"),
        ("a:1", 2, "port 2 contradicts host 'a:1'"),
        ("a", 99999, "invalid port 99999"),
        ("a", -5, "invalid port -5"),
        ("a:0", None, "invalid port 0"),
        ("my..cluster", None, "invalid host"),
        (".x", None, "invalid host"),
        ("a" * 64, None, "invalid host"),
        ("ü" * 63, None, "invalid host .*label"),
        ("admin:hunter2@a", None, "remove the user name and the password"),
    ],
)
def test_invalid_host_is_refused(host: str | None, port: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        gateway_urls(host, port)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("scheme", "shown"),
    [("ftp", "'ftp'"), ("hunter2", r"\(text of 7 characters\)"), ("x" * 99, r"\(text of 99 characters\)")],
)
def test_only_a_harmless_scheme_is_shown(scheme: str, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^invalid schema {shown}: use http or https$"):
        gateway_urls("c", None, scheme)


@pytest.mark.parametrize("nothing", [None, ""])
def test_default_explorer_is_the_clusters(nothing: str | None) -> None:
    own = explorer_url(nothing, "http://mycluster.example.com:19080")
    assert own == "http://mycluster.example.com:19080/Explorer/index.html"
    assert explorer_url(nothing, "http://[::1]:19080") == "http://[::1]:19080/Explorer/index.html"


def test_word_none_turns_the_link_off() -> None:
    assert explorer_url("none", "http://a:19080") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://sfx.example.com",
        "http://10.0.0.4:19080/Explorer/index.html",
        "https://[fe80::1]:443/",
        "https://gate.example.com/clusters/shop%20one/?theme=dark&x=1",
    ],
)
def test_explorer_url_is_kept(url: str) -> None:
    assert explorer_url(url, "http://a:19080") == url


@pytest.mark.parametrize(
    "value",
    [
        "sfx.example.com",
        "None",
        "NONE",
        " none",
        "javascript:alert(1)",
        "javascript://sfx.example.com/%0aalert(1)",
        "data:text/html,hunter2",
        "ftp://sfx.example.com",
        "//sfx.example.com",
        "https:sfx.example.com",
        "https://",
        "https:///Explorer",
        "https://?hunter2",
        "https://sfx..example.com",
        "https://sfx.example.com:port",
        "https://sfx.example.com:0",
        "https://sfx.example.com:99999",
        "https://[::1",
        "https://admin:hunter2@sfx.example.com/",
        "https://hunter2@sfx.example.com/",
        "https://admin:hunter2",
        "https://sfx.example.com\\@evil.example.com",
        "https://sfx.example.com/Explorer/index.html#/apps",
        "https://sfx.example.com/a b",
        "https://sfx.example.com/\n",
        " https://sfx.example.com/",
        "\thttps://sfx.example.com/",
        'https://sfx.example.com/"><script>',
        5,
        True,
        ["https://sfx.example.com"],
        {"url": "hunter2"},
    ],
)
def test_invalid_explorer_url_is_not_shown(value: object) -> None:
    with pytest.raises(
        ValueError, match=r"^extra field 'explorer_url' must be the http or https URL"
    ) as refused:
        explorer_url(value, "http://a:19080")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None
