"""Many Airflow connections, some to gateways that never answer: whether the other waits are delayed."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.load import Load, lateness, running, settle, watch
from benchmarks.measuring import percentile, report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

TITLE = "Hung: some gateways take connections and never answer"

_LATE = Bound(150.0)
_INTERVALS = 5


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many connections there are, how many of them hang, and how many waits use each."""

    connections: int
    hung: int
    waits: int
    interval: float

    @property
    def load(self) -> Load:
        """All waits. Names and connections alternate together, so a name always uses the same connection."""
        many = self.connections * self.waits
        return Load("provider", many, many, self.interval)

    @property
    def healthy(self) -> list[str]:
        """The names on healthy gateways. The hanging gateways come last in each turn."""
        asked = self.load.polled_names
        return [
            name
            for place, name in enumerate(asked)
            if place % self.connections < self.connections - self.hung
        ]


def rows(*, full: bool) -> list[Row]:
    """Measure with hanging gateways; in a full run also without them."""
    plan = _Plan(200, 50, 5, 5.0) if full else _Plan(40, 10, 5, 1.0)
    rounds = 3 if full else 1
    found = [_row(plan, [_p99(plan) for _ in range(rounds)], _LATE)]
    if not full:
        return found
    calm = _Plan(plan.connections - plan.hung, 0, plan.waits, plan.interval)
    return [*found, _row(calm, [_p99(calm)], None)]


def _row(plan: _Plan, rounds: list[float], must: Bound | None) -> Row:
    what = f"{plan.connections} connections, {plan.hung} of them hung, {plan.waits} waits on each"
    figure = f"every {plan.interval:g} s: lateness p99 on healthy ones"
    return Row(f"{what}, {figure}", "ms", tuple(rounds), must)


def _p99(plan: _Plan) -> float:
    report_progress(f"hung: {plan.hung} of {plan.connections} connections")
    with Stub(mutual=True, gateways=plan.connections, hung=plan.hung) as stub:
        connections = {f"bench_{place}": way.connection for place, way in enumerate(stub.ways)}
        with running(stub, connections) as work:
            work.start(plan.load, list(connections))
            settle(plan.load)
            seen = watch(work, _INTERVALS * plan.interval)
    late = lateness(seen.arrivals, plan.healthy, plan.interval, seen.begin, seen.end)
    return percentile([seconds * 1e3 for _, seconds in late], 99)
