"""
Serve the files of the page of upgrades, as an ASGI app. No data, no Airflow.

Airflow imports a plugin in all of its processes, and mounts any ASGI app. So this is a function: a FastAPI
app would import FastAPI in each worker.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MEDIA_TYPES = {
    "upgrades.html": "text/html; charset=utf-8",
    "upgrades.css": "text/css; charset=utf-8",
    "upgrades.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files of the page, all in the folder ``pages``."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
"""
Sent with each file. The browser runs no other script, loads nothing from elsewhere, shows the page in no
frame of another site, and refuses to turn a text into HTML.
"""


async def serve_page(
    scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answer a request for a file: ``upgrades`` is the page. Everything else is not found."""
    del receive  # a request for a file has no body
    if scope["type"] != "http":
        return
    name = scope["path"].rpartition("/")[2]
    file = "upgrades.html" if name == "upgrades" else name
    status, media_type, body = 404, "text/plain; charset=utf-8", b"Not found"
    if file in MEDIA_TYPES:
        status, media_type = 200, MEDIA_TYPES[file]
        body = files("airflow_provider_sf.plugins").joinpath("pages").joinpath(file).read_bytes()
    headers = {**HEADERS, "content-type": media_type, "content-length": str(len(body))}
    encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
