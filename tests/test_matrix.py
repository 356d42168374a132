"""The matrix of versions: its constraints files, its reports, and what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests.matrix import __main__ as matrix
from tests.matrix.__main__ import MATRIX, Airflow, all_pairs, read_report, rows_of, summary, verdict

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """<testsuites><testsuite>
<testcase/><testcase/>
<testcase><failure message="a"/></testcase>
<testcase><error message="b"/></testcase>
<testcase><skipped type="pytest.skip" message="before Airflow 3.3"/></testcase>
<testcase><skipped type="pytest.skip" message="could not import 'slack': No module named 'slack'"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("airflow", MATRIX, ids=lambda airflow: airflow.version)
def test_each_airflow_has_its_constraints(airflow: Airflow) -> None:
    """Without the address of an index."""
    text = (matrix.ROOT / airflow.constraints).read_text()
    assert f"apache-airflow=={airflow.version}\n" in text
    assert "://" not in text
    assert not re.search("^-", text, re.MULTILINE)


@pytest.mark.parametrize("airflow", MATRIX, ids=lambda airflow: airflow.version)
def test_constraints_pin_what_tests_need(airflow: Airflow) -> None:
    project = (matrix.ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    needed = [Requirement(line).name for text in lists for line in re.findall(r'"(.*)"', text)]
    assert {"aiohttp", "hypothesis"} < set(needed)
    assert set(needed) - pins(airflow.constraints).keys() == set()


def test_lowest_constraints_are_the_lower_bounds() -> None:
    bounds = {bound.name: bound.specifier for bound in map(Requirement, matrix.lower_bounds())}
    assert {"aiohttp", "apache-airflow", "azure-identity"} < bounds.keys()
    lowest = pins("constraints-lowest.txt")
    assert {name: bound.contains(lowest[name]) for name, bound in bounds.items()} == dict.fromkeys(
        bounds, True
    )


def pins(file: str) -> dict[str, str]:
    """Return the version of each package in a constraints file."""
    lines = map(Requirement, (matrix.ROOT / file).read_text().splitlines())
    return {line.name: str(line.specifier).removeprefix("==") for line in lines}


def test_report_is_read(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read_report(report, 61.4, is_passed=False)
    assert str(result) == "**FAILED**: 2 failed, 2 passed, 2 skipped in 1m01s"
    assert result.skips == {"before Airflow 3.3": 1, "an optional package is not installed": 1}
    assert str(read_report(tmp_path / "none.xml", 5.0, is_passed=False)) == "**FAILED**: no test in 0m05s"


def test_summary_names_what_has_passed() -> None:
    rows = {
        "2.11.2 on Python 3.10": "9 passed in 1m00s | 5 passed in 2m00s | 2026-03-01",
        "3.3.2 on Python 3.12": "9 passed in 1m00s | 5 passed in 2m00s | 2026-03-02",
        "3.3.2 on Python 3.13": "9 passed in 1m00s | 5 passed in 2m00s | 2026-03-02",
        "3.4.0b2 on Python 3.13": "9 passed in 1m00s | **FAILED**: 1 failed in 2m00s | 2026-03-02",
    }
    assert summary(rows) == (
        "[Tested](docs/reference/airflow_versions.md#what-was-tested) by `make matrix`, 2026-03-01 to 2026-03-02: "
        "Airflow (Python) 2.11.2 (3.10), 3.3.2 (3.12/3.13)."
    )
    assert summary({}) == "`make matrix` has not passed with any pair yet."


def test_written_rows_keep_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are replaced: only `make matrix` may write those of the repository."""
    page, readme = tmp_path / "page.md", tmp_path / "README.md"
    blocks = "".join(f"<!-- {name} -->\n<!-- end -->\n" for name in ("matrix", "wheel", "skips"))
    page.write_text(f"a\n{blocks}z\n")
    readme.write_text("<!-- matrix -->\n<!-- end -->\n")
    monkeypatch.setattr(matrix, "PAGE", page)
    monkeypatch.setattr(matrix, "README", readme)
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read_report(report, 61.4, is_passed=True)
    for pair in (all_pairs()[1], all_pairs()[0]):
        matrix.write_rows({pair: (result, result)})
        matrix.write_skips({pair: (result, result)})
        matrix.write_wheels({pair: "passed in 1m10s"})
    lines = page.read_text().splitlines()
    for name in ("matrix", "wheel"):
        assert list(rows_of(name)) == [str(pair) for pair in all_pairs()[:2]]
    assert rows_of("wheel")[str(all_pairs()[0])].startswith("passed in 1m10s | 2")
    assert (
        lines.count(
            "- 2.11.0 on Python 3.10: Before Airflow 3.3 (2). An optional package is not installed (2)."
        )
        == 1
    )
    assert (lines[0], lines[-1]) == ("a", "z")
    assert "2.11.0 (3.10), 2.11.2 (3.10)" in readme.read_text()


def test_missing_python_is_noticed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finds_none = tmp_path / "find_python.py"
    finds_none.write_text("")
    monkeypatch.setattr(matrix, "FIND_PYTHON", finds_none)
    monkeypatch.setattr(matrix, "test", lambda pair, _: pytest.fail(f"{pair} is tested"))
    monkeypatch.setattr("sys.argv", ["tests/matrix", "3.3.2-3.14"])
    with pytest.raises(SystemExit, match=r"Python 3\.14 was not found\. Install it"):
        matrix.main()


@pytest.mark.parametrize(("options", "more"), [([], []), (["--examples"], matrix.LIVE_EXAMPLES)])
def test_examples_run_on_request(
    options: list[str], more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = read_report(tmp_path / "none.xml", 5.0, is_passed=True)
    seen: list[list[str]] = []

    def test(_: matrix.Pair, live_files: list[str]) -> tuple[matrix.Result, matrix.Result]:
        seen.append(live_files)
        return passed, passed

    monkeypatch.setattr(matrix, "find_python", lambda version: f"python{version}")
    monkeypatch.setattr(matrix, "test", test)
    monkeypatch.setattr("sys.argv", ["tests/matrix", "2.11.2", *options])
    with pytest.raises(SystemExit) as ended:
        matrix.main()
    assert ended.value.code == 0
    assert seen == [[*matrix.LIVE, *more]]


def test_only_a_released_airflow_fails_the_matrix() -> None:
    beta = all_pairs()[-1]
    assert beta.airflow.may_fail
    assert verdict([beta]) == 0
    assert verdict([all_pairs()[0], beta]) == "failed: 2.11.0 on Python 3.10"
