"""Each guess that a recording can decide: a recording confirms it, another refutes it, an empty one says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.recordings.guesses import GUESSES, Verdict, findings, report_lines
from airflow_provider_sf.recordings.other_guesses import NOT_RECORDABLE
from airflow_provider_sf.recordings.recordable_guesses import RECORDABLE
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.recorder import Target
from airflow_provider_sf.upgrades.applications import APPLICATION
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH
from tests.recordings.made import SimulatedRecording, exchange, numbered
from tests.simulated_waits import KIND_SCENARIOS, subject_name
from tests.simulator.driven import MANUAL as MANUAL_MODE
from tests.simulator.driven import Driven

if TYPE_CHECKING:
    from airflow_provider_sf.recordings.exchanges import Exchange
    from tests.conftest import Clock

NAME = "fabric:/name-1"
FIRST, SECOND, UNSET = "2026-03-01T02:00:00Z", "2026-03-01T02:30:00Z", "0001-01-01T00:00:00Z"
FORWARD, BACK = "RollingForwardInProgress", "RollingBackInProgress"


def progress(kind: str, *answers: dict[str, Any], started: str = FIRST) -> list[Exchange]:
    """Return answers of a progress call, ten seconds apart, about an upgrade that has begun."""
    name = "" if kind.startswith("cluster") else NAME
    return [
        exchange(kind, {"StartTimestampUtc": started, **answer}, second=10.0 * place, name=name)
        for place, answer in enumerate(answers)
    ]


def error(kind: str, status: int, code: str) -> list[Exchange]:
    return [exchange(kind, {"Error": {"Code": code, "Message": "text-a-1"}}, status=status, name=NAME)]


def domains(*states: str) -> dict[str, Any]:
    return {
        "UpgradeDomains": [{"Name": f"name-{place}", "State": state} for place, state in enumerate(states)]
    }


def nodes(*phases: str) -> dict[str, Any]:
    listed = [{"NodeName": f"name-{place}", "UpgradePhase": phase} for place, phase in enumerate(phases)]
    return {"CurrentUpgradeDomainProgress": {"DomainName": "name-9", "NodeUpgradeProgressList": listed}}


def state(word: str, mode: str = "Monitored", **members: Any) -> dict[str, Any]:
    return {"UpgradeState": word, "RollingUpgradeMode": mode, **members}


def unhealthy(*kinds: str) -> list[dict[str, Any]]:
    """Return nested evaluations, the outermost first."""
    inner: list[dict[str, Any]] = []
    for kind in reversed(kinds):
        inner = [{"HealthEvaluation": {"Kind": kind, "UnhealthyEvaluations": inner}}]
    return inner


def resources(*answers: dict[str, Any], **fields: Any) -> list[Exchange]:
    return progress("application_resource", *answers, **fields)


def compose(*answers: dict[str, Any], **fields: Any) -> list[Exchange]:
    return progress("compose_deployment", *answers, **fields)


def classic(*answers: dict[str, Any], **fields: Any) -> list[Exchange]:
    return progress("application", *answers, **fields)


def configurations(*answers: dict[str, Any]) -> list[Exchange]:
    return progress("cluster_configuration", *answers)


def with_application(
    answer: dict[str, Any], *reads: dict[str, Any], call: Any = APPLICATION
) -> list[Exchange]:
    return [*classic(answer), *(exchange(call, read, name=NAME, second=1.0) for read in reads)]


def with_version(version: str, *exchanges: Exchange) -> list[Exchange]:
    return [exchange(CLUSTER_VERSION, {"Version": version}), *exchanges]


DONE, NOW, NEXT = "Completed", "InProgress", "Pending"
ROLLED_BACK = state("RollingBackCompleted", FailureReason="HealthCheck")
MANUAL = "UnmonitoredManual"
PAUSED = {"mode": MANUAL, "FailureTimestampUtc": SECOND}
UPGRADING = "Deployment upgrading from version: version-1 to version: version-2."
ROLLING_BACK = "Deployment rolling back from version: version-2 to version: version-1."

# Guess -> exchanges that confirm it, and exchanges that refute it.
CASES: dict[str, tuple[list[Exchange], list[Exchange]]] = {
    "manual-rollback-between-domains": (
        classic(state(BACK, MANUAL, **domains(NEXT, DONE))),
        classic(state("RollingBackPending", MANUAL, **domains(NEXT, DONE))),
    ),
    "resumed-keeps-failure": (
        classic(state("RollingForwardPending", **PAUSED), state(FORWARD, **PAUSED)),
        classic(state("RollingForwardPending", **PAUSED), state(FORWARD, MANUAL)),
    ),
    "compose-new-version": (
        [
            *compose(state(FORWARD, TargetApplicationTypeVersion="version-1")),
            *compose(state(FORWARD, TargetApplicationTypeVersion="version-2"), started=SECOND),
        ],
        [
            *compose(state(FORWARD, TargetApplicationTypeVersion="version-1")),
            *compose(state(FORWARD, TargetApplicationTypeVersion="version-1"), started=SECOND),
        ],
    ),
    "resource-never-upgraded": (
        resources(state("CompletedRollforward", "Invalid"), started=UNSET),
        error("application_resource", 400, "FABRIC_E_APPLICATION_NOT_UPGRADING"),
    ),
    "resource-not-found": (
        error("application_resource", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"),
        error("application_resource", 404, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"),
    ),
    "resource-rollback-percent": (
        resources(
            state("RollingBack", PercentCompleted="40"),
            state("RollingBack", PercentCompleted="60"),
            state("CompletedRollback", PercentCompleted="100"),
        ),
        resources(state("RollingBack", PercentCompleted="60"), state("RollingBack", PercentCompleted="40")),
    ),
    "resource-rollback-details": (
        resources(state("RollingBack", ApplicationUpgradeStatusDetails=ROLLING_BACK)),
        resources(state("RollingBack", ApplicationUpgradeStatusDetails="text-a-1")),
    ),
    "resource-rollback-mode": (
        resources(state("RollingForward"), state("RollingBack", "UnmonitoredAuto")),
        resources(state("RollingForward"), state("RollingBack", "Monitored")),
    ),
    "resource-start-while-provisioning": (
        resources(state("ProvisioningTarget"), started=UNSET),
        resources(state("ProvisioningTarget")),
    ),
    "resource-waits-for-domain": (
        resources(state("RollingForwardPending", MANUAL)),
        resources(
            state("RollingForward", MANUAL, PercentCompleted="40"),
            state("RollingForward", MANUAL, PercentCompleted="100"),
            state("CompletedRollforward", MANUAL, PercentCompleted="100"),
        ),
    ),
    "resource-paused-state": (
        resources(state("RollingForward", **PAUSED)),
        resources(state("RollingForwardPending", **PAUSED)),
    ),
    "resource-call-enabled": (
        with_version("10.1.2338.9590", *resources(state("RollingForward"))),
        with_version("11.0.2338.9590", *error("application_resource", 400, "E_INVALIDARG")),
    ),
    "preparing-state": (
        classic(state(FORWARD), started=UNSET),
        classic(state("RollingForwardPending"), started=UNSET),
    ),
    "compose-start-while-provisioning": (
        compose(state("ProvisioningTarget"), started=UNSET),
        compose(state("ProvisioningTarget")),
    ),
    "rollback-order": (
        classic(
            state(BACK, **domains(NEXT, NOW, DONE)),
            state(BACK, **domains(NEXT, NOW, DONE)),
            state(BACK, **domains(NOW, DONE, DONE)),
        ),
        classic(state(BACK, **domains(NOW, NEXT, DONE)), state(BACK, **domains(DONE, NOW, DONE))),
    ),
    "rollback-counts-unreached": (
        classic(state(FORWARD, **domains(DONE, NOW, NEXT)), state(BACK, **domains(NEXT, NOW, DONE))),
        classic(state(FORWARD, **domains(DONE, NOW, NEXT)), state(BACK, **domains(NEXT, NOW, NEXT))),
    ),
    "checked-domain-is-completed": (
        classic(state(FORWARD, HealthCheckPhase="WaitDuration", **domains(DONE, NEXT))),
        classic(state(FORWARD, HealthCheckPhase="StableDuration", **domains(DONE, NOW))),
    ),
    "rollback-checks-no-health": (
        classic(state(BACK, HealthCheckPhase="Invalid")),
        classic(state(BACK, HealthCheckPhase="Retry")),
    ),
    "nodes-have-one-phase": (
        classic(state(FORWARD, **nodes("Upgrading", "Upgrading"))),
        classic(state(FORWARD, **nodes("Upgrading", "PreUpgradeSafetyCheck"))),
    ),
    "failed-keeps-domain": (
        classic(state("Failed", **domains(DONE, NOW, NEXT))),
        classic(state("Failed", **domains(DONE, NEXT, NEXT))),
    ),
    "interrupted-is-healthy": (
        classic(state(BACK, FailureReason="Interrupted")),
        classic(state(BACK, FailureReason="Interrupted", UnhealthyEvaluations=unhealthy("Node"))),
    ),
    "evaluations-stay": (
        classic({**ROLLED_BACK, "UnhealthyEvaluations": unhealthy("Node")}),
        classic(ROLLED_BACK),
    ),
    "health-repeats-evaluations": (
        with_application(
            {**ROLLED_BACK, "UnhealthyEvaluations": unhealthy("Node")},
            {"UnhealthyEvaluations": unhealthy("Node")},
            call=APPLICATION_HEALTH,
        ),
        with_application(
            {**ROLLED_BACK, "UnhealthyEvaluations": unhealthy("Node")},
            {"UnhealthyEvaluations": []},
            call=APPLICATION_HEALTH,
        ),
    ),
    "evaluations-are-shallow": (
        classic(state(BACK, UnhealthyEvaluations=unhealthy("Services", "Service"))),
        compose(state(BACK, ApplicationUnhealthyEvaluations=unhealthy("Partition", "Replicas", "Replica"))),
    ),
    "compose-forward-details": (
        compose(state(FORWARD, UpgradeStatusDetails=UPGRADING)),
        compose(state(FORWARD, UpgradeStatusDetails="")),
    ),
    "compose-rollback-details": (
        compose(state(BACK, UpgradeStatusDetails=ROLLING_BACK)),
        compose(state(BACK, UpgradeStatusDetails="text-a-1")),
    ),
    "classic-has-no-details": (
        classic(state(FORWARD, UpgradeStatusDetails="")),
        classic(state(FORWARD, UpgradeStatusDetails="text-a-1")),
    ),
    "compose-never-upgraded": (
        compose(
            state(
                "RollingForwardCompleted",
                "Invalid",
                UpgradeKind="Invalid",
                UpgradeReplicaSetCheckTimeoutInSeconds=0,
            ),
            started=UNSET,
        ),
        compose({"UpgradeState": "RollingForwardCompleted", "UpgradeKind": "Invalid"}, started=UNSET),
    ),
    "compose-failure-reason": (
        compose(state(FORWARD, UpgradeKind="Rolling", FailureReason="None")),
        compose(state(FORWARD, UpgradeKind="Rolling")),
    ),
    "compose-not-found": (
        error("compose_deployment", 404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND"),
        error("compose_deployment", 404, "FABRIC_E_APPLICATION_NOT_FOUND"),
    ),
    "configuration-number-increases": (
        configurations(
            state("RollingForwardCompleted", ProgressStatus=1, ConfigVersion="version-1"),
            state("RollingForwardCompleted", ProgressStatus=3, ConfigVersion="version-2"),
        ),
        configurations(
            state("RollingForwardCompleted", ProgressStatus=3, ConfigVersion="version-1"),
            state("RollingForwardCompleted", ProgressStatus="odd", ConfigVersion="version-2"),
        ),
    ),
    "configuration-version-goes-back": (
        configurations(
            state("RollingForwardCompleted", ConfigVersion="version-1"),
            state("RollingBackCompleted", ConfigVersion="version-1"),
        ),
        configurations(
            state("RollingForwardCompleted", ConfigVersion="version-1"),
            state("RollingBackCompleted", ConfigVersion="version-2"),
        ),
    ),
    "application-version-at-end": (
        with_application(
            state(FORWARD, TargetApplicationTypeVersion="version-2"), {"TypeVersion": "version-1"}
        ),
        with_application(
            state(FORWARD, TargetApplicationTypeVersion="version-2"), {"TypeVersion": "version-2"}
        ),
    ),
    "application-ready-at-end": (
        [
            *with_application(state(FORWARD), {"Status": "name-2"}),
            *with_application(state("RollingForwardCompleted"), {"Status": "name-3"}),
        ],
        [
            *with_application(state(FORWARD), {"Status": "name-2"}),
            *with_application(state("Failed"), {"Status": "name-2"}),
        ],
    ),
    "first-domain-needs-no-request": (
        classic(state("RollingForwardPending", MANUAL, **domains(DONE, NEXT))),
        classic(state("RollingForwardPending", MANUAL, **domains(NEXT, NEXT))),
    ),
}


def verdicts(exchanges: list[Exchange]) -> dict[str, Verdict]:
    return {finding.guess.id: finding.verdict for finding in findings(numbered(exchanges))}


def test_each_recordable_guess_has_its_cases() -> None:
    assert list(CASES) == [guess.id for guess in RECORDABLE]


@pytest.mark.parametrize("guess", CASES)
def test_guess_is_confirmed_refuted_or_unknown(guess: str) -> None:
    confirming, refuting = CASES[guess]
    assert verdicts(confirming)[guess] is Verdict.CONFIRMED
    assert verdicts(refuting)[guess] is Verdict.REFUTED
    assert verdicts([])[guess] is Verdict.UNKNOWN


# What looks similar says nothing about a guess.
UNRELATED: dict[str, list[Exchange]] = {
    "resource-never-upgraded": resources(state("ProvisioningTarget"), started=UNSET),
    "resource-not-found": error("application_resource", 404, "FABRIC_E_APPLICATION_NOT_FOUND"),
    "resource-rollback-percent": [
        *resources(state("RollingBack"), state("RollingBack", PercentCompleted="40")),
        *resources(
            state("RollingForward", PercentCompleted="40"), state("RollingForward", PercentCompleted="50")
        ),
    ],
    "resource-rollback-mode": resources(state("RollingForward", MANUAL), state("RollingBack", MANUAL)),
    "resource-waits-for-domain": resources(
        state("RollingForward", PercentCompleted="40"),
        state("RollingForward", MANUAL, PercentCompleted="0"),
        state("CompletedRollforward", MANUAL),
    ),
    "resource-paused-state": resources(
        state("RollingForward", MANUAL), state("CompletedRollforward", **PAUSED), state("RollingForward")
    ),
    "resource-call-enabled": [
        *with_version("9.1.1436.9590", *resources(state("RollingForward"))),
        *with_version("version-1", *resources(state("RollingForward"))),
        exchange(CLUSTER_VERSION, {"Version": None}),
        exchange(CLUSTER_VERSION, {"Error": {}}, status=404),
        exchange(CLUSTER_VERSION, body="page"),
    ],
    "compose-not-found": [*compose(state(FORWARD)), *error("compose_deployment", 503, "FABRIC_E_NOT_READY")],
    "compose-new-version": compose(
        state(FORWARD, TargetApplicationTypeVersion="version-1"),
        state(FORWARD, TargetApplicationTypeVersion="version-1"),
        state(BACK, TargetApplicationTypeVersion="version-1"),
    ),
    "preparing-state": classic(state("RollingForwardCompleted"), started=UNSET),
    "rollback-counts-unreached": [
        *classic(state(BACK, **domains(NEXT, NOW)), state(BACK, **domains(NEXT, NOW))),
        *classic(state(FORWARD, **domains(DONE, NOW)), state(BACK, **domains(NEXT, NOW)), started=SECOND),
        *progress("cluster", state(FORWARD, **domains(DONE, NEXT))),
        exchange("cluster", {"StartTimestampUtc": FIRST, **state(BACK, **domains(NEXT, NEXT))}, second=61.0),
    ],
    "checked-domain-is-completed": classic(state(BACK, HealthCheckPhase="Retry", **domains(DONE, NOW))),
    "rollback-checks-no-health": classic(state(BACK), state(FORWARD, HealthCheckPhase="Retry")),
    "nodes-have-one-phase": classic(state(FORWARD), state(FORWARD, **nodes("Upgrading"))),
    "first-domain-needs-no-request": classic(state("RollingForwardPending", **PAUSED, **domains(NEXT, NEXT))),
    "manual-rollback-between-domains": classic(
        state(BACK, MANUAL, **domains(NOW, DONE)),
        state(BACK, **domains(NEXT, DONE)),
        state("RollingForwardPending", MANUAL, **domains(DONE, NEXT)),
    ),
    "resumed-keeps-failure": classic(
        state("RollingForwardPending", MANUAL),
        state(FORWARD, MANUAL),
        state("RollingForwardPending", **PAUSED),
    ),
    "failed-keeps-domain": classic(state("Failed"), state(BACK, **domains(DONE, NEXT))),
    "interrupted-is-healthy": classic(ROLLED_BACK),
    "evaluations-stay": classic(state(BACK, FailureReason="HealthCheck"), state("RollingBackCompleted")),
    "health-repeats-evaluations": [
        exchange(APPLICATION_HEALTH, {"UnhealthyEvaluations": []}, name=NAME),
        *with_application(ROLLED_BACK, {"UnhealthyEvaluations": []}, call=APPLICATION_HEALTH),
        *with_application(state(BACK), {"UnhealthyEvaluations": []}, call=APPLICATION_HEALTH),
    ],
    "evaluations-are-shallow": classic(state(BACK, UnhealthyEvaluations=[{"HealthEvaluation": "text-a-1"}])),
    "classic-has-no-details": classic(state(FORWARD), state(BACK, UpgradeStatusDetails="text-a-1")),
    "configuration-number-increases": configurations(
        state("RollingForwardCompleted", ConfigVersion="version-1"),
        state("RollingForwardCompleted", ConfigVersion="version-1"),
    ),
    "configuration-version-goes-back": configurations(
        state("RollingBackCompleted", ConfigVersion="version-1"),
        state("RollingForwardCompleted", ConfigVersion="version-1"),
    ),
    "application-version-at-end": [
        exchange(APPLICATION, {"TypeVersion": "version-1"}, name=NAME),
        *with_application(state(FORWARD), {"TypeVersion": "version-1"}),
        *with_application(
            state("Failed", TargetApplicationTypeVersion="version-2"), {"TypeVersion": "version-1"}
        ),
    ],
    "application-ready-at-end": [
        exchange(APPLICATION, {"Status": "name-2"}, name=NAME),
        *with_application(state("RollingForwardCompleted"), {"Status": "name-2"}),
        *with_application(state("RollingSideways"), {"Status": "name-2"}),
    ],
}


@pytest.mark.parametrize("guess", UNRELATED)
def test_unrelated_answers_say_nothing(guess: str) -> None:
    assert verdicts(UNRELATED[guess])[guess] is Verdict.UNKNOWN


def test_busy_cluster_says_nothing_about_the_call() -> None:
    busy = with_version("10.1.2338.9590", *error("application_resource", 503, "FABRIC_E_TIMEOUT"))
    assert verdicts(busy)["resource-call-enabled"] is Verdict.UNKNOWN


def test_one_contradiction_refutes() -> None:
    confirming, refuting = CASES["nodes-have-one-phase"]
    (finding,) = [
        finding
        for finding in findings(numbered([*confirming, *refuting, *confirming]))
        if finding.guess.id == "nodes-have-one-phase"
    ]
    assert (finding.verdict, finding.line) == (Verdict.REFUTED, 3)


def test_report_names_guess_and_line() -> None:
    exchanges = [*CASES["compose-not-found"][0], *CASES["resource-not-found"][1]]
    counts, refuted, confirmed, unseen = report_lines(numbered(exchanges))
    others = len(GUESSES) - 2
    assert counts == f"1 refuted, 1 confirmed, {others} not touched"
    assert refuted.startswith(
        "refuted    line 3     resource-not-found: `FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_F"
    )
    assert confirmed.startswith("confirmed  line 2     compose-not-found: A missing compose deployment is")
    assert unseen.startswith("not touched: ")
    assert unseen.count(",") == others - 1


def test_ids_are_unique() -> None:
    assert len({guess.id for guess in GUESSES}) == len(GUESSES)


# Recordings of the simulator.


@dataclass(frozen=True)
class Course:
    """A scenario that is recorded for all kinds, and the guesses that it must confirm."""

    scenario: str
    confirms: str


COURSES = (
    Course(
        "rolled_back",
        "resource-rollback-percent resource-rollback-details resource-rollback-mode rollback-order "
        "rollback-counts-unreached rollback-checks-no-health evaluations-stay health-repeats-evaluations "
        "evaluations-are-shallow compose-rollback-details configuration-version-goes-back",
    ),
    Course(
        "good",
        "resource-never-upgraded resource-start-while-provisioning resource-call-enabled preparing-state "
        "compose-start-while-provisioning checked-domain-is-completed nodes-have-one-phase compose-forward-details "
        "classic-has-no-details compose-never-upgraded compose-failure-reason configuration-number-increases "
        "application-version-at-end application-ready-at-end",
    ),
    Course("failed", "failed-keeps-domain"),
    Course("paused", "resumed-keeps-failure resource-paused-state"),
    Course("next_domain", "resource-waits-for-domain first-domain-needs-no-request"),
    Course("interrupted", "interrupted-is-healthy compose-new-version"),
    Course("not_found", "resource-not-found compose-not-found"),
)
BY_COMMAND = {"manual-rollback-between-domains"}


@pytest.mark.unmeasured
@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.scenario)
def test_simulator_is_as_guessed(course: Course, clock: Clock) -> None:
    kinds = [kind for kind, scenario in KIND_SCENARIOS if scenario == course.scenario]
    targets = [Target(kind, subject_name(course.scenario, kind)) for kind in kinds]
    with Simulator(clock=clock, cluster_scenario=course.scenario) as simulator:
        recording = SimulatedRecording(simulator, clock, *targets)
        recording.begin()
        recording.poll_for(810, interval=30.0)
    found = verdicts(recording.exchanges)
    assert Verdict.REFUTED not in found.values()
    assert {guess for guess in course.confirms.split() if found[guess] is not Verdict.CONFIRMED} == set()


def test_every_recordable_guess_is_in_the_simulator() -> None:
    confirmed = {guess for course in COURSES for guess in course.confirms.split()}
    assert confirmed | BY_COMMAND == {guess.id for guess in RECORDABLE}


def test_manual_rollback_is_as_guessed() -> None:
    """Commands start a manual upgrade and roll it back after three domains."""
    cluster, exchanges = Driven(), []

    def poll_for(seconds: int) -> None:
        for _ in range(0, seconds, 15):
            cluster.second += 15.0
            exchanges.append(exchange("application", cluster.progress(), second=cluster.second, name=NAME))

    cluster.start(**MANUAL_MODE)
    poll_for(300)
    for domain in ("UD2", "UD3"):
        cluster.resume(domain)
        poll_for(300)
    cluster.rollback()
    poll_for(300)
    assert verdicts(exchanges)["manual-rollback-between-domains"] is Verdict.CONFIRMED


def test_documentation_shows_each_guess(documented: Any) -> None:
    recordable = {guess.id for guess in RECORDABLE}
    for section in dict.fromkeys(guess.section for guess in GUESSES):
        guesses = [guess for guess in GUESSES if guess.section == section]
        bullets = [
            f"- `{guess.id}`: {guess.text}{' *Recordable.*' if guess.id in recordable else ''}\n"
            for guess in guesses
        ]
        documented("explanation/unconfirmed.md", section, "\n" + "".join(bullets) + "\n")


def test_other_guesses_have_no_evidence() -> None:
    assert all(guess.sightings is None for guess in NOT_RECORDABLE)
