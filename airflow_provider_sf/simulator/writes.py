"""The calls that change a simulated cluster, as a table. No I/O."""

from __future__ import annotations

from airflow_provider_sf.simulator.application_commands import APPLICATION_ROUTES
from airflow_provider_sf.simulator.deployment_commands import DEPLOYMENT_ROUTES
from airflow_provider_sf.simulator.image_store_commands import IMAGE_STORE_ROUTES
from airflow_provider_sf.simulator.type_commands import TYPE_ROUTES

ROUTES = (*APPLICATION_ROUTES, *TYPE_ROUTES, *DEPLOYMENT_ROUTES, *IMAGE_STORE_ROUTES)
"""A request is for the first route with its path. Those of the image store have paths of any length."""
