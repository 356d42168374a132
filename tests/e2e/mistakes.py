"""The known mistakes: what each is, and the connection of those that are made there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.cluster import Cluster

MISTAKES = {
    "blind": "an event that is trusted without a check",
    "forgetful": "a try that knows nothing of the one before",
    "naive": "an event that is trusted without a check, and a try that knows nothing of the one before",
    "careless": "a wait that takes any upgrade for the expected one",
    "impatient": "one failed poll that ends the wait",
    "repeating": "a start that is sent in each try",
    "first_gateway": "a client that knows only one gateway",
    "pinned": "a client that knows only the first certificate of the server",
    "read_once": "a connection and its files that are read only once",
    "restarted": "a triggerer that knows nothing of the one before",
    "renamed": "a keyword of the trigger that has another name than in the row",
    "fragile": "a wait that only its first triggerer can continue",
    "relative": "a timeout that starts again",
    "stubborn": "polls that go on after the task has ended",
    "uncached": "a wait that ends when its connection cannot be loaded",
    "leaky": "a connection for each poll that stays open",
    "unshared": "a poll for each wait, not for each upgrade",
}
"""What each mistake is. ``dags/broken_waits.py`` makes them."""


def with_first_gateway(cluster: Cluster) -> dict[str, Any]:
    """Return a connection that names one gateway."""
    fields = cluster.connection()
    return {**fields, "host": fields["host"].partition(",")[0]}


def with_pinned_certificate(cluster: Cluster) -> dict[str, Any]:
    """Return a connection that accepts the present certificate of the server, and no other one."""
    fields = cluster.connection()
    extra = json.loads(fields["extra"])
    del extra["ca_bundle"]
    return {**fields, "extra": json.dumps({**extra, "server_thumbprints": cluster.server_thumbprint})}


def with_copied_files(cluster: Cluster) -> dict[str, Any]:
    """Return a connection that does not change, with files that do not change."""
    copies = cluster.folder.with_name(f"{cluster.folder.name}-copies")
    shutil.copytree(cluster.folder, copies)
    fields = cluster.connection()
    return {**fields, "extra": fields["extra"].replace(f"{cluster.folder}/", f"{copies}/")}


CONNECTIONS: dict[str, Callable[[Cluster], dict[str, Any]]] = {
    "first_gateway": with_first_gateway,
    "pinned": with_pinned_certificate,
    "read_once": with_copied_files,
}
"""The connections of the mistakes that need another one."""
