"""The page in a real browser, with a stub of Airflow's REST API: what a person sees, and what it asks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from axe_core_python.base import AXE_SCRIPT
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import step
from demo.browser import Browser, Screen
from tests.messages.hostile import records
from tests.plugins.stub_airflow import POLICY, StubAirflow, Task, task_of, waiting, with_record

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.unmeasured  # they run no other code of the package than a script

DESKTOP, PHONE = Screen(1280, 900), Screen(375, 812, is_phone=True)
ATTACK = (
    "<img src=x onerror=\"document.title='attacked'\"><script>document.title='attacked'</script>\u202etxt"
)


@pytest.fixture
def page(chromium: Browser, airflow: StubAirflow) -> Page:
    return Page(chromium, airflow)


class Page:
    """The page in the browser."""

    def __init__(self, browser: Browser, airflow: StubAirflow) -> None:
        self.browser = browser
        self.airflow = airflow

    def open(self, query: str = "", until: str = "Read from Airflow at") -> str:
        """Open the list, or the page of a task; return the text of the page."""
        self.browser.open(f"{self.airflow.page}?{query}")
        self.browser.wait_for_text(until)
        return self.text()

    def open_task(self, *tasks: Task) -> str:
        """Open the page of the first task."""
        self.airflow.tasks = list(tasks)
        return self.open(tasks[0].query)

    def text(self, selector: str = "body") -> str:
        return str(self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def texts(self, selector: str) -> list[str]:
        script = f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText)"
        return list(self.browser.evaluate(script))

    def fact(self, label: str) -> str:
        """Return the text beside a label."""
        pairs = dict(zip(self.texts("#first dt"), self.texts("#first dd"), strict=True))
        return str(pairs[label])

    def count(self, call: str) -> int:
        """Return how many calls of the API contain a text."""
        return sum(call in made for made in self.airflow.calls)


# The first second


def test_upgrade_in_progress(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 1500)))
    assert page.text("h1") == "fabric:/stuck-shop/web"
    assert page.text("#first .state") == "In progress"
    assert page.text("#first .place") == "Domain UD3 (3 of 5), 40 %"
    assert re.match(r"2\dm\d\ds in this upgrade domain", page.fact("For"))  # it goes on while the page loads
    assert "in this upgrade domain, since" in page.fact("For")
    assert page.fact("Waits for").startswith("node node5 waits for EnsureAvailability: partition ")
    assert page.fact("Next") == "If a health check fails, Service Fabric rolls back."
    assert page.browser.evaluate("document.title") == "In progress: fabric:/stuck-shop/web"


def test_domains_with_nodes_and_phases(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 1500)))
    names, states = page.texts(".domains .name"), page.texts(".domains .state")
    assert names == ["UD1", "UD2", "UD3", "UD4", "UD5"]
    assert states == ["completed", "completed", "in progress", "pending", "pending"]
    nodes = page.texts(".domains > li:nth-child(3) ul li")
    assert [text.partition(" for ")[0] for text in nodes] == [
        "node5 pre upgrade safety check",
        "node6 pre upgrade safety check",
    ]
    assert "Completed domains took 1m45s each on average." in page.text("#domains")


def test_rollback_names_failure_and_reason(page: Page) -> None:
    page.open_task(task_of(waiting("rolled_back", 450)))
    assert page.text("#first .state") == "Rolling back"
    assert page.fact("Failure").startswith("Failed in upgrade domain UD3 at ")
    assert "System.FM reports State" in page.fact("Why")
    assert page.fact("Version") == "v0 to v1"
    assert "failed here" in page.text(".domains > li:nth-child(3)")


def test_rolled_back_is_back_on_the_old_version(page: Page) -> None:
    page.open_task(task_of(waiting("rolled_back", 900), "Rolled back: upgrade", state="failed"))
    assert page.text("#first .state") == "Rolled back"
    assert page.text("#first .place") == "Back on v0"
    assert page.fact("Not deployed") == "v1"
    assert page.fact("It had reached").startswith("domain UD3 (3 of 5), ")
    assert page.texts(".domains .state") == [
        "back on v0",
        "back on v0",
        "failed here, back on v0",
        "back on v0",
        "back on v0",
    ]
    assert page.text("#message .message") == "Rolled back: upgrade"
    assert "The task has ended: no more updates." in page.text("footer")


def test_success(page: Page) -> None:
    page.open_task(task_of(waiting("good", 900), "Completed in 10m00s", state="success"))
    assert page.text("#first .state") == "Succeeded"
    assert page.fact("Took") == "10m00s"


def test_pause_asks_for_a_person(page: Page) -> None:
    page.open_task(task_of(waiting("paused", 600)))
    assert page.text("#first .state") == "Paused"
    assert page.fact("Waits for") == (
        "A person must resume the upgrade, or roll it back. It continues with upgrade domain UD4"
    )


def test_question_of_the_gate_is_named(page: Page) -> None:
    page.open_task(task_of(waiting("paused", 600), state="awaiting_input"))
    assert (
        page.fact("Waits for")
        == "A person: answer the question under Required Actions of the task in Airflow"
    )


def test_health_check_has_time_and_limit(page: Page) -> None:
    policy = {"health_check_phase": "StableDuration", "health_check_elapsed_seconds": 70.0}
    state = waiting("good", 250)
    assert state.record
    assert state.record.monitoring_policy
    limits = replace(state.record.monitoring_policy, stable_seconds=120.0, domain_timeout_seconds=1200.0)
    seen_at = datetime.now(timezone.utc) - timedelta(seconds=20)
    page.open_task(task_of(with_record(state, monitoring_policy=limits, observed_at=seen_at, **policy)))
    assert page.fact("Waits for").startswith("Health check, stable duration 1m3")
    assert page.fact("Waits for").endswith(" of 2m00s")
    assert (
        page.fact("Next")
        == "If a health check fails or an upgrade domain takes too long, Service Fabric rolls back."
    )


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (
            "UnmonitoredAuto",
            "Service Fabric checks no health: the upgrade completes even if the application is unhealthy.",
        ),
        ("UnmonitoredManual", "Service Fabric pauses before each upgrade domain."),
    ],
)
def test_unmonitored_upgrade_says_what_follows(mode: str, text: str, page: Page) -> None:
    page.open_task(task_of(with_record(waiting("stuck", 600), rolling_upgrade_mode=mode)))
    assert page.fact("Next") == text


def test_services_with_pending_replicas(page: Page) -> None:
    page.open_task(task_of(waiting("good", 250, kind="application_resource")))
    rows = page.texts("#services tbody tr")
    assert rows == ["web\t4/8 (4 pending)", "api\t2/5 (3 pending)", "worker\t1/3 (2 pending)"]
    waits_for = page.fact("Waits for").split()
    assert waits_for[:4] == ["web:", "4", "replicas", "pending"]


def test_unit_by_unit_upgrade_has_units(page: Page) -> None:
    units = tuple(UpgradeUnit(f"N{number}", "Failed" if number == 2 else "Completed") for number in range(4))
    domains = Domains(upgrade_units=units)
    page.open_task(
        task_of(with_record(waiting("stuck", 600), domains=domains, omitted=(("upgrade_units", 7),)))
    )
    assert page.texts("#domains .state") == ["completed", "completed", "failed", "completed"]
    assert "and 7 more units" in page.text("#domains")


def test_other_upgrade_is_not_started(page: Page) -> None:
    expected = Policy(poke_interval=15.0, selector=UpgradeSelector(target_version="v9"))
    page.open_task(task_of(waiting("good", 250, policy=expected)))
    assert page.text("#first .state") == "Not started"
    assert page.fact("On record") == "Another upgrade than the expected one: v1 (rolling forward pending)"
    assert page.texts("#first .place") == []
    assert page.texts("#domains") == []
    assert "another upgrade" in page.text("#timeline")


def test_never_upgraded_is_no_other_upgrade(page: Page) -> None:
    page.open_task(task_of(waiting("never_upgraded", 60)))
    assert page.text("#first .state") == "Not started"
    assert page.fact("On record") == "No upgrade; v0 is deployed"


def test_deployed_version_is_a_success(page: Page) -> None:
    current = UpgradeSelector(target_version="v0", accept_current_version=True)
    state = waiting("never_upgraded", 60, policy=Policy(poke_interval=15.0, selector=current))
    page.open_task(task_of(state, state="success"))
    assert page.text("#first .state") == "Deployed already"
    assert page.fact("On record") == "No upgrade; v0 is deployed"


def test_superseded_upgrade(page: Page) -> None:
    page.open_task(task_of(waiting("superseded", 900), state="failed"))
    assert page.text("#first .state") == "Superseded"
    assert page.fact("On record").startswith("Another upgrade than the expected one: ")


def test_task_without_record_has_its_name(page: Page) -> None:
    """A task in mode poke pushes its XComs at its end."""
    page.open_task(Task(state="running", name="fabric:/shop/web"))
    assert page.text("h1") == "fabric:/shop/web"
    assert page.text("#first .state") == "No record yet"


def test_outage_shows_the_last_record(page: Page) -> None:
    since = datetime.now(timezone.utc) - timedelta(minutes=4)
    error = Unreachable("Connection refused", endpoint="http://c:19080")
    page.open_task(task_of(replace(waiting("stuck", 600), unreachable_since=since, error=error)))
    assert page.text("#first .state") == "In progress, when last seen"
    assert page.fact("No answer").startswith("since ")
    assert page.fact("No answer").endswith(": Connection refused")


def test_timeout_is_no_end_of_the_upgrade(page: Page) -> None:
    ended = replace(waiting("stuck", 600), ended_by="stall_timeout", ended_at=datetime.now(timezone.utc))
    page.open_task(task_of(ended, "stall_timeout", state="failed"))
    assert (
        page.text("#notice")
        == "The wait has ended (stall_timeout), not the upgrade. This is the last record."
    )
    assert page.text("#first .state") == "In progress, when last seen"


def test_task_ended_by_airflow_is_named(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600), state="failed"))
    assert page.text("#notice").startswith("Airflow ended the task (failed) before the wait had a result.")


def test_lost_triggerer_is_named(page: Page) -> None:
    lost = (datetime.now(timezone.utc) - timedelta(minutes=3)).isoformat()
    page.open_task(task_of(waiting("stuck", 600), heartbeat=lost))
    assert page.text("#notice").startswith("The triggerer of this task has sent no heartbeat since ")


@pytest.mark.parametrize(
    ("version", "is_shown"), [("3.1.8", True), ("3.2.0", True), ("3.3.0", False), ("4.0.0", False)]
)
def test_older_airflow_shows_the_first_poll(*, version: str, is_shown: bool, page: Page) -> None:
    page.airflow.version = version
    page.open_task(task_of(waiting("stuck", 600)))
    page.open()
    assert ("in this upgrade domain" in page.text()) is not is_shown
    page.open_task(task_of(waiting("stuck", 600)))
    assert page.text("#notice").startswith(f"Airflow {version[:3]} shows the first poll") is is_shown
    assert page.text("#first .state") == ("In progress, at the first poll" if is_shown else "In progress")


def test_mapped_task_has_its_own_page(page: Page) -> None:
    tasks = [task_of(waiting(name, 600), map_index=place) for place, name in enumerate(["stuck", "good"])]
    page.open_task(tasks[1], tasks[0])
    assert page.text("h1") == "fabric:/good-shop/web"
    link = page.browser.evaluate("[...document.querySelectorAll('nav a')].pop().pathname")
    assert link == "/airflow/dags/release/runs/manual__1/tasks/wait/mapped/1"


def test_unfilled_map_index_is_not_mapped(page: Page) -> None:
    """Airflow leaves the placeholder in the address of a task that is not mapped."""
    page.airflow.tasks = [task_of(waiting("stuck", 600))]
    page.open("dag=release&run=manual__1&task=wait&map={MAP_INDEX}")
    assert page.text("h1") == "fabric:/stuck-shop/web"


def test_xcom_of_an_earlier_run_is_not_shown(page: Page) -> None:
    page.airflow.answers_with_earlier_runs = True
    page.open_task(Task(dag_run_id="manual__2"), task_of(waiting("good", 900), state="success"))
    assert page.text("#first .state") == "No record yet"


def test_expected_end_comes_from_earlier_runs(page: Page) -> None:
    earlier = [
        task_of(
            with_record(waiting("good", 900), duration_seconds=seconds),
            dag_run_id=f"run{seconds}",
            state="success",
        )
        for seconds in (540.0, 600.0, 720.0)
    ]
    other = task_of(waiting("good", 900, kind="application_resource"), dag_run_id="other", state="success")
    page.open_task(task_of(waiting("good", 250)), *earlier, other)
    assert page.fact("Expected end").startswith("About ")
    assert page.fact("Expected end").endswith(": the last 3 took 9m00s to 12m00s")
    late = with_record(waiting("good", 250), started_at=datetime.now(timezone.utc) - timedelta(minutes=20))
    page.open_task(task_of(late), *earlier)
    assert page.fact("Expected end").startswith("Later than usual: 20m0")


# The list


def test_list_shows_trouble_first(page: Page) -> None:
    page.airflow.tasks = [
        task_of(waiting("good", 250), task_id="fine"),
        task_of(waiting("rolled_back", 450), task_id="going_back"),
        Task(task_id="poke", state="running"),
        task_of(waiting("paused", 600), task_id="paused"),
        task_of(waiting("good", 900), task_id="done", state="success"),
        Task(task_id="other", operator="BashOperator", state="running"),
    ]
    text = page.open()
    assert "4 upgrades that tasks wait for now" in text
    assert page.texts(".upgrades .state") == ["Rolling back", "Paused", "In progress", "No record yet"]
    assert page.count("xcomEntries") == 4


def test_list_leads_to_the_upgrade(page: Page) -> None:
    page.airflow.tasks = [task_of(waiting("stuck", 600))]
    page.open()
    page.browser.click("fabric:/stuck-shop/web")
    page.browser.wait_for_text("Upgrade domains")
    page.browser.click("All upgrades")
    page.browser.wait_for_text("1 upgrade that tasks wait for now")


def test_list_of_a_run_has_ended_tasks(page: Page) -> None:
    page.airflow.tasks = [
        task_of(waiting("good", 900), task_id="done", state="success"),
        task_of(waiting("good", 900), dag_run_id="manual__2"),
    ]
    text = page.open("dag=release&run=manual__1")
    assert "1 upgrade in this run" in text
    assert page.texts(".upgrades .state") == ["Succeeded"]


def test_list_shows_what_the_user_may_read(page: Page) -> None:
    """The rights for tasks and for their XComs are separate, and each DAG has its own."""
    page.airflow.tasks = [
        Task(task_id="secret", wait={"schema": "refused"}),
        task_of(waiting("stuck", 600), task_id="open"),
    ]
    page.open()
    assert page.texts(".upgrades .state") == ["In progress", "Cannot be read"]
    assert "Airflow refuses: your user may not read" in page.text(".upgrades > li:last-child")


WAIT = task_of(waiting("stuck", 600)).wait or {}


@pytest.mark.parametrize(
    "wait",
    [
        {"schema": WAIT["schema"]},
        {**WAIT, "timeline": None},
        {**WAIT, "timeline": []},
        {**WAIT, "record": {"outcome": "in_progress"}},
        {**WAIT, "record": "in_progress"},
        {**WAIT, "outages": None, "began_at": "yesterday"},
    ],
)
def test_malformed_xcom_hides_no_other_task(wait: dict[str, Any], page: Page) -> None:
    """Any task may push an XCom with this key."""
    malformed = Task(task_id="malformed", wait=wait)
    page.airflow.tasks = [malformed, task_of(waiting("stuck", 600), task_id="fine")]
    text = page.open()
    assert "2 upgrades that tasks wait for now" in text
    assert "fabric:/stuck-shop/web" in page.texts(".upgrades a")
    assert "In progress" in page.texts(".upgrades .state")
    page.open(malformed.query, until="the XCom upgrade_wait is malformed")


def test_malformed_xcom_of_earlier_run_is_skipped(page: Page) -> None:
    now = task_of(waiting("stuck", 600))
    earlier = [
        Task(dag_run_id="manual__2", state="success", wait=wait)
        for wait in ({"schema": "service_fabric.upgrade_wait/0"}, {"schema": WAIT["schema"]})
    ]
    page.open_task(now, *earlier)
    assert page.text("#first .state") == "In progress"


def test_wanted_rollback_is_good(page: Page) -> None:
    page.open_task(task_of(waiting("rolled_back", 900), state="success"))
    assert page.browser.evaluate("document.querySelector('#first.good .state').textContent") == "Rolled back"


def test_long_list_reads_less_often(page: Page) -> None:
    """Each task needs one request; a page sends at most 60 requests per minute."""
    page.airflow.tasks = [Task(task_id=f"task{number}") for number in range(40)]
    page.open()
    page.browser.evaluate("refreshList().then(value => { seconds = value })")
    assert page.browser.wait_for("typeof seconds === 'number' && seconds") == 40


def test_empty_list(page: Page) -> None:
    assert "No upgrades that tasks wait for now" in page.open()


# Rights, errors, updates


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, "You are not logged in to Airflow."), (403, "Airflow refuses: your user may not read")],
)
def test_refused_user_sees_no_upgrade(status: int, text: str, page: Page) -> None:
    page.airflow.tasks, page.airflow.status = [task_of(waiting("stuck", 600))], status
    page.open(page.airflow.tasks[0].query, until=text)
    assert "stuck" not in page.text()
    assert "Trying again" not in page.text("#notice")


def test_unknown_task_is_named(page: Page) -> None:
    page.open("dag=release&run=manual__1&task=nothing", until="Airflow does not know this task instance.")


def test_failed_call_keeps_the_picture(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600)))
    page.airflow.status = 500
    page.browser.evaluate("update()")
    page.browser.wait_for_text("Airflow does not answer as expected: HTTP 500. Trying again every 15 seconds")
    assert page.text("#first .state") == "In progress"
    page.airflow.status = 200
    page.browser.evaluate("update()")
    page.browser.wait_for("document.getElementById('notice').textContent === ''")


def test_hidden_page_asks_nothing(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600)))
    page.browser.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    before = len(page.airflow.calls)
    page.browser.evaluate("update()")
    assert page.browser.evaluate("isBusy") is False
    page.browser.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.browser.wait_for("!isBusy")
    assert len(page.airflow.calls) > before
    assert page.browser.evaluate("timer !== null")


def test_update_asks_for_task_and_wait_only(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600)))
    page.airflow.calls.clear()
    page.browser.evaluate("update()")
    page.browser.wait_for("!isBusy")
    task = "dags/release/dagRuns/manual__1/taskInstances/wait"
    assert sorted(page.airflow.calls) == [task, f"{task}/xcomEntries/upgrade_wait"]


def test_button_stops_updates(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600)))
    page.browser.click("Stop updates")
    before = len(page.airflow.calls)
    page.browser.evaluate("update()")
    assert page.browser.evaluate("isBusy") is False
    assert len(page.airflow.calls) == before
    page.browser.click("Update again")
    page.browser.wait_for("!isBusy")
    assert len(page.airflow.calls) > before


def test_update_keeps_the_focus(page: Page) -> None:
    page.airflow.tasks = [task_of(waiting("stuck", 600))]
    page.open()
    page.browser.evaluate("document.querySelector('.upgrades a').focus()")
    page.airflow.tasks = [task_of(waiting("rolled_back", 450))]
    page.browser.evaluate("update()")
    page.browser.wait_for_text("Rolling back")
    assert page.browser.evaluate("document.activeElement.textContent") == "fabric:/rolled_back-shop/web"


def test_news_are_read_only_when_they_change(page: Page) -> None:
    page.open_task(task_of(waiting("stuck", 600)))
    assert (
        page.browser.evaluate("document.getElementById('news').textContent")
        == "In progress. Domain UD3 (3 of 5), 40 %"
    )
    page.browser.evaluate("seen = 0; new MutationObserver(() => seen++).observe(news, {childList: true})")
    page.browser.evaluate("update()")
    page.browser.wait_for("!isBusy")
    assert page.browser.evaluate("seen") == 0


# Hostile texts


def hostile() -> Task:
    """Return a wait with markup in each text that a cluster controls."""
    domains = Domains(
        upgrade_domains=(UpgradeUnit(ATTACK, "InProgress"),),
        current_domain=DomainProgress(ATTACK, (NodeProgress(ATTACK, ATTACK),)),
        pending_safety_checks=(ATTACK,),
        failure_domain=ATTACK,
        nodes_at_failure=(NodeProgress(ATTACK, ATTACK),),
        next_domain=ATTACK,
    )
    state = with_record(
        waiting("stuck", 600),
        domains=domains,
        name=ATTACK,
        target_version=ATTACK,
        previous_version=ATTACK,
        status_details=ATTACK,
        failure_reason=ATTACK,
        failed_at=datetime.now(timezone.utc),
        unhealthy_evaluations=(ATTACK,) * 3,
        services=(ServiceProgress(ATTACK, 1, 2),),
        endpoint=ATTACK,
    )
    stage = replace(
        state.timeline[-1], place=ATTACK, failure_reason=ATTACK, target_version=ATTACK, state=ATTACK
    )
    return task_of(replace(state, timeline=(stage,), reasons=(ATTACK, f"2 {ATTACK}")), ATTACK, task_id="wait")


@pytest.fixture(scope="module")
def opened(chromium: Browser) -> Iterator[Browser]:
    """A browser that shows the empty list."""
    with StubAirflow() as stub:
        Page(chromium, stub).open()
        yield chromium


ANY_TIME = st.none() | st.datetimes(timezones=st.just(timezone.utc))


@given(record=st.sampled_from([*KINDS]).flatmap(lambda kind: records(kind, ANY_TIME)))
def test_any_record_can_be_shown(record: UpgradeProgress, opened: Browser) -> None:
    """The script raises no error, whatever a cluster reports."""
    state, _ = step(POLICY, WaitState(), record, datetime.now(timezone.utc))
    task = replace(task_of(state), state="deferred")
    call = f"show(sections({json.dumps(task.to_dict())}, {json.dumps(task.wait)}, [60], new Date()))"
    opened.evaluate(call)
    assert len(opened.evaluate("document.getElementById('first').innerText")) > 0


@pytest.mark.parametrize("query", ["", None])
def test_hostile_texts_stay_texts(query: str | None, page: Page) -> None:
    page.airflow.tasks = [hostile()]
    page.open(page.airflow.tasks[0].query if query is None else query)
    assert (
        page.browser.evaluate("document.querySelectorAll('main img, main script, main iframe').length") == 0
    )
    assert "attacked" not in page.browser.evaluate("document.title").replace(ATTACK, "")
    assert ATTACK.partition("\u202e")[0] in page.text()


def test_browser_refuses_to_make_html(page: Page) -> None:
    """The policy holds even if a later change of the script would forget the rule."""
    page.open()
    refused = """(() => { try { document.body.innerHTML = "<b>x</b>"; return "made" } catch (e) { return e.name } })()"""
    assert page.browser.evaluate(refused) == "TypeError"


def test_unknown_schema_is_named(page: Page) -> None:
    page.airflow.tasks = [Task(wait={"schema": "service_fabric.upgrade_wait/2"})]
    page.open(page.airflow.tasks[0].query, until="unknown schema service_fabric.upgrade_wait/2")


# Sight, keyboard, screen reader


def cases() -> Iterator[Any]:
    yield pytest.param([task_of(waiting("stuck", 1500))], False, id="in_progress")
    yield pytest.param(
        [task_of(waiting("rolled_back", 900), "Rolled back", state="failed")], False, id="rolled_back"
    )
    yield pytest.param([task_of(waiting("good", 250, kind="application_resource"))], False, id="services")
    every = ("stuck", "rolled_back", "paused", "good")
    yield pytest.param([task_of(waiting(name, 450), task_id=name) for name in every], True, id="list")


@pytest.mark.parametrize(("screen", "theme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
@pytest.mark.parametrize(("tasks", "is_list"), list(cases()))
def test_accessibility(*, tasks: list[Task], is_list: bool, screen: Screen, theme: str, page: Page) -> None:
    """Axe has no finding, and the page is never wider than the screen."""
    page.browser.resize(screen)
    show_theme(page, theme)
    page.airflow.tasks = tasks
    page.open("" if is_list else tasks[0].query)
    page.browser.evaluate(AXE_SCRIPT)
    page.browser.evaluate("axe.run().then(result => { found = result })")
    result = page.browser.wait_for("typeof found === 'object' && found")
    assert result["violations"] == []
    assert [rule["id"] for rule in result["passes"] if rule["id"] == "color-contrast"] == ["color-contrast"]
    assert page.browser.evaluate("document.documentElement.scrollWidth") <= screen.width


def show_theme(page: Page, theme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": theme}]
    page.browser.call("Emulation.setEmulatedMedia", features=features)


def test_choice_of_airflow_wins_over_the_browser(page: Page) -> None:
    show_theme(page, "light")
    page.open()
    page.browser.evaluate("localStorage.setItem('theme', 'dark')")
    page.open()
    assert page.browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
    page.browser.evaluate("localStorage.removeItem('theme')")


def test_keyboard_reaches_each_control(page: Page) -> None:
    page.airflow.tasks = [task_of(waiting("stuck", 600)), task_of(waiting("good", 250), task_id="second")]
    page.open()
    reached = []
    for _ in range(4):
        page.browser.call(
            "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        reached.append(page.browser.evaluate("document.activeElement.innerText"))
        assert page.browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == ["Airflow", "Stop updates", "fabric:/stuck-shop/web", "fabric:/good-shop/web"]


def test_record_of_the_cluster_itself(page: Page) -> None:
    """The cluster kinds have no name."""
    page.open_task(task_of(waiting("good", 250, kind="cluster")))
    assert page.text("h1") == "cluster"


@pytest.mark.parametrize("kind", ["application_resource", "compose_deployment", "cluster_configuration"])
def test_each_kind_is_shown(kind: str, page: Page) -> None:
    page.open_task(task_of(waiting("good", 250, kind=kind)))
    assert page.text("#first .state") == "In progress"
    assert isinstance(waiting("good", 250, kind=kind).record, UpgradeProgress)
