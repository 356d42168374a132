"""
Gateway failover: which gateway is next, and when credentials are renewed. No I/O, no clock.

The rules are a generator: it yields attempts, receives their results, and returns the response. Both
transports run it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import Rejected, ResultUnknown, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.errors import result_unknown
from airflow_provider_sf.rest.protocol import AUTH_FAILURES, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

COOL_DOWN_SECONDS = 30.0
"""A gateway that did not answer is tried after all others for this time."""

UNAVAILABLE = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Gateways:
    """The gateways of a cluster, the current one, and until when failed ones cool down."""

    endpoints: tuple[str, ...]
    current: int = 0
    cooling_down: tuple[tuple[str, float], ...] = ()

    def order(self, now: float) -> tuple[str, ...]:
        """Return the gateways in the order to try: current first, then healthy, then cooling down."""
        until = {endpoint: end for endpoint, end in self.cooling_down if end > now}
        rotated = self.endpoints[self.current :] + self.endpoints[: self.current]
        return tuple(sorted(rotated, key=lambda endpoint: until.get(endpoint, 0.0)))

    def after_answer(self, endpoint: str) -> Gateways:
        """Make a gateway that has answered the current one."""
        if not self.cooling_down and self.endpoints[self.current] == endpoint:
            return self
        cooling_down = tuple(pair for pair in self.cooling_down if pair[0] != endpoint)
        return replace(self, current=self.endpoints.index(endpoint), cooling_down=cooling_down)

    def after_failure(self, endpoint: str, now: float) -> Gateways:
        """Let a gateway cool down."""
        others = tuple(pair for pair in self.cooling_down if pair[0] != endpoint)
        return replace(self, cooling_down=(*others, (endpoint, now + COOL_DOWN_SECONDS)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request to one gateway; the current credentials were refused if ``with_new_credentials`` is set."""

    endpoint: str
    with_new_credentials: bool = False


AttemptResult = Response | Rejected | Unreachable | ResultUnknown | UnexpectedAnswer


def try_gateways(
    known: dict[tuple[str, ...], Gateways],
    endpoints: tuple[str, ...],
    clock: Callable[[], float],
    *,
    renewable: bool,
    is_change: bool = False,
) -> Generator[Attempt, AttemptResult | None, Response]:
    """
    Try one gateway after another until one answers.

    A change is sent to another gateway only if nothing was sent to the one before: any response ends it.

    :param known: the state of the gateways of each cluster, by their endpoints; it is updated
    :param clock: returns the time in seconds
    :param renewable: whether refused credentials can be renewed
    :param is_change: whether the request may change the cluster
    :raises ResultUnknown: a gateway may have received a change, and nothing shows what became of it
    :raises ServiceFabricError: no gateway answered; Unreachable if a retry may help
    """
    if endpoints not in known:
        known[endpoints] = Gateways(endpoints)
    failures: list[Response | Rejected | Unreachable] = []
    for endpoint in known[endpoints].order(clock()):
        result = yield Attempt(endpoint)
        if renewable and isinstance(result, Response) and result.status in AUTH_FAILURES:
            result, renewable = (yield Attempt(endpoint, with_new_credentials=True)), False
        assert result is not None  # noqa: S101 - for mypy: None only starts the generator
        if isinstance(result, UnexpectedAnswer):
            raise result_unknown(result) if is_change else result
        if isinstance(result, Response) and result.status not in UNAVAILABLE:
            known[endpoints] = known[endpoints].after_answer(endpoint)
            return result
        known[endpoints] = known[endpoints].after_failure(endpoint, clock())
        if isinstance(result, ResultUnknown):
            raise result
        if is_change and isinstance(result, Response):
            return result
        failures.append(result)
    return _final_result(failures)


def _final_result(failures: list[Response | Rejected | Unreachable]) -> Response:
    """Return the first response, or raise the error that explains the failures."""
    errors: list[Rejected | Unreachable] = []
    for failure in failures:
        if isinstance(failure, Response):
            return failure
        errors.append(failure)
    chosen = next((error for error in errors if isinstance(error, Unreachable)), errors[0])
    others = "; ".join(str(error) for error in errors if error is not chosen)
    if not others:
        raise chosen
    msg = f"{chosen.message} (and {others})"
    raise type(chosen)(msg, endpoint=chosen.endpoint)
