"""The known mistakes: what each is, and the connection of those that are made there."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.e2e.cluster import Cluster

FALSE_GREEN = "it is green, but the cluster's last answer was"
LOST_TRY = r"in try 2, expected \w+ in try 1"


class Mistake(NamedTuple):
    """What a mistake is, and the problem by which the suite finds it, as a regular expression."""

    what: str
    problem: str

    def is_found(self, problems: Iterable[str]) -> bool:
        """Return whether one of the problems is that of this mistake."""
        return any(re.search(self.problem, problem) for problem in problems)


MISTAKES = {
    "blind": Mistake("an event that is trusted without a check", FALSE_GREEN),
    "forgetful": Mistake("a try that knows nothing of the one before", f"superseded: {FALSE_GREEN}"),
    "naive": Mistake(
        "an event that is trusted without a check, and a try that knows nothing of the one before",
        FALSE_GREEN,
    ),
    "careless": Mistake("a wait that takes any upgrade for the expected one", f"superseded: {FALSE_GREEN}"),
    "impatient": Mistake("one failed poll that ends the wait", LOST_TRY),
    "repeating": Mistake("a start that is sent in each try", r"requested [2-9] times"),
    "first_gateway": Mistake("a client that knows only one gateway", LOST_TRY),
    "pinned": Mistake("a client that knows only the first certificate of the server", LOST_TRY),
    "read_once": Mistake("a connection and its files that are read only once", LOST_TRY),
    "restarted": Mistake("a triggerer that knows nothing of the one before", f"superseded: {FALSE_GREEN}"),
    "renamed": Mistake("a keyword of the trigger that has another name than in the row", LOST_TRY),
    "fragile": Mistake("a wait that only its first triggerer can continue", LOST_TRY),
    "relative": Mistake("a timeout that starts again", "its wait took"),
    "stubborn": Mistake("polls that go on after the task has ended", "reads followed its end"),
    "uncached": Mistake("a wait that ends when its connection cannot be loaded", LOST_TRY),
    "leaky": Mistake(
        "a connection for each poll that stays open", "connections to the cluster are still open"
    ),
    "unshared": Mistake("a poll for each wait, not for each upgrade", "polls a minute"),
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
