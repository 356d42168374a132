"""The command line of ``sf-wait``, its help, its errors, and what it imports."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from airflow_provider_sf import __version__
from airflow_provider_sf.commands.options import CONNECTION, duration
from airflow_provider_sf.commands.sf_wait import continuing, parser, with_command
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.state import upgrade_wait_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sf.simulator import Simulator
    from tests.commands.conftest import Done

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from airflow_provider_sf.commands.sf_wait import main; sys.exit(main())",
]
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"airflow", "aiohttp", "asgiref", "yarl"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from airflow_provider_sf.commands.sf_wait import main
sys.exit(main(sys.argv[1:]))
"""
"""As if Airflow and aiohttp were not installed."""


@pytest.fixture
def endpoint(simulator: Simulator) -> str:
    return f"http://127.0.0.1:{simulator.port}"


def test_wait_is_the_default_command() -> None:
    assert with_command(["fabric:/shop/web", "--json"]) == ["wait", "fabric:/shop/web", "--json"]
    assert with_command(["--kind", "cluster"]) == ["wait", "--kind", "cluster"]
    assert with_command([]) == ["wait"]


@pytest.mark.parametrize("first", ["wait", "snapshot", "plan", "--help", "-h", "--version"])
def test_first_word_may_be_a_command(first: str) -> None:
    assert with_command([first, "plan"]) == [first, "plan"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("0", 0),
        ("1.5s", 1.5),
        ("45m", 2_700),
        ("2h", 7_200),
        ("1h30m", 5_400),
        ("1d2h", 93_600),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2 hours", "h", "-1", "1m2h", "1e3", "inf", "nan"])
def test_invalid_duration_is_refused(text: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("fabric:/shop/web", f"--timeout={text}")
    assert done.code == 2
    assert f"--timeout: invalid duration {text!r}: write it as 90s, 45m, 2h or 1h30m" in done.err


def test_help_lists_commands_and_exit_codes(sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("--help")
    assert done.code == 0
    assert "sf-wait fabric:/shop/web --previous snap.json --timeout 2h" in done.out
    assert re.search(r"^ +11 +The upgrade was rolled back\.$", done.out, re.MULTILINE)


@pytest.mark.parametrize("command", ["wait", "snapshot", "plan"])
def test_each_command_has_help(command: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait(command, "--help")
    assert done.code == 0
    assert "--endpoint URL" in done.out


def test_version_is_shown(sf_wait: Callable[..., Done]) -> None:
    assert sf_wait("--version").out == f"sf-wait {__version__}\n"


def test_options_cannot_be_abbreviated(sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("fabric:/shop/web", "--time", "2h")
    assert (done.code, "unrecognized arguments: --time" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name is empty"),
        ([""], "name is empty"),
        (["fabric:/shop/web", "--kind", "nope"], "kind 'nope' is not supported"),
        (["shop", "--kind", "cluster"], "name must be empty for a cluster, not 'shop'"),
        (["fabric:/shop/web", "--poll-interval", "0"], "--poll-interval must be more than 0 s"),
        (["fabric:/shop/web", "--stall-timeout", "0"], "stall_timeout must be more than 0 s"),
        (["fabric:/shop/web", "--accept-current-version"], "accept_current_version needs target_version"),
        (["fabric:/shop/web", "--started-after", "soon"], "invalid started_after 'soon'"),
        (["fabric:/shop/web", "--target-version", " "], "target_version must be a version"),
        (["fabric:/shop/web", "--previous", "/no/file"], "--previous '/no/file' cannot be read: No such file"),
        (["plan", "", "--target-version", "2"], "name is empty"),
        (["plan", "fabric:/shop/web", "--target-version", "2", "--parameters", "/no/file"], "--parameters '/no/file'"),
    ],
)  # fmt: skip
def test_invalid_input_is_named(
    words: list[str], message: str, endpoint: str, simulator: Simulator, sf_wait: Callable[..., Done]
) -> None:
    done = sf_wait(*words, "--endpoint", endpoint)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not simulator.journal


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: check the command that writes it"),  # a snapshot that failed leaves an empty file
        (b"\x80", "is not JSON"),
        (b"not JSON", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "is not the output of 'sf-wait snapshot': expected a JSON object"),
        (b'{"schema": "service_fabric.upgrade_progress/1"}', "the member 'kind' is missing"),
    ],
)
def test_unusable_snapshot_is_refused(
    content: bytes, message: str, endpoint: str, tmp_path: Path, sf_wait: Callable[..., Done]
) -> None:
    file = tmp_path / "snap.json"
    file.write_bytes(content)
    done = sf_wait("fabric:/shop/web", "--previous", str(file), "--endpoint", endpoint)
    assert done.code == 2
    assert done.err.startswith(f"error: --previous {str(file)!r} ")
    assert message in done.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_snapshot_of_powershell_is_read(
    encoding: str, endpoint: str, tmp_path: Path, sf_wait: Callable[..., Done]
) -> None:
    """Its ``>`` writes UTF-16, and some editors add a byte order mark."""
    file = tmp_path / "snap.json"
    text = sf_wait("snapshot", "fabric:/good-shop/web", "--endpoint", endpoint).out
    file.write_bytes(text.encode(encoding))
    words = ["fabric:/good-shop/web", "--previous", str(file), "--timeout", "0", "--endpoint", endpoint]
    assert sf_wait(*words).code == 20


def test_snapshot_of_another_name_is_refused(
    endpoint: str, tmp_path: Path, sf_wait: Callable[..., Done]
) -> None:
    file = tmp_path / "snap.json"
    file.write_text(sf_wait("snapshot", "fabric:/good-shop/web", "--endpoint", endpoint).out)
    done = sf_wait("fabric:/good-shop/api", "--previous", str(file), "--endpoint", endpoint)
    assert done.code == 2
    assert "previous is a record of application 'fabric:/good-shop/web'" in done.err


def test_snapshot_comes_from_standard_input(
    endpoint: str, sf_wait: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standard input is replaced: that of this process belongs to pytest."""
    text = sf_wait("snapshot", "fabric:/good-shop/web", "--endpoint", endpoint).out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    done = sf_wait("fabric:/good-shop/web", "--previous", "-", "--timeout", "0", "--endpoint", endpoint)
    assert done.code == 20
    assert "Expected upgrade: any except" in done.out


def test_snapshot_prints_the_record(endpoint: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("snapshot", "fabric:/failed-shop/web", "--endpoint", endpoint)
    assert done.code == 0
    assert UpgradeProgress.from_dict(json.loads(done.out)).name == "fabric:/failed-shop/web"
    assert done.err.startswith("Upgrade of application 'fabric:/failed-shop/web': rolling forward")


def test_refused_snapshot_has_its_code(endpoint: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("snapshot", "fabric:/not_found-shop/web", "--endpoint", endpoint)
    assert (done.code, done.out) == (31, "")
    assert done.err.startswith("error: http://127.0.0.1")


def test_unreachable_cluster_has_its_code(closed_port: int, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("snapshot", "fabric:/shop/web", "--endpoint", f"http://127.0.0.1:{closed_port}")
    assert (done.code, done.out) == (30, "")
    assert "Connection refused" in done.err


def test_log_is_on_standard_output(endpoint: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("fabric:/good-shop/web", "--timeout", "0", "--endpoint", endpoint)
    assert (done.code, done.err) == (20, "")
    assert done.out.startswith("Waiting for the upgrade of application 'fabric:/good-shop/web'")
    assert "\nSummary:\n" in done.out


@pytest.mark.usefixtures("moving_clock")
def test_wait_ends_with_the_upgrade(endpoint: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("fabric:/rolled_back-shop/web", "--endpoint", endpoint)
    assert (done.code, done.err) == (11, "")
    assert "\nRolled back, failed in domain UD3: upgrade of application" in done.out


def test_json_is_alone_on_standard_output(endpoint: str, sf_wait: Callable[..., Done]) -> None:
    done = sf_wait("fabric:/good-shop/web", "--timeout", "0", "--json", "--endpoint", endpoint)
    jsonschema.validate(json.loads(done.out), upgrade_wait_schema())
    assert done.err.startswith("Waiting for the upgrade")


def test_continuing_shows_no_security() -> None:
    words = [
        "wait",
        "fabric:/shop/web",
        "--private-key",
        "/etc/key",
        "--timeout=2h",
        "--ca-bundle=/etc/ca",
        "--json",
    ]
    assert continuing(words) == (
        "sf-wait wait fabric:/shop/web --timeout=2h --json, with the same options for the connection"
    )
    assert continuing(["wait", "a b"]) == "sf-wait wait 'a b'"


def test_secrets_have_no_option() -> None:
    """Other users of the machine can see a command line."""
    assert not {"--token", "--client-secret", "--private-key-passphrase"} & set(CONNECTION)
    assert "--token" not in parser().format_help()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["snapshot", "fabric:/good-shop/web"], 0),
        (["fabric:/good-shop/web", "--timeout", "0", "--started-after", "2026-03-01T00:00:00Z"], 20),
        (["plan", "fabric:/good-shop/web", "--target-version", "v9"], 40),
    ],
)
def test_airflow_is_never_imported(words: list[str], code: int, endpoint: str) -> None:
    environ = {
        **os.environ,
        "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT": endpoint.replace("http", "service-fabric"),
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "Ctrl-C (SIGINT)"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_signal_ends_the_command(number: signal.Signals, code: int, name: str, endpoint: str) -> None:
    words = ["fabric:/paused-shop/web", "--timeout", "2h", "--endpoint", endpoint, "--connect-timeout", "4"]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for _ in range(4):  # three lines about the wait, and the first poll
            process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == code
    assert errors == (
        f"Stopped by {name}. The upgrade goes on: this command only watched it.\n"
        f"To continue, run: sf-wait wait fabric:/paused-shop/web --timeout 2h --endpoint {endpoint}, "
        "with the same options for the connection\n"
    )


@pytest.mark.usefixtures("moving_clock")
def test_second_signal_is_not_caught(
    endpoint: str, sf_wait: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While it ends, the command leaves signals to Python. Afterwards the handlers are those from before.

    Code is replaced to let the signal arrive in the pause.
    """
    caught = []

    def sleep(_seconds: float) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            caught.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setattr("airflow_provider_sf.commands.signals.time", SimpleNamespace(sleep=sleep))
    before = signal.getsignal(signal.SIGINT)
    done = sf_wait("fabric:/good-shop/web", "--endpoint", endpoint)
    assert (done.code, caught) == (143, [signal.SIG_DFL])
    assert done.err.startswith("Stopped by SIGTERM.")
    assert signal.getsignal(signal.SIGINT) is before


class Finalized:
    """A signal arrives while it is finalized: Python drops the exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("moving_clock")
def test_signal_in_a_finalizer_ends_the_command(
    endpoint: str, sf_wait: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code is replaced to let the signal arrive there."""
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        Finalized()

    monkeypatch.setattr("airflow_provider_sf.commands.signals.time", SimpleNamespace(sleep=sleep))
    done = sf_wait("fabric:/good-shop/web", "--endpoint", endpoint)
    assert (done.code, len(pauses)) == (143, 1)
    assert "Stopped by SIGTERM." in done.err


def test_letters_of_any_language_are_shown(endpoint: str) -> None:
    """In a terminal without Unicode, too."""
    done = subprocess.run(
        [*COMMAND, "fabric:/good-ж/web", "--timeout", "0", "--endpoint", endpoint],
        stdout=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 20
    assert rb"'fabric:/good-\u0436/web'" in done.stdout


@pytest.mark.parametrize(
    ("redirection", "problem"),
    [("| true", "Broken pipe"), (">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")],
)
@pytest.mark.parametrize("command", ["wait", "snapshot"])
def test_lost_output_is_never_a_success(redirection: str, problem: str, command: str, endpoint: str) -> None:
    """The reader of ``sf-wait ... | head -1`` ends first; here, before the command starts."""
    words = [command, "fabric:/good-shop/web", *(["--timeout", "0"] if command == "wait" else [])]
    line = f"(sleep 0.2; {shlex.join([*COMMAND, *words, '--endpoint', endpoint])}) {redirection}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: the output cannot be written: {problem}"
    assert "Traceback" not in done.stderr


def test_lost_messages_are_never_a_success(endpoint: str) -> None:
    """Log and errors have no place, with ``--json`` and a closed standard error."""
    line = shlex.join([*COMMAND, "fabric:/good-shop/web", "--timeout", "0", "--json", "--endpoint", endpoint])
    done = subprocess.run(["bash", "-c", f"{line} 2>&-"], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_closed_standard_input_is_named(
    endpoint: str, sf_wait: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python sets it to None. It is replaced, since that of this process belongs to pytest."""
    monkeypatch.setattr("sys.stdin", None)
    done = sf_wait("fabric:/good-shop/web", "--previous", "-", "--endpoint", endpoint)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: --previous '-' cannot be read: the standard input is closed\n"


def test_defaults_are_those_of_the_sensor() -> None:
    from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor  # noqa: PLC0415 - only here

    options: dict[str, Any] = vars(parser().parse_args(["wait", "fabric:/shop/web"]))
    sensor = ServiceFabricUpgradeSensor(task_id="wait", name="fabric:/shop/web")
    options["poke_interval"] = options.pop("poll_interval")
    shared = [name for name in options if hasattr(sensor, name) and name not in {"previous", "json"}]
    assert {name: options[name] for name in shared} == {name: getattr(sensor, name) for name in shared}
    assert len(shared) == 15
