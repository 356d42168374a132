"""The URLs of a cluster's gateways and of its Explorer, from the fields of a connection. No I/O."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from airflow_provider_sf.rest.plain_text import show_setting

DEFAULT_PORT = 19080

CLIENT_PORT = 19000
"""The port for Service Fabric's native clients, which does not answer HTTP."""

NO_EXPLORER = "none"

_SCHEMES = ("http", "https")

_HOST = r"([\w-]{1,63}\.)*[\w-]{1,63}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
_PORTS = range(1, 65536)

_URL = r"https?://[\w.~:/?\[\]!$&'()*+,;=%-]+"
"""The characters of a URL without ``@``, which follows a password, and without ``#``, which starts a page."""


def gateway_urls(
    host: str | None, port: int | None, scheme: str | None = None, *, needs_https: str = ""
) -> tuple[str, ...]:
    """
    Return the URLs of a cluster's HTTP gateways, such as ``https://mycluster.example.com:19080``.

    :param host: names, addresses or URLs, separated by commas
    :param port: the port of those without one; 19080 by default
    :param scheme: ``http`` or ``https``, for those without one; by default https if a setting needs it
    :param needs_https: the setting that needs https; empty if no setting does
    :raises ValueError: a value is missing or invalid, or contradicts another one; the message names it
    """
    if not host:
        msg = "host is empty: set host to the cluster's name or address, such as 'mycluster.example.com'"
        raise ValueError(msg)
    if "@" in host:
        msg = "host contains '@': remove the user name and the password"
        raise ValueError(msg)
    if scheme and scheme not in _SCHEMES:
        shown = show_setting(scheme, "[A-Za-z+]{1,10}")
        msg = f"invalid schema {shown}: use http or https"
        raise ValueError(msg)
    default_scheme = scheme or ("https" if needs_https else "http")
    urls = tuple(
        dict.fromkeys(_gateway_url(part.strip(), port, scheme, default_scheme) for part in host.split(","))
    )
    _check_schemes(urls, host, needs_https)
    return urls


def _check_schemes(urls: tuple[str, ...], host: str, needs_https: str) -> None:
    schemes = {url.partition(":")[0] for url in urls}
    if len(schemes) > 1:
        msg = f"host {_shown(host)}: all gateways of a cluster must use the same scheme, http or https"
        raise ValueError(msg)
    if needs_https and schemes != {"https"}:
        msg = f"host {_shown(host)}: {needs_https} needs https: write https:// or omit the scheme"
        raise ValueError(msg)


def _gateway_url(gateway: str, port: int | None, scheme: str | None, default_scheme: str) -> str:
    parts, named_port = _split(gateway, default_scheme)
    if parts.scheme not in _SCHEMES or (scheme and parts.scheme != scheme):
        msg = f"host {_shown(gateway)}: its scheme is not {scheme or 'http or https'}"
        raise ValueError(msg)
    if parts.path.strip("/") or parts.query or parts.fragment or not _is_host(parts.hostname):
        msg = f"invalid host {_shown(gateway)}: use names or addresses, with or without a port"
        raise ValueError(msg)
    return f"{parts.scheme}://{_encoded(gateway, parts.hostname or '')}:{_port(gateway, named_port, port)}"


def _split(gateway: str, default_scheme: str) -> tuple[SplitResult, int | None]:
    """Split a gateway into the parts of a URL and its own port."""
    if gateway.count(":") > 1 and "[" not in gateway and "://" not in gateway:
        gateway = f"[{gateway}]"  # an IPv6 address, as Airflow's URI form passes it on
    try:
        parts = urlsplit(gateway if "://" in gateway else f"{default_scheme}://{gateway}")
        port = parts.port
    except ValueError:  # its text repeats parts of the host
        msg = f"invalid host {_shown(gateway)}: use names or addresses, with or without a port"
        raise ValueError(msg) from None
    return parts, port


def _port(gateway: str, named_port: int | None, port: int | None) -> int:
    if named_port and port and named_port != port:
        msg = f"port {port} contradicts host {_shown(gateway)}"
        raise ValueError(msg)
    chosen = next(value for value in (named_port, port, DEFAULT_PORT) if value is not None)
    if chosen not in _PORTS:
        msg = f"invalid port {chosen}: the HTTP gateway listens on {DEFAULT_PORT} by default"
        raise ValueError(msg)
    return chosen


def _encoded(gateway: str, name: str) -> str:
    """Return a name or an address as it is sent."""
    try:
        return f"[{name}]" if ":" in name else name.encode("ascii" if name.isascii() else "idna").decode()
    except UnicodeError as error:
        msg = f"invalid host {_shown(gateway)}: {error}"
        raise ValueError(msg) from error


def _shown(host: str) -> str:
    return show_setting(host, r"(?!.*[A-Za-z0-9]{33})[\w.:/\[\], -]{0,200}")


def explorer_url(value: object, endpoint: str) -> str | None:
    """
    Return the URL of Service Fabric Explorer for a browser; None for no link.

    :param value: the URL, the word ``none``, or empty for the Explorer that the cluster itself serves
    :raises ValueError: the value is invalid; the message does not show it, as it may contain a password
    """
    if value is None or value == "":
        return f"{endpoint}/Explorer/index.html"
    if value == NO_EXPLORER:
        return None
    if not isinstance(value, str) or not _is_url(value):
        msg = (
            "extra field 'explorer_url' must be the http or https URL of Service Fabric Explorer, without a "
            f"user name, a password or a '#', or the word {NO_EXPLORER!r}"
        )
        raise ValueError(msg)
    return value


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
