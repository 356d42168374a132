"""
A pretend Service Fabric cluster for demos and tests: our model of what the real one says.

The model is a pure function of a scenario and the seconds since its start (:mod:`.model`), the scenarios are
data (:mod:`.scenarios`). Gateways (:mod:`.gateway`) put them on loopback ports and let in whom they may
(:mod:`.security`). What is confirmed in it and what is guessed stands in ``docs/simulator.md``.
"""

from __future__ import annotations

from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.server import Simulator

__all__ = ["SCENARIOS", "Simulator"]
