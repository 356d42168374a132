"""The cluster that a command connects to: from its options, a variable of the environment, or sfctl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.auth.certificates import is_file
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.cluster.environment import cluster_in, variable_name
from airflow_provider_sf.commands.options import CONNECTION_SETTINGS
from airflow_provider_sf.commands.sfctl import sfctl_connection
from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping


class CommandCalls(UpgradeReads):
    """
    The calls of the hook, over the connection of a command.

    The files of the connection are read again for each call, so a wait uses a renewed certificate.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        environ: Mapping[str, str],
        warn: Callable[[str], object],
    ) -> None:
        super().__init__("sf-wait", warn=warn)
        self._options = options
        self._environ = environ

    def _load_cluster(self) -> Cluster:
        return connected_cluster(self._options, self._environ)


def connected_cluster(options: argparse.Namespace, environ: Mapping[str, str]) -> Cluster:
    """
    Return the cluster that the options name, else the variable of the environment, else sfctl.

    :raises ValueError: no cluster is named, or a setting is invalid; the message says where
    """
    settings = {name: value for name in CONNECTION_SETTINGS if (value := getattr(options, name)) is not None}
    conn_id = options.conn_id or DEFAULT_CONN_ID
    variable = variable_name(conn_id)
    if options.endpoint or settings:
        return _named("the options", lambda: _cluster_of_options(options, settings))
    if options.conn_id or environ.get(variable):
        return cluster_in(environ, conn_id)
    found = sfctl_connection(environ)
    if found is None:
        msg = f"no cluster is set: use --endpoint, set {variable}, or run 'sfctl cluster select'"
        raise ValueError(msg)
    return _named("sfctl's configuration", lambda: Cluster.at(found[0], None, found[1]))


def _named(source: str, load: Callable[[], Cluster]) -> Cluster:
    try:
        return load()
    except ValueError as error:
        msg = f"the connection in {source}: {error}"
        raise ValueError(msg) from error


def _cluster_of_options(options: argparse.Namespace, settings: dict[str, Any]) -> Cluster:
    if options.conn_id:
        msg = "--conn-id names another connection: remove it, or remove the other options"
        raise ValueError(msg)
    if not options.endpoint:
        msg = "--endpoint is missing: add it"
        raise ValueError(msg)
    key = settings.get("private_key")
    if key is not None and not is_file(key):  # other users can see the text on a command line
        msg = "--private-key must be the path of a file, and there is no such file"
        raise ValueError(msg)
    return Cluster.at(options.endpoint, None, settings)
