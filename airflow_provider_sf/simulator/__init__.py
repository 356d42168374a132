"""
A simulated Service Fabric cluster for demos and tests.

Its state is a pure function of scenarios, the journal of accepted commands and the time (:mod:`.state`). The
scenarios are data (:mod:`.scenarios`). Commands (:mod:`.writes`) are decided by the state and appended to the
journal. Gateways (:mod:`.gateway`) serve it on loopback ports, with the security of :mod:`.security`.
``docs/explanation/unconfirmed.md`` lists which parts are guesses.
"""

from __future__ import annotations

from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.server import Simulator

__all__ = ["SCENARIOS", "Simulator"]
