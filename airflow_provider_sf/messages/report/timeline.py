"""The timeline of an upgrade as a drawing: one bar per state, as long as the state. No I/O, no Airflow."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_duration, format_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_sf.releases.release_record import Phase

WIDTH, LABELS, ROW, TOP = 880, 250, 30, 26
_RIGHT = 96
"""The room for a duration right of the last bar."""

COLORS = {
    "succeeded": "#1a7f37",
    "in_progress": "#0067b8",
    "paused": "#d98200",
    "rolling_back": "#d9534f",
    "rolled_back": "#c62828",
    "failed": "#c62828",
}
OTHER = "#8a95a1"
"""The color of an upgrade that is not the expected one, and of an unknown state."""


def draw_timeline(phases: Sequence[Phase]) -> str:
    """Return the drawing; an empty text without phases."""
    if not phases:
        return ""
    begin = phases[0].first_seen_at
    total = max((phase.last_seen_at - begin).total_seconds() for phase in phases)
    height = TOP + ROW * len(phases) + 8
    rows = "".join(_row(place, phases, begin, total) for place in range(len(phases)))
    label = escape(f"Timeline with {len(phases)} states in {format_duration(total)}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}" '
        f'font-family="system-ui, sans-serif" font-size="12.5">{_scale(total, height)}{rows}</svg>'
    )


def _row(place: int, phases: Sequence[Phase], begin: datetime, total: float) -> str:
    phase, y = phases[place], TOP + ROW * place
    end = _end(phases, place)
    left = _x((phase.first_seen_at - begin).total_seconds(), total)
    width = max(_x((end - begin).total_seconds(), total) - left, 5)
    color = COLORS.get(phase.outcome or "", OTHER) if phase.expected else OTHER
    duration = format_duration((end - phase.first_seen_at).total_seconds())
    percent = "" if phase.percent_completed is None else f", {phase.percent_completed:.0f} %"
    where = f", {phase.place}" if phase.place else ""
    state = format_state(phase.state)
    label, name = (state, state) if phase.expected else ("another upgrade", f"{state} (another upgrade)")
    return (
        f'<text x="0" y="{y + 19}" fill="#1b2430">{escape(_short(label))}</text>'
        f'<rect x="{left:.1f}" y="{y + 6}" width="{width:.1f}" height="18" rx="3" fill="{color}">'
        f"<title>{escape(name + where + percent)}</title></rect>"
        f'<text x="{left + width + 7:.1f}" y="{y + 19}" fill="#5b6776">{escape(duration)}</text>'
    )


def _end(phases: Sequence[Phase], place: int) -> datetime:
    """Return where the bar of a state ends: at the next state, unless the time in between is unknown."""
    after = phases[place + 1] if place + 1 < len(phases) else None
    return phases[place].last_seen_at if after is None or after.unseen_before else after.first_seen_at


def _scale(total: float, height: int) -> str:
    parts = []
    for quarter in range(5):
        seconds = total * quarter / 4
        x = _x(seconds, total)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{height - 4}" stroke="#dfe4ea"/>'
            f'<text x="{x:.1f}" y="13" fill="#5b6776" text-anchor="middle">'
            f"{escape(format_duration(seconds))}</text>"
        )
    return "".join(parts if total else parts[:1])


def _x(seconds: float, total: float) -> float:
    return LABELS + (WIDTH - LABELS - _RIGHT) * (seconds / total if total else 0)


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:35]}…"  # noqa: PLR2004 - the width of the labels
