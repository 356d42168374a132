"""
`make screenshots`: pictures of Airflow's pages and of the documentation site, to look at.

The runs are those of the tutorial. All pictures go to build/screenshots. With ``--docs``, those that the
documentation shows are also copied to docs/images.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from pathlib import Path

from airflow_provider_sf.simulator import Simulator
from demo.__main__ import INTERRUPTED, _interrupt, _print_failure
from demo.beginning import bring_up, say
from demo.browser import Browser, BrowserError, find_chromium
from demo.live_airflow import ENDING_SIGNALS, LiveAirflow, LiveAirflowError
from demo.pictures import PICTURES, SITE, Picture, Stage, write_dags

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "screenshots"
DOCS_FOLDER = ROOT / "docs" / "images"

SPEED, PORT = 5.0, 19080
"""As in the tutorial."""


def main(arguments: list[str]) -> int:
    """Take all pictures; return 0 on success."""
    parser = argparse.ArgumentParser("python -m demo.screenshots", description=__doc__)
    parser.add_argument("--docs", action="store_true", help="also write the pictures in docs/images")
    choice = parser.parse_args(arguments)
    for number in ENDING_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        find_chromium()  # before Airflow starts, which takes a minute
        taken = _take_all(_new_folder(ROOT / ".airflow" / "screenshots"))
    except BrowserError as error:
        print(f"The pictures could not be taken: {error}", file=sys.stderr)
        return 1
    except LiveAirflowError as error:
        return _print_failure(str(error), error.log)
    except KeyboardInterrupt:
        print("\nInterrupted; all processes have stopped.")
        return INTERRUPTED
    if choice.docs:
        _copy_to_docs(taken)
    say(f"{len(taken)} pictures are in {FOLDER.relative_to(ROOT)}")
    return 0


def _take_all(home: Path) -> list[Picture]:
    """Start everything, take the pictures, and return them."""
    if not (SITE / "index.html").exists():
        msg = f"{SITE.relative_to(ROOT)} does not exist: run 'make docs-site' first"
        raise BrowserError(msg)
    _new_folder(FOLDER)
    write_dags(home / "dags")
    with LiveAirflow(home, home / "dags") as airflow, Simulator(speed=SPEED, port=PORT) as cluster:
        bring_up(airflow)
        fields = {"conn_type": "service_fabric", "host": "127.0.0.1", "port": cluster.port}
        airflow.add_connection("service_fabric_default", **fields)
        with Browser() as browser:
            stage = Stage(browser, airflow)
            for picture in PICTURES:
                say(f"{picture.name}: {picture.shows}")
                (FOLDER / f"{picture.name}.png").write_bytes(stage.take(picture))
    return list(PICTURES)


def _new_folder(folder: Path) -> Path:
    """Create an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _copy_to_docs(pictures: list[Picture]) -> None:
    for picture in pictures:
        if picture.in_docs:
            shutil.copy(FOLDER / f"{picture.name}.png", DOCS_FOLDER)
            say(f"Copied {picture.name}.png to {DOCS_FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
