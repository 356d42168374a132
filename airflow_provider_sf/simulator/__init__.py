"""
A simulated Service Fabric cluster for demos and tests.

The model is a pure function of a scenario and the seconds since its start (:mod:`.model`), the scenarios are
data (:mod:`.scenarios`). Gateways (:mod:`.gateway`) serve it on loopback ports, with the
security of :mod:`.security`. ``docs/simulator.md`` lists which parts are confirmed and which are guesses.
"""

from __future__ import annotations

from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.server import Simulator

__all__ = ["SCENARIOS", "Simulator"]
