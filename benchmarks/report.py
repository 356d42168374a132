"""The results of benchmarks: rows and Markdown tables. No I/O."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound of a figure: an upper limit, or a lower limit with ``at_least``."""

    limit: float
    aim: float | None = None
    at_least: bool = False

    def is_met_by(self, figure: float) -> bool:
        """Return whether a figure meets the bound."""
        return figure >= self.limit if self.at_least else figure <= self.limit

    def __str__(self) -> str:
        """Write it with a sign."""
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {shown(self.limit)}" + ("" if self.aim is None else f" (aim {shown(self.aim)})")


@dataclass(frozen=True, slots=True)
class Row:
    """
    One figure: its name, its unit, and the raw result of each round.

    Without rounds it could not be measured, and the note gives the reason. ``ratios`` are further columns.
    """

    what: str
    unit: str
    rounds: tuple[float, ...]
    must: Bound | None = None
    note: str = ""
    ratios: Mapping[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        """The median of the rounds; None without rounds."""
        return statistics.median(self.rounds) if self.rounds else None

    @property
    def verdict(self) -> str:
        """Whether the median meets the bound; empty without a bound."""
        if self.must is None:
            return ""
        if self.median is None:
            return "not measured"
        return "met" if self.must.is_met_by(self.median) else "**missed**"


def shown(figure: float) -> str:
    """Return a figure with three significant digits, and all digits before the point."""
    if figure and abs(figure) < 100:  # noqa: PLR2004 - three digits
        return f"{figure:.3g}"
    return f"{figure:,.0f}"


def table(title: str, rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table without empty columns."""
    ratios = list(dict.fromkeys(name for row in rows for name in row.ratios))
    head = ["figure", "median", "unit", "rounds", *ratios, "must", "", "note"]
    lines = [_cells(row, ratios) for row in rows]
    kept = [place for place in range(len(head)) if any(line[place] for line in lines)]
    written = [[line[place] for place in kept] for line in (head, ["---"] * len(head), *lines)]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(line)} |" for line in written), ""])


def _cells(row: Row, ratios: Sequence[str]) -> list[str]:
    return [
        row.what,
        "-" if row.median is None else shown(row.median),
        row.unit,
        ", ".join(shown(figure) for figure in row.rounds) if len(row.rounds) > 1 else "",
        *(f"{row.ratios[name]:.2f}x" if name in row.ratios else "" for name in ratios),
        "" if row.must is None else str(row.must),
        row.verdict,
        row.note,
    ]
