"""Where a cluster is and where its Explorer is, read from what a person wrote. Pure; no I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_PORT = 19080

CLIENT_PORT = 19000
"""Where Service Fabric's native clients connect, which does not answer HTTP."""

NO_EXPLORER = "none"

_SCHEMES = ("http", "https")

_HOST = r"([\w-]{1,63}\.)*[\w-]{1,63}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
_PORTS = range(1, 65536)

_URL = r"https?://[\w.~:/?\[\]!$&'()*+,;=%-]+"
"""The characters of a URL, but ``@``, which tells a password, and ``#``, behind which the page is named."""


def origins(
    host: str | None, port: int | None, scheme: str | None = None, *, needs_https: str = ""
) -> tuple[str, ...]:
    """
    Return the origins of a cluster's HTTP gateways, each without a slash at its end.

    :param host: names, addresses or URLs, with commas between them
    :param port: of those that name none; 19080 if there is none
    :param scheme: ``http`` or ``https`` for those that name none; by default https if something needs it
    :param needs_https: what makes sense with https only, empty if nothing does
    :raises ValueError: one of them is missing, wrong or contradicts another; the message names it
    """
    if not host:
        msg = "host is missing; give the name or address of the cluster, for example 'mycluster.example.com'"
        raise ValueError(msg)
    if "@" in host:
        msg = "host holds a user name or a password (there is an '@' in it); give the name or address alone"
        raise ValueError(msg)
    if scheme and scheme not in _SCHEMES:
        msg = f"schema {scheme!r} is none of http and https"
        raise ValueError(msg)
    chosen = scheme or ("https" if needs_https else "http")
    found = dict.fromkeys(_origin(one.strip(), port, scheme, chosen) for one in host.split(","))
    spoken = {one.partition(":")[0] for one in found}
    if len(spoken) > 1:
        msg = f"host {host!r}: the gateways of one cluster speak either http or https"
        raise ValueError(msg)
    if needs_https and spoken != {"https"}:
        msg = f"host {host!r}: {needs_https} needs https: say https:// or leave the scheme out"
        raise ValueError(msg)
    return tuple(found)


def _origin(gateway: str, port: int | None, scheme: str | None, chosen: str) -> str:
    if gateway.count(":") > 1 and "[" not in gateway and "://" not in gateway:
        gateway = f"[{gateway}]"  # an address of IPv6, as Airflow's URI form hands it on
    try:
        parts = urlsplit(gateway if "://" in gateway else f"{chosen}://{gateway}")
        named_port = parts.port
    except ValueError as error:
        msg = f"host {gateway!r} is no address: {error}"
        raise ValueError(msg) from error
    if parts.scheme not in _SCHEMES or parts.scheme != (scheme or parts.scheme):
        wanted = scheme or "http or https"
        msg = f"host {gateway!r}: the scheme {parts.scheme} is not {wanted}"
        raise ValueError(msg)
    if parts.path.strip("/") or parts.query or parts.fragment or not _is_host(parts.hostname):
        msg = f"host {gateway!r} is no address; give names or addresses, with or without a port"
        raise ValueError(msg)
    if named_port and port and named_port != port:
        msg = f"port {port} contradicts host {gateway!r}"
        raise ValueError(msg)
    chosen_port = next(given for given in (named_port, port, DEFAULT_PORT) if given is not None)
    if chosen_port not in _PORTS:
        msg = f"port {chosen_port} is none; the HTTP gateway's is {DEFAULT_PORT} unless changed"
        raise ValueError(msg)
    return f"{parts.scheme}://{_name(gateway, parts.hostname or '')}:{chosen_port}"


def _name(gateway: str, name: str) -> str:
    """Write a name or an address as it goes over the wire."""
    try:
        return f"[{name}]" if ":" in name else name.encode("ascii" if name.isascii() else "idna").decode()
    except UnicodeError as error:
        msg = f"host {gateway!r} is no address: {error}"
        raise ValueError(msg) from error


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
