"""The app that serves the page: four files, strict headers, nothing else."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files

import pytest

from airflow_provider_sf.plugins.upgrade_pages import HEADERS, MEDIA_TYPES, serve_page
from tests.plugins.stub_airflow import page_answer

PAGES = files("airflow_provider_sf.plugins").joinpath("pages")

FORBIDDEN = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|eval\(|Function\(|\bstyle\b|cookie|http:"


def text_of(file: str) -> str:
    return PAGES.joinpath(file).read_text()


@pytest.mark.parametrize("file", MEDIA_TYPES)
@pytest.mark.parametrize("base", ["", "/airflow", "/a/b"])
def test_each_file_is_served_below_any_path(file: str, base: str) -> None:
    status, headers, body = page_answer(f"{base}/service_fabric/{file.removesuffix('.html')}")
    sent = {key.decode(): value.decode() for key, value in headers}
    assert (status, body) == (200, text_of(file).encode())
    assert sent == {**HEADERS, "content-type": MEDIA_TYPES[file], "content-length": str(len(body))}


@pytest.mark.parametrize(
    "path", ["/service_fabric/", "/service_fabric/nothing", "/service_fabric/../service_fabric.py"]
)
def test_other_paths_are_not_found(path: str) -> None:
    status, headers, body = page_answer(path)
    assert (status, body) == (404, b"Not found")
    assert (b"x-content-type-options", b"nosniff") in headers


def test_web_socket_gets_no_answer() -> None:
    async def send(message: object) -> None:
        raise AssertionError(message)

    asyncio.run(serve_page({"type": "websocket", "path": "/service_fabric/upgrades"}, None, send))


def test_policy_allows_no_inline_code() -> None:
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=|javascript:", text_of("upgrades.html"))


def test_script_makes_no_html() -> None:
    """A text of a cluster can only become a text node. The browser refuses the rest by the policy, too."""
    assert not re.findall(FORBIDDEN, text_of("upgrades.js"))


def test_script_sends_no_writes() -> None:
    """The page only reads: a click on it can change nothing."""
    script = text_of("upgrades.js")
    assert script.count("fetch(") == 1
    assert not re.search(r"method|POST|PATCH|DELETE|XMLHttpRequest|sendBeacon|WebSocket", script)
