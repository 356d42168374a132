"""Starts an upgrade domain, however often the request is repeated. Not for DAG files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.resume import next_resume_step
from airflow_provider_sf.rest import Rejected, ResultUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades import UpgradeProgress

LOOK_AGAIN_SECONDS = 5.0

MAX_LOST_ANSWERS = 12
"""After this many lost answers the last error is raised."""


def start_upgrade_domain(
    hook: ServiceFabricHook, name: str, domain: str, *, read: Callable[[], UpgradeProgress], log: Any
) -> None:
    """
    Request the start of an upgrade domain until it is certain.

    If the answer is lost, the upgrade is read and the request repeated: it names the domain, so none is
    skipped. A refusal is no error if the domain has started meanwhile.

    :param read: reads the upgrade
    :raises ServiceFabricError: the cluster could not be reached, or it refused the request
    """
    lost = 0
    while True:
        try:
            hook.resume_application_upgrade(name, domain)
        except ResultUnknown as error:  # noqa: PERF203 - it is the purpose of the loop
            lost += 1
            if lost == MAX_LOST_ANSWERS:
                raise
            log.warning("The answer to the request was lost; reading the upgrade again: %s", error)
            time.sleep(LOOK_AGAIN_SECONDS)
            if next_resume_step(read(), domain).is_done:
                return
        except Rejected as error:
            if not next_resume_step(read(), domain).is_done:
                raise
            log.info("The upgrade domain has started already: %s", error)
            return
        else:
            return
