"""The sensor waits for a replayed upgrade as it did for the original: the same log, apart from pseudonyms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.sensors.service_fabric import UpgradeFailed
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.playback import Playback
from airflow_provider_sf.simulator.recorder import Target
from airflow_provider_sf.simulator.replay import Replay
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.recordings.made import SimulatedRecording, without_layout
from tests.sensors.running import MODES, run, sensor
from tests.simulated_waits import subject_name

if TYPE_CHECKING:
    from tests.conftest import Clock, TaskInstance

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses"),
    pytest.mark.unmeasured,
    pytest.mark.kind_samples,
]

# A kind and an ending, in each mode: tests/simulator/test_playback.py has all endings of all kinds.
CASES = [
    (kind, scenario, mode)
    for kind in KINDS
    for scenario in ("good", "rolled_back", "failed")
    for mode in MODES
    if mode == "deferrable" or kind == "application"
]


class Waiting:
    """A sensor that waits for what a URL serves, in simulated time."""

    def __init__(self, clock: Clock, caplog: Any, monkeypatch: pytest.MonkeyPatch, ti: TaskInstance) -> None:
        self.clock, self.caplog, self.monkeypatch, self.ti = clock, caplog, monkeypatch, ti
        self.began = clock.now

    def log_of(self, url: str, name: str, kind: str, mode: str) -> str:
        """Return the log and the message, without ports, and without times and durations of this machine."""
        self.clock.now, self.clock.step = self.began, 60.0
        self.monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", url.replace("http", "service-fabric"))
        self.caplog.clear()
        message = ""
        try:
            run(lambda: sensor(name, mode, kind=kind), self.ti)
        except UpgradeFailed as error:
            message = str(error)
        text = "\n".join([*self.caplog.messages, message])
        here = r"127\.0\.0\.1:\d+|2\d{3}-(?!03-01)\d\d-\d\d \d\d:\d\d:\d\d|\b(\d+h)?(\d+m)?\d+s\b"
        return re.sub(here, "here", text)


@pytest.mark.parametrize(("kind", "scenario", "mode"), CASES)
def test_sensor_waits_for_a_replay(
    *, kind: str, scenario: str, mode: str, clock: Clock, ti: TaskInstance, caplog: Any, monkeypatch: Any
) -> None:
    caplog.set_level("INFO")
    name, waiting = subject_name(scenario, kind), Waiting(clock, caplog, monkeypatch, ti)
    options: dict[str, Any] = {"clock": clock, "start_delay": 0.0, "cluster_scenario": scenario}
    with Simulator(**options) as simulator:
        original = waiting.log_of(simulator.url, name, kind, mode)
    clock.now, clock.step = waiting.began + 60.0, 0.0
    with Simulator(**options) as simulator:
        recording = SimulatedRecording(simulator, clock, Target(kind, name))
        recording.poll_for(900)
    with Replay(Playback(recording.exchanges, speed=1.0), clock=clock) as replay:
        replayed = waiting.log_of(replay.url, recording.exchanges[0].name, kind, mode)
    assert "shop" not in replayed
    assert without_layout(recording.originals(replayed)) == without_layout(original)
