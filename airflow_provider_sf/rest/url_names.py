"""How the name of an application or a deployment becomes a part of a URL. Pure; no I/O."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_PARAMETER = re.compile(r"\{(\w+)\}")

_APPLICATION = "applicationId"
"""The parameter that stands for a name of several parts."""

_SCHEME = "fabric:/"

_RESERVED = ("$", "+", "|", "?", "#")
"""What the path of a NamingUri cannot hold: NamingUri.cpp of microsoft/service-fabric."""


def takes_name(path: str) -> bool:
    """Whether a path has a parameter for a name."""
    return _PARAMETER.search(path) is not None


def fill_path(path: str, name: object) -> str:
    """
    Put a name, quoted, into a path of a REST page; what the parameter is called says how it is written.

    :raises ValueError: the name cannot be what the parameter wants, or the path has none
    """
    parameter = _PARAMETER.search(path)
    if parameter is None:
        if name:
            msg = f"a cluster has no name in its own API: leave name out instead of {name!r}"
            raise ValueError(msg)
        return path
    is_application = parameter[1] == _APPLICATION
    if not isinstance(name, str) or not name:
        what, example = noun_for_key(parameter[1]), "fabric:/shop/web" if is_application else "shop"
        msg = f"the name {name!r} is none; give the name of the {what}, for example {example!r}"
        raise ValueError(msg)
    written = application_id(name) if is_application else path_segment(name)
    return path.replace(parameter[0], written)


def normalized_name(name: str) -> str:
    """Return a name in the one form in which two names of the same thing are equal."""
    return _without_scheme(name).replace("~", "/").casefold()


def application_id(name: str) -> str:
    """
    Write the name of a classic application as its id: ``fabric:/shop/web`` and ``shop/web`` as ``shop~web``.

    :raises ValueError: a part of the name is empty, cannot be a path segment or holds one of ``$+|?#``
    """
    parts = re.split("[/~]", _without_scheme(name))
    if "" in parts or parts[0].lower().startswith(_SCHEME[:-1]):
        msg = f"the name {name!r} has an empty part; write it as 'fabric:/shop/web', 'shop/web' or 'shop~web'"
        raise ValueError(msg)
    for reserved in _RESERVED:
        if reserved in name:
            msg = f"the name {name!r} holds {reserved!r}, which no name of an application can hold"
            raise ValueError(msg)
    return "~".join(path_segment(part) for part in parts)


def _without_scheme(name: str) -> str:
    """Return what follows the scheme, which Service Fabric takes in any case."""
    return name[len(_SCHEME) :] if name.lower().startswith(_SCHEME) else name


def path_segment(name: str) -> str:
    r"""
    Quote a name so that it is exactly one path segment and cannot change path, query or host.

    Quoting does not change dots, and Service Fabric's gateway unescapes before it splits, so what would
    still be a separator or a step upwards there is refused.

    :raises ValueError: the name is ``.`` or ``..``, or holds ``/``, ``\``, ``%2F``, ``%5C``, a control
        character or half a surrogate pair
    """
    if name in {".", ".."}:
        msg = f"the name {name!r} is a step in a path, not a name"
        raise ValueError(msg)
    for separator in ("/", "\\", "%2f", "%5c"):
        if separator in name.lower():
            msg = f"the name {name!r} holds {separator!r}; a name is one path segment without separators"
            raise ValueError(msg)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        msg = f"the name {name!r} holds a control character"
        raise ValueError(msg)
    return quote(name, safe="")


def noun_for_key(key: str) -> str:
    """Return what a key names, as words: ``NodeTypeName`` is a node type, ``PartitionId`` a partition."""
    stem = re.sub("(OrInstance)?(Name|Id)$", "", key)
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", stem).lower()
