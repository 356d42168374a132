"""
Release a new version from its package, and remove old versions: a whole release as one task group.

    release.provision -> release.upgrade -> release.unprovision

``provision`` lets the cluster download the package and waits until the version is available. ``upgrade``
starts exactly one upgrade and is deferred until it has ended. ``unprovision`` keeps the two newest
versions, all that are in use, and the one from before the upgrade. A retry of any task changes nothing
more.

**Set up:** the connection ``service_fabric_default``. To run the DAG without a cluster, start the
simulator: ``python -m airflow_provider_sf.simulator --speed 10``. For your own cluster, put the address of
the package with its SAS token into the variable ``store_package_secret``: Airflow stores the text of a DAG
file, but it masks what comes from a template. It shows no variable with "secret" in its name.

    airflow variables set store_package_secret 'https://packages.example.com/store-v3.sfpkg?sv=...'

**You will see:** the three tasks one after another in the group ``release``, and the summary of the upgrade
in the log of ``upgrade``.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.task_groups.service_fabric import release_application

PACKAGE = "{{ var.value.get('store_package_secret', 'https://packages.example.com/store-v3.sfpkg') }}"

with DAG(
    dag_id="release_package",
    description="Provision a package, upgrade a Service Fabric application, remove old versions.",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs at once would start two upgrades
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    release_application(
        name="fabric:/idle-store/web",
        type_name="IdleStoreType",
        target_version="v3",
        package_uri=PACKAGE,
        monitoring_policy=MonitoringPolicy(upgrade_timeout=timedelta(hours=1)),
        keep=2,
        upgrade_options={"poke_interval": timedelta(seconds=10)},
    )

if __name__ == "__main__":
    dag.test()
