"""Put the name of an application or a deployment into a URL. No I/O."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from airflow_provider_sf.rest.plain_text import shorten_repr

_PARAMETER = re.compile(r"\{(\w+)\}")

_APPLICATION = "applicationId"
"""The path parameter for a name that may have several parts."""

_CONTENT = "contentPath"
"""The path parameter for a path in the image store."""

_SCHEME = "fabric:/"

_MAX_LENGTH = 512
"""How many characters a name may have. A longer text is no name."""

_CURES = {
    "applicationResourceName": "this is the name of a classic application: set kind='application'",
    "deploymentName": "write the name of a compose deployment without {scheme!r}: {rest}",
}
"""What to do if a name has the scheme of classic applications, by the path parameter."""

_RESERVED = ("$", "+", "|", "?", "#")
"""The characters that a NamingUri cannot contain, see NamingUri.cpp of microsoft/service-fabric."""


def takes_name(path: str) -> bool:
    """Whether a path has a parameter for a name."""
    return _PARAMETER.search(path) is not None


def fill_path(path: str, name: object) -> str:
    """
    Put a quoted name into the path of a call; the name of the path parameter decides how it is written.

    :raises ValueError: the name is invalid for this parameter, or the path has no parameter
    """
    parameter = _PARAMETER.search(path)
    if parameter is None:
        if name:
            msg = f"name must be empty for a cluster, not {shorten_repr(name)}: remove name"
            raise ValueError(msg)
        return path
    is_application = parameter[1] == _APPLICATION
    if not isinstance(name, str) or not name:
        problem = f"invalid name {shorten_repr(name)}" if name else "name is empty"
        example = "fabric:/shop/web" if is_application else "shop"
        msg = f"{problem}: set name to the {noun_for_key(parameter[1])}, for example {example!r}"
        raise ValueError(msg)
    _check_spelling(name, parameter[1])
    quote_name = {_APPLICATION: application_id, _CONTENT: content_path}.get(parameter[1], path_segment)
    return path.replace(parameter[0], quote_name(name))


def _check_spelling(name: str, parameter: str) -> None:
    """Refuse a name that is too long, or that has the scheme of another kind."""
    if len(name) > _MAX_LENGTH:
        msg = (
            f"invalid name {shorten_repr(name)}: it has {len(name)} characters, {_MAX_LENGTH} are the maximum"
        )
        raise ValueError(msg)
    if parameter in _CURES and is_application_uri(name):
        cure = _CURES[parameter].format(scheme=_SCHEME, rest=shorten_repr(_without_scheme(name)))
        msg = f"invalid name {shorten_repr(name)}: {cure}"
        raise ValueError(msg)


def is_application_uri(name: str) -> bool:
    """Whether a name is the full one of a classic application: ``fabric:/shop/web``."""
    return name.lower().startswith(_SCHEME)


def normalized_name(name: str) -> str:
    """Return a name in a form that is the same for all spellings of it."""
    return _without_scheme(name).replace("~", "/").casefold()


def application_id(name: str) -> str:
    """
    Return the id of a classic application: ``shop~web`` for ``fabric:/shop/web`` and ``shop/web``.

    :raises ValueError: a part of the name is empty, is not a valid path segment or contains one of ``$+|?#``
    """
    parts = re.split("[/~]", _without_scheme(name))
    if "" in parts or parts[0].lower().startswith(_SCHEME[:-1]):
        msg = f"invalid name {shorten_repr(name)}: write it as 'fabric:/shop/web', 'shop/web' or 'shop~web'"
        raise ValueError(msg)
    for reserved in _RESERVED:
        if reserved in name:
            msg = f"invalid name {shorten_repr(name)}: the name of an application cannot contain {reserved!r}"
            raise ValueError(msg)
    return "~".join(path_segment(part) for part in parts)


def application_name(name: str) -> str:
    """
    Return the full name of a classic application: ``fabric:/shop/web`` for ``shop~web``.

    :raises ValueError: the name is invalid
    """
    application_id(name)
    return _SCHEME + _without_scheme(name).replace("~", "/")


def content_path(path: str) -> str:
    """
    Quote a path in the image store, such as ``shop/2.0/WebPkg/Code``; its separators stay.

    :raises ValueError: a part of the path is empty, contains ``:`` or is not a valid path segment
    """
    parts = path.split("/")
    if "" in parts or ":" in path:
        msg = f"invalid path {shorten_repr(path)}: write a path in the image store as 'shop/2.0/Code'"
        raise ValueError(msg)
    return "/".join(path_segment(part) for part in parts)


def _without_scheme(name: str) -> str:
    """Return the name without its scheme, which Service Fabric accepts in upper and lower case."""
    return name[len(_SCHEME) :] if is_application_uri(name) else name


def path_segment(name: str) -> str:
    r"""
    Quote a name so that it is exactly one path segment and cannot change the path, query or host.

    Quoting does not change dots, and Service Fabric's gateway unquotes a path before it splits it. So names
    that would still be a separator or a parent folder there are refused.

    :raises ValueError: the name is ``.`` or ``..``, or contains ``/``, ``\``, ``%2F``, ``%5C``, a control
        character or half a surrogate pair
    """
    if name in {".", ".."}:
        msg = f"invalid name {shorten_repr(name)}: it is a relative path"
        raise ValueError(msg)
    for separator in ("/", "\\", "%2f", "%5c"):
        if separator in name.lower():
            msg = f"invalid name {shorten_repr(name)}: it contains the separator {separator!r}"
            raise ValueError(msg)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        msg = f"invalid name {shorten_repr(name)}: it contains a control character"
        raise ValueError(msg)
    return quote(name, safe="")


def noun_for_key(key: str) -> str:
    """Return the noun for a key: ``node type`` for ``NodeTypeName``, ``partition`` for ``PartitionId``."""
    stem = re.sub("(OrInstance)?(Name|Id)$", "", key)
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", stem).lower()
