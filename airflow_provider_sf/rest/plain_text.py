"""Make text of clusters, connections and users safe to show: one line, short, no secrets. No I/O."""

from __future__ import annotations

import re

_QUERY = re.compile(r"""(https?://[^\s?"'<>]*\?)[^\s"'<>]+""", re.IGNORECASE)

_MAX_SHOWN = 100
"""How many characters of a value a message shows."""


def plain_line(text: str) -> str:
    """
    Put text on one line, without characters that change how terminals and log pages show what follows.

    Line ends, control characters, direction marks and characters without width become spaces.
    """
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    # Airflow's log page starts and ends a fold at ::group:: and ::endgroup::, anywhere in a line.
    words = " ".join(text.split()).replace("group::", "group: :")
    # The text may be followed by a colon of the message around it.
    return f"{words[:-1]} :" if words.endswith("group:") else words


def hide_queries(text: str) -> str:
    """Return text without the queries of its URLs: that of a package may contain a signature."""
    return _QUERY.sub(r"\1***", text)


def shorten_repr(value: object) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def show_setting(value: object, harmless: str) -> str:
    """
    Return the value of a connection's setting as a message may show it.

    It may be a secret in the wrong field. So it is shown only if it matches the pattern of harmless values.
    """
    if isinstance(value, (str, int, float)) and re.fullmatch(harmless, str(value), re.ASCII):
        return repr(value)
    return f"(text of {len(value)} characters)" if isinstance(value, str) else f"({type(value).__name__})"
