"""The page of a simulated application: errors that Service Fabric does not see."""

from __future__ import annotations

import pytest

from airflow_provider_sf.simulator import Simulator
from tests.simulator.driven import Driven

PAGE = "/simulator/page/idle_http_errors-shop~web"
NAME = "fabric:/idle_http_errors-shop/web"


def test_page_shows_the_deployed_version() -> None:
    with Simulator(start_delay=0.0) as simulator:
        shown = simulator.respond("/simulator/page/idle-shop~web")
    assert (shown.status, shown.body) == (200, b"fabric:/idle-shop/web: v0\n")


def test_unknown_application_has_no_page() -> None:
    with Simulator(start_delay=0.0) as simulator:
        assert simulator.respond("/simulator/page/not_found-shop~web").status == 404


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (100, 200), (260, 500), (5_000, 500)])
def test_errors_begin_in_the_second_domain(seconds: float, status: int) -> None:
    driven = Driven(NAME)
    driven.start()
    driven.second += seconds
    assert driven.simulator.respond(PAGE).status == status
    assert driven.progress()["UnhealthyEvaluations"] == []


def test_page_is_good_after_a_rollback() -> None:
    driven = Driven(NAME)
    driven.start()
    driven.second += 300
    driven.rollback()
    driven.second += 5_000
    assert driven.simulator.respond(PAGE).status == 200


def test_bad_version_is_unhealthy_without_checks() -> None:
    """A monitored upgrade would fail its health check there."""
    driven = Driven("fabric:/idle_rolled_back-shop/web")
    driven.start(RollingUpgradeMode="UnmonitoredAuto")
    driven.second += 300
    assert driven.application()["HealthState"] == "Ok"
    driven.second += 300
    assert driven.application()["HealthState"] == "Error"
