"""The faults: a row for each. What is done, and what must be observed afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e import injections as do
from tests.e2e import mapped, processes
from tests.e2e.fault import RIGHT, End, Fault, right
from tests.e2e.preparations import secrets_file, small_log_volume

FIRST_ROW = Path(__file__).parent.parent / "samples" / "records" / "ServiceFabricUpgradeTrigger.1.json"

LATE = 6
"""A triggerer that wakes late polls until Airflow has cancelled its triggers."""

NO_TOKEN = "AADSTS7000215"
REFUSED = "the cluster refused the certificate with the thumbprint"
MANY: dict[str, Any] = {
    "waits_for_middle": False,
    "is_shared": True,
    "within_seconds": 2400.0,
}

CELERY = ("celery",)
MARKED = {"tries": 1, "ended_by": None, "reads_after_end": LATE}

FAULTS = (
    Fault(
        "nothing",
        "Nothing, for comparison",
        do.nothing,
        caught=("blind",),
        caught_alone=("leaky",),
    ),
    # The cluster and the connection.
    Fault(
        "gateway_down",
        "One of two gateways down until the end",
        do.close_one_gateway,
        caught=("first_gateway",),
    ),
    Fault(
        "gateway_hung",
        "One of two gateways accepts connections and never answers, until the end",
        do.let_one_gateway_hang,
        caught=("first_gateway",),
    ),
    Fault(
        "gateways_down",
        "All gateways down for 40 s, less than `unreachable_timeout`",
        do.close_gateways_for_a_while,
        caught=("impatient",),
    ),
    Fault(
        "gateways_down_long",
        "All gateways down for longer than `unreachable_timeout`, which is 30 s here, without retries",
        do.close_gateways_for_long,
        {**right(state="failed", ended_by="unreachable_timeout"), "release": End("success")},
        dag="waits_short_outage",
        caught=("blind",),
    ),
    Fault(
        "server_certificate",
        "A new server certificate; connections are cut",
        do.renew_server_certificate,
        caught=("pinned",),
    ),
    Fault(
        "client_certificate",
        "A new client certificate in its files; 5 s later the cluster refuses the old one",
        do.renew_client_certificate,
        caught=("read_once",),
    ),
    Fault(
        "connection_edited",
        "The cluster moves to another port, and the connection is edited",
        do.edit_connection,
        caught=("read_once",),
    ),
    Fault(
        "connection_deleted",
        "The connection is deleted for 40 s",
        do.delete_connection,
        caught=("uncached",),
    ),
    Fault(
        "connection_moved",
        "The cluster moves to another port, and the connection from the database to a secrets backend",
        do.move_connection,
        prepare=secrets_file,
        caught=("read_once",),
    ),
    Fault(
        "certificate_refused",
        "The cluster refuses the client certificate for longer than `unreachable_timeout`, which is 30 s here; "
        "it accepts it again before `release` retries",
        do.refuse_certificate,
        {
            **right(state="failed", ended_by="unreachable_timeout", log=REFUSED),
            "release": End("success", tries=2, log=REFUSED),
        },
        dag="waits_refused",
        caught=("blind",),
    ),
    Fault(
        "client_secret",
        "Entra ID: the client secret and its tokens are revoked; 20 s later the connection has the new secret",
        do.renew_client_secret,
        has_entra=True,
        caught=("read_once",),
    ),
    Fault(
        "client_secret_refused",
        "Entra ID: the client secret and its tokens are revoked for longer than `unreachable_timeout`, which is "
        "30 s here; the secret is accepted again before `release` retries",
        do.refuse_client_secret,
        {
            **right(state="failed", ended_by="unreachable_timeout", log=NO_TOKEN),
            "release": End("success", tries=2, log=NO_TOKEN),
        },
        dag="waits_refused",
        has_entra=True,
        caught=("blind",),
    ),
    # Tasks, runs and DAGs.
    Fault(
        "tasks_cleared",
        "All tasks are cleared while they are deferred",
        do.clear_tasks,
        right(tries=2),
        caught=("repeating",),
    ),
    Fault(
        "marked_success",
        "A person marks the tasks as success",
        do.mark("success"),
        right(state="success", **MARKED),
        caught=("stubborn",),
    ),
    Fault(
        "marked_failed",
        "A person marks the tasks as failed",
        do.mark("failed"),
        right(state="failed", **MARKED),
        caught=("stubborn",),
    ),
    Fault(
        "run_timeout",
        "`dagrun_timeout` expires while the tasks are deferred",
        do.wait_for_the_end,
        right(state="skipped", **MARKED),
        dag="waits_run_timeout",
        is_shared=True,
        caught=("stubborn",),
    ),
    Fault(
        "soft_fail",
        "Nothing, with `soft_fail` of the sensors",
        do.nothing,
        {**RIGHT, "rolled_back": End("skipped"), "superseded": End("skipped")},
        dag="waits_soft_fail",
        caught=("blind",),
    ),
    Fault(
        "dag_paused",
        "The DAG is paused for 80 s, in which the upgrades end",
        do.pause_dag,
        dag="waits_paused",
        caught=("blind",),
    ),
    Fault(
        "dag_file_changed",
        "The DAG file is changed: the tasks have more retries",
        do.change_dag_file,
        dag="waits_changed",
        caught=("blind",),
    ),
    Fault(
        "dag_file_removed",
        "The DAG file is removed for 40 s",
        do.remove_dag_file,
        dag="waits_removed",
        caught=("blind",),
    ),
    Fault(
        "dag_file_missing_at_resume",
        "The DAG file is removed until Airflow could not resume the sensors; it starts the tries again",
        do.remove_dag_file_at_the_end,
        {**right(log="Airflow has started this try again"), "release": End("success")},
        dag="waits_missing",
        caught=("forgetful",),
    ),
    Fault(
        "process_killed_at_start",
        "SIGKILL of the process of each task at the start of its first try",
        do.nothing,
        right(tries=2),
        conf={"dies_at": "start"},
        caught=("blind",),
    ),
    Fault(
        "process_killed_at_request",
        "SIGKILL of the process of each sensor after its first poll, and of `release` when it has sent the start",
        do.nothing,
        right(tries=2),
        conf={"dies_at": "request"},
        caught=("repeating",),
    ),
    Fault(
        "process_killed_at_resume",
        "SIGKILL of the process of each task when it has resumed and read the event of its trigger",
        do.nothing,
        right(tries=2),
        conf={"dies_at": "end"},
        caught=("forgetful", "repeating"),
    ),
    Fault(
        "process_killed_before_resume",
        "SIGKILL of the process of each task before it can read the event with the end of its wait",
        do.nothing,
        right(tries=2),
        conf={"dies_at": "resume"},
        caught=("forgetful",),
    ),
    Fault(
        "process_killed_target_version",
        "The same, with `target_version` and a `start_timeout` of one minute",
        do.nothing,
        right(tries=2),
        dag="waits_target_version",
        conf={"dies_at": "resume"},
        is_shared=True,
        caught=("careless",),
    ),
    *(
        Fault(
            f"process_killed_in_{mode}_mode",
            f"SIGKILL of the process of each sensor that waits in `{mode}` mode; the upgrades go on until its retry",
            processes.kill_processes_that_poke,
            {**right(tries=2), "release": End("success")},
            dag=f"waits_{mode}",
            conf={"dies_at": "poke"},
            waits_for_middle=False,
            is_shared=True,
            caught=("forgetful",),
        )
        for mode in ("poke", "reschedule")
    ),
    Fault(
        "earlier_rows",
        "The rows of the triggers are as the first release writes them",
        do.nothing,
        conf={"earlier_row": json.loads(FIRST_ROW.read_bytes())["kwargs"]},
        caught=("renamed",),
    ),
    # Triggerers.
    Fault(
        "triggerer_killed",
        "SIGKILL of a triggerer until the other one continues its waits",
        processes.kill_one_triggerer,
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "triggerer_terminated",
        "SIGTERM of a triggerer; it starts again when the other one continues its waits",
        processes.terminate_one_triggerer,
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "triggerer_stopped",
        "SIGSTOP of a triggerer for longer than the health threshold, then SIGCONT",
        processes.stop_one_triggerer,
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "triggerer_wakes_late",
        "SIGSTOP of a triggerer; SIGCONT after the other one has ended its waits",
        processes.wake_triggerer_after_the_end,
        right(reads_after_end=LATE),
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "triggerers_gone",
        "SIGKILL of both triggerers for 40 s, in which one upgrade is superseded",
        processes.kill_triggerers,
        is_shared=True,
        caught=("restarted",),
    ),
    Fault(
        "certificate_torn",
        "A new client certificate without its key, and SIGKILL of both triggerers; 40 s later the key",
        processes.restart_while_certificate_is_torn,
        is_shared=True,
        caught=("impatient",),
    ),
    Fault(
        "timeout",
        "SIGKILL of both triggerers twice, during a wait with a `timeout` of 150 s",
        processes.restart_triggerers_often,
        {"stuck": End("failed", ended_by="timeout", most_seconds=150.0 + 30.0)},
        dag="timeouts",
        is_shared=True,
        caught=("relative",),
    ),
    Fault(
        "many_names",
        "200 mapped waits for 200 upgrades; SIGKILL of the triggerer with most of them",
        mapped.kill_triggerer_of_many,
        mapped.many_ends(200),
        dag="many_200",
        most_polls_per_minute=200 * 6.5,
        **MANY,
        caught_alone=("blind",),
    ),
    Fault(
        "few_names",
        "The same for 5 upgrades",
        mapped.kill_triggerer_of_many,
        mapped.many_ends(5),
        dag="many_5",
        most_polls_per_minute=5 * 6.5,
        **MANY,
        caught_alone=("unshared",),
    ),
    # Other parts.
    Fault(
        "scheduler_killed",
        "SIGKILL of the scheduler for 20 s",
        processes.kill("scheduler", 20.0),
        is_shared=True,
        caught=("blind",),
    ),
    Fault(
        "scheduler_stopped_at_start",
        "SIGSTOP of the scheduler, not of its workers, from the first start of a task until its trigger has fired",
        processes.freeze_scheduler_at_first_start,
        right(tries=None),
        waits_for_middle=False,
        is_shared=True,
        caught=("blind",),
    ),
    Fault(
        "api_server_killed",
        "SIGKILL of the API server for 20 s",
        processes.kill("api-server", 20.0),
        is_shared=True,
        caught=("blind",),
    ),
    Fault(
        "api_server_down_at_end",
        "SIGKILL of the API server for 20 s, in which the first upgrade ends; a retry comes after 60 s",
        processes.kill_until_the_first_end("api-server", 20.0),
        right(tries=None),
        dag="waits_late_retry",
        is_shared=True,
        caught=("naive",),
    ),
    Fault(
        "dag_processor_killed",
        "SIGKILL of the DAG processor for 20 s",
        processes.kill("dag-processor", 20.0),
        is_shared=True,
        caught=("blind",),
    ),
    Fault(
        "postgres_stopped",
        "PostgreSQL is stopped for 20 s; parts that end are started again",
        processes.stop_postgres(20.0),
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "postgres_stopped_long",
        "The same for 60 s",
        processes.stop_postgres(60.0),
        is_shared=True,
        caught=("fragile",),
    ),
    Fault(
        "log_folder_full",
        "The volume of the log folder is full for 40 s, in which upgrades end; a retry comes after 60 s",
        processes.fill_log_folder,
        right(tries=None, has_log=False),
        dag="waits_late_retry",
        is_shared=True,
        prepare=small_log_volume,
        caught=("naive",),
    ),
    Fault(
        "redis_killed",
        "SIGKILL of redis for 20 s",
        processes.kill_redis,
        is_shared=True,
        executors=CELERY,
        caught=("blind",),
    ),
    Fault(
        "workers_killed",
        "SIGKILL of both workers of Celery while a task resumes",
        processes.kill_workers_at_resume,
        right(tries=None),
        is_shared=True,
        executors=CELERY,
        caught=("naive",),
    ),
)
"""In the order in which they are played."""
