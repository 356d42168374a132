"""Manifests as XML. No I/O."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from airflow_provider_sf.rest.plain_text import shorten_repr

_MAX_LENGTH = 16 * 1024 * 1024


class _DocumentTypeError(Exception):
    """The XML has a document type definition."""


class _Builder(ET.TreeBuilder):
    def doctype(self, _name: str, _public_id: str | None, _system: str | None) -> None:
        """Refuse the definition of entities, which may grow without limit."""
        raise _DocumentTypeError


def read_xml(text: str | bytes, root: str) -> ET.Element:
    """
    Return the root element of a manifest.

    :param text: bytes are decoded as the XML declares; a string is parsed whatever it declares
    :param root: the expected name of the root, without its namespace; the error contains it
    :raises ValueError: it is another XML or none, is longer than 16 MiB, or has a document type definition
    """
    if len(text) > _MAX_LENGTH:
        msg = f"expected {root}, got more than 16 MiB"
        raise ValueError(msg)
    try:
        plain = text.lstrip("\ufeff") if isinstance(text, str) else text
        element = ET.fromstring(plain, ET.XMLParser(target=_Builder()))  # noqa: S314 - _Builder refuses entities
    except _DocumentTypeError:
        msg = f"expected {root}, got XML with a document type definition"
        raise ValueError(msg) from None
    except (ET.ParseError, ValueError, LookupError) as error:
        msg = f"expected {root}, got text that is not XML: {error}"
        raise ValueError(msg) from error
    if (tag := element.tag.rpartition("}")[2]) != root:
        msg = f"expected {root}, got XML with the root {shorten_repr(tag)}"
        raise ValueError(msg)
    return element


def canonical_xml(element: ET.Element) -> str:
    """Return an element as canonical XML, without comments and blanks around texts."""
    return ET.canonicalize(ET.tostring(element, "unicode"), strip_text=True, rewrite_prefixes=True)
