"""A recording as a cluster that answers at any time. A pure function of file and time; no I/O, no clock."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sf.recordings.exchanges import BODIES, CALLS, Exchange
from airflow_provider_sf.recordings.fields import FIELDS, elapsed, members, moment
from airflow_provider_sf.recordings.lines import RecordingError
from airflow_provider_sf.rest.json_values import objects, seconds, utc
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.body_values import duration_text
from airflow_provider_sf.simulator.commands import name_in
from airflow_provider_sf.simulator.model import timestamp
from airflow_provider_sf.simulator.responses import HttpResponse, fabric_error, json_response

if TYPE_CHECKING:
    from collections.abc import Sequence


class Playback:
    """
    Answers each request with the last answer that the cluster had given up to that time.

    :param speed: how many recorded seconds pass in one second; times and durations in answers follow
    :raises RecordingError: the recording has no answers
    """

    def __init__(self, exchanges: Sequence[Exchange], speed: float) -> None:
        if not exchanges:
            msg = "the recording has no answers"
            raise RecordingError(msg)
        self._speed = speed
        self._began_at = exchanges[0].at.timestamp()
        self._tracks: dict[tuple[str, str], list[Exchange]] = {}
        for exchange in exchanges:
            self._tracks.setdefault((exchange.call, normalized_name(exchange.name)), []).append(exchange)

    @property
    def subjects(self) -> list[str]:
        """What can be asked: the path of each call, with the name."""
        first = [track[0] for track in self._tracks.values()]
        return [f"{exchange.call} of {exchange.name}".removesuffix(" of ") for exchange in first]

    def response(self, target: str, *, began_at: float, now: float) -> HttpResponse:
        """
        Return the response to a GET request.

        :param began_at: the Unix time at which the replay began
        :param now: the Unix time of the request
        """
        path = urlsplit(target).path
        for call in CALLS:
            name = name_in(call, path)
            if name is not None and (track := self._tracks.get((call, normalized_name(name)))):
                return self._response(track, began_at, now)
        known = "; ".join(self.subjects)
        return fabric_error(
            400, "E_INVALIDARG", f"The recording has no answer to this request. It has: {known}"
        )

    def _response(self, track: list[Exchange], began_at: float, now: float) -> HttpResponse:
        second = self._began_at + (now - began_at) * self._speed
        times = [exchange.at.timestamp() for exchange in track]
        exchange = track[max(0, bisect_right(times, second) - 1)]
        if exchange.status is None:
            return HttpResponse(reset=True)
        if exchange.answer is None:
            body = BODIES.get(exchange.body, b"").ljust(exchange.size)
            return HttpResponse(exchange.status, body, content_type="text/plain")
        answer = self._moved(exchange.answer, began_at)
        return replace(json_response(answer), status=exchange.status)

    def _moved(self, answer: dict[str, Any], began_at: float) -> dict[str, Any]:
        """Return an answer with the times and durations that it would have had if it were given now."""
        return {key: self._moved_value(FIELDS.get(key), value, began_at) for key, value in answer.items()}

    def _moved_value(self, rule: object, value: object, began_at: float) -> object:
        if rule is members and isinstance(value, dict):
            return self._moved(value, began_at)
        if rule is members and isinstance(value, list):
            return [self._moved(item, began_at) for item in objects(value)]
        if rule is moment and (time := utc(value)):
            moved = began_at + (time.timestamp() - self._began_at) / self._speed
            return timestamp(round(moved, 3))
        if rule is elapsed and (duration := seconds(value)) is not None:
            return duration_text(duration / self._speed)
        return value
