"""A Chromium and a stub of Airflow for the tests of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.browser import Browser, BrowserError, find_chromium
from tests.plugins.stub_airflow import StubAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium. Without it the tests are skipped, and the end of the run says so."""
    try:
        find_chromium()
    except BrowserError as error:
        pytest.skip(str(error))
    with Browser() as browser:
        yield browser


@pytest.fixture
def airflow() -> Iterator[StubAirflow]:
    with StubAirflow() as stub:
        yield stub
