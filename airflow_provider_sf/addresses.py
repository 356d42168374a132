"""Where a cluster is and where its Explorer is, read from what a person wrote. Pure; no I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_PORT = 19080

NO_EXPLORER = "none"

_HOST = r"([\w-]{1,63}\.)*[\w-]{1,63}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
_PORTS = range(1, 65536)

_URL = r"https?://[\w.~:/?\[\]!$&'()*+,;=%-]+"
"""The characters of a URL, but ``@``, which tells a password, and ``#``, behind which the page is named."""


def origin(host: str | None, port: int | None) -> str:
    """
    Return the origin of a cluster's HTTP gateway, without a slash at its end.

    :raises ValueError: host or port is missing or wrong; the message names it
    """
    if not host:
        msg = "host is missing; give the name or address of the cluster, for example 'mycluster.example.com'"
        raise ValueError(msg)
    if "@" in host:
        msg = "host holds a user name or a password (there is an '@' in it); give the name or address alone"
        raise ValueError(msg)
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        named_port = parts.port
    except ValueError as error:
        msg = f"host {host!r} is no address: {error}"
        raise ValueError(msg) from error
    if parts.scheme != "http":
        msg = f"host {host!r}: this version talks to unsecured clusters only, not {parts.scheme}"
        raise ValueError(msg)
    if parts.path.strip("/") or parts.query or parts.fragment or not _is_host(parts.hostname):
        msg = f"host {host!r} is no address; give one name or address, with or without a port"
        raise ValueError(msg)
    if named_port and port and named_port != port:
        msg = f"port {port} contradicts host {host!r}"
        raise ValueError(msg)
    chosen = next(given for given in (named_port, port, DEFAULT_PORT) if given is not None)
    if chosen not in _PORTS:
        msg = f"port {chosen} is none; the HTTP gateway's is {DEFAULT_PORT} unless changed"
        raise ValueError(msg)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{name}:{chosen}"


def explorer(given: object, endpoint: str) -> str | None:
    """
    Return under which URL a browser reaches Service Fabric Explorer; None if there is to be no link.

    :param given: that URL, the word ``none``, or nothing for the Explorer that the cluster itself serves
    :raises ValueError: it is neither; the message does not repeat it, as it may hold a password
    """
    if given is None or given == "":
        return f"{endpoint}/Explorer/index.html"
    if given == NO_EXPLORER:
        return None
    if not isinstance(given, str) or not _is_url(given):
        msg = (
            "extra field 'explorer_url' must be the http or https URL of Service Fabric Explorer, without a "
            f"user name, a password or a '#', or the word {NO_EXPLORER!r}"
        )
        raise ValueError(msg)
    return given


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    is_address = _is_host(parts.hostname) and (port is None or port in _PORTS)
    return is_address and re.fullmatch(_URL, text) is not None


def _is_host(name: str | None) -> bool:
    return re.fullmatch(_HOST, name or "") is not None
