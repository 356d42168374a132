"""Verify the release records in a folder: ``python -m airflow_provider_sf.releases verify FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airflow_provider_sf.releases.record_chain import problems_in


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the records and pages in a folder by name."""
    paths = [path for path in folder.iterdir() if path.suffix in {".json", ".html"}]
    return {path.name: path.read_bytes() for path in sorted(paths)}


def main(arguments: list[str] | None = None) -> int:
    """Print each problem, or that there is no problem; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        files = read_folder(options.folder)
    except OSError as error:
        sys.stdout.write(f"The folder {options.folder} cannot be read: {error}\n")
        return 1
    problems = problems_in(files, options.last)
    count = sum(name.endswith(".json") for name in files)
    if not count:
        problems = ["the folder has no release records"]
    for problem in problems:
        sys.stdout.write(f"Problem: {problem}\n")
    records = "1 record" if count == 1 else f"{count} records"
    end = "not valid" if problems else "valid: no file was changed, and none is missing in the chain"
    sys.stdout.write(f"{options.folder}: {records}, {end}\n")
    return 1 if problems else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="python -m airflow_provider_sf.releases", description=__doc__)
    verify = found.add_subparsers(required=True).add_parser("verify", help="verify the records in a folder")
    verify.add_argument("folder", type=Path, help="the folder with the records and pages")
    verify.add_argument(
        "--last", metavar="SHA256", help="the hash of the newest record, from its XCom or log"
    )
    return found


if __name__ == "__main__":
    sys.exit(main())
