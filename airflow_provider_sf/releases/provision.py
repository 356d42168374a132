"""What a task that provisions an application type does next. A pure function; no I/O."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades.application_types import ApplicationType


class ProvisionStep(Enum):
    """What to do next."""

    REQUEST = "request"
    WAIT = "wait"
    DONE = "done"
    FAILED = "failed"


def next_provision_step(found: ApplicationType | None, *, is_accepted: bool) -> ProvisionStep:
    """
    Return the next step. A request may be repeated: Service Fabric refuses a second one for the same version.

    A version that has failed is provisioned again, which Service Fabric accepts; after that, its failure is
    final. Every other status, for example Unprovisioning, is waited for.

    :param found: the version as the cluster reports it; None if it does not know it
    :param is_accepted: whether the cluster has accepted the request of this task for certain
    """
    status = found.status if found else None
    if status == "Available":
        return ProvisionStep.DONE
    if status == "Failed" and is_accepted:
        return ProvisionStep.FAILED
    if status in {None, "Failed"} and not is_accepted:
        return ProvisionStep.REQUEST
    return ProvisionStep.WAIT
