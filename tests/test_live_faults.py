"""
The most important faults, all at once in one real Airflow. ``make e2e`` plays all, each alone.

On PostgreSQL if its server and its driver are installed, else on SQLite with one triggerer; the end of the run says which.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.e2e.__main__ import DAGS
from tests.e2e.checks import Verdict, judge
from tests.e2e.distributed import DistributedAirflow
from tests.e2e.faults import FAULTS
from tests.e2e.mistakes import MISTAKES
from tests.e2e.servers import MissingServerError, Postgres
from tests.e2e.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

NAMES = (
    "process_killed_at_resume",
    "gateways_down",
    "client_certificate",
    "tasks_cleared",
    "triggerers_gone",
)
CHOSEN = {fault.name: fault for fault in FAULTS if fault.name in NAMES}
MISTAKEN, MISTAKE = "process_killed_at_resume", "blind"


def postgres() -> Postgres | None:
    """Return a server; None if it, or the driver of Airflow, is not installed."""
    if find_spec("psycopg2") is None or find_spec("asyncpg") is None:
        return None
    try:
        return Postgres()
    except MissingServerError:
        return None


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Verdict]]]:
    home = tmp_path_factory.mktemp("faults")
    shutil.copytree(DAGS, home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    with ExitStack() as stack:
        if database := postgres():
            stack.enter_context(database)
        live = stack.enter_context(DistributedAirflow(home, home / "dags", database))
        live.migrate()
        live.start()
        world = World(live, home / "clusters", stack)
        cases = [world.begin(fault, fault.dag) for fault in CHOSEN.values()]
        broken = world.begin(CHOSEN[MISTAKEN], CHOSEN[MISTAKEN].dag, MISTAKE)
        world.play([*cases, broken])
        verdicts = {case.fault.name: judge(world, case) for case in cases}
        yield world, {**verdicts, "mistake": judge(world, broken)}
    assert not live.processes()


@pytest.fixture
def verdicts(
    played: tuple[World, dict[str, Verdict]], record_property: Callable[[str, object], None]
) -> dict[str, Verdict]:
    world, found = played
    if world.live.postgres is None:
        record_property(
            "note", "Faults ran on SQLite with one triggerer: PostgreSQL or its drivers are not installed"
        )
    return found


@pytest.mark.parametrize("name", NAMES)
def test_tasks_survive_the_fault(name: str, verdicts: dict[str, Verdict]) -> None:
    assert not verdicts[name].problems, verdicts[name].facts


def test_known_mistake_is_found(verdicts: dict[str, Verdict]) -> None:
    assert MISTAKES[MISTAKE].is_found(verdicts["mistake"].problems)


def test_no_trigger_is_left_behind(played: tuple[World, dict[str, Verdict]]) -> None:
    assert played[0].live.count_of_triggers() == 0
