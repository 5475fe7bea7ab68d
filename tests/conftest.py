"""Fixtures and the one way to parametrise over the catalogue."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

from actlas.catalogue import Definition, load
from tests.support.oracle import COUNTS

ENTRIES: tuple[Definition, ...] = tuple(load().values())
CHROMIUM = Path("/usr/bin/chromium")

# The same examples in every run, and no failure because a machine is slow.
hypothesis.settings.register_profile(
    "actlas", deadline=None, derandomize=True, database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)  # fmt: skip
hypothesis.settings.load_profile("actlas")


def pytest_configure() -> None:
    """Give each of several test processes one thread: those that share a core wait long."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)


def over(entries: Iterable[Definition] = ENTRIES) -> pytest.MarkDecorator:
    """Parametrise a test over entries; tests of one entry share a worker and its references."""
    chosen = [pytest.param(e, id=e.name, marks=pytest.mark.xdist_group(e.name)) for e in entries]
    if not chosen:  # pytest would skip the test in silence
        raise ValueError("no entry to test: the catalogue, or the choice from it, is empty")
    return pytest.mark.parametrize("entry", chosen)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Return a browser, or skip where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests last, everything else in the order it stands."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin every test with the same random state, whatever ran before it in the process."""
    torch.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note how many points a test compared with the truth; the note travels between processes."""
    before = dict(COUNTS)
    try:
        return (yield)
    finally:
        item.user_properties += [(name, COUNTS[name] - before[name]) for name in COUNTS]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was checked, so that a run that checked nothing cannot look like a good one."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    reports = [r for r in reports if getattr(r, "when", "") == "call"]
    total: Counter[str] = Counter()
    for report in reports:
        total.update(dict(report.user_properties))
    tests = Counter(report.nodeid.partition("[")[0] for report in reports)
    compared = sum(1 for report in reports if dict(report.user_properties).get("points"))
    terminalreporter.section("checked")
    terminalreporter.line(
        f"{len(ENTRIES)} functions in the catalogue; {len(reports)} checks by {len(tests)} tests"
    )
    terminalreporter.line(
        f"{compared} tables with {total['points']} points against the truth, of which "
        f"{total['not judged']} could not be judged (a step of rounding from a joint)"
    )
