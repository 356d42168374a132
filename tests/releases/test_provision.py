"""What a task that provisions an application type does next."""

from __future__ import annotations

import pytest

from airflow_provider_sf.releases.provision import ProvisionStep, next_provision_step
from airflow_provider_sf.upgrades.application_types import ApplicationType


@pytest.mark.parametrize(
    ("status", "before", "accepted"),
    [
        (None, ProvisionStep.REQUEST, ProvisionStep.WAIT),
        ("Failed", ProvisionStep.REQUEST, ProvisionStep.FAILED),
        ("Provisioning", ProvisionStep.WAIT, ProvisionStep.WAIT),
        ("Unprovisioning", ProvisionStep.WAIT, ProvisionStep.WAIT),
        ("Invalid", ProvisionStep.WAIT, ProvisionStep.WAIT),
        ("Available", ProvisionStep.DONE, ProvisionStep.DONE),
    ],
)
def test_status_decides_the_next_step(
    status: str | None, before: ProvisionStep, accepted: ProvisionStep
) -> None:
    """Before and after the cluster has accepted the request."""
    found = ApplicationType("ShopType", "2.0", status) if status else None
    assert next_provision_step(found, is_accepted=False) is before
    assert next_provision_step(found, is_accepted=True) is accepted
