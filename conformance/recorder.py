"""A pytest plugin that runs inside the suite's own environment: the standard library and pytest.

It is given a folder with a `plan.json`:

    conf_files   an s3tests.conf for each set of accounts; worker N uses number N
    node_ids     the tests to run; a test without parameters here stands for all it has there
    bucket_prefix  of all buckets, with "{random}" for what a worker adds
    results      where each result goes, as a line of JSON, the moment it is known

A bucket that can't be deleted (a lock that no one may lift) would turn every later test into an
error, since the suite deletes all buckets of its prefix before and after each test. So after a
test whose buckets could not be deleted, the worker goes on under a new prefix.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

PLAN_VARIABLE = "RUCKET_CONFORMANCE_PLAN"
_DETAIL_LENGTH_MAX = 6000
_PREFIX_LENGTH_MAX = 30


def _plan() -> dict[str, Any]:
    return dict(json.loads(Path(os.environ[PLAN_VARIABLE]).read_text(encoding="utf-8")))


def pytest_configure() -> None:
    """Point the suite to this worker's accounts, before any of its modules is imported."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    conf_files = _plan()["conf_files"]
    os.environ["S3TEST_CONF"] = conf_files[int(worker.removeprefix("gw")) % len(conf_files)]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what was planned. Tests that want an account without buckets come first."""
    wanted = set(_plan()["node_ids"])
    kept = [item for item in items if _listed_name(item.nodeid, wanted) is not None]
    kept.sort(key=lambda item: "list_buckets_paginated" not in item.nodeid)
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _listed_name(node_id: str, wanted: set[str]) -> str | None:
    if node_id in wanted:
        return node_id
    function = node_id.partition("[")[0]
    return function if function in wanted else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave behind, with its prefix, what can't be deleted."""
    report = yield
    if report.when in {"setup", "teardown"} and report.failed and call.excinfo is not None:
        functional: Any = importlib.import_module("s3tests.functional")
        functional.prefix = functional.choose_bucket_prefix(
            _plan()["bucket_prefix"], max_len=_PREFIX_LENGTH_MAX
        )
        item.add_report_section(report.when, "prefix", f"left for {functional.prefix}")
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write the result down, in the process that hears of all of them."""
    if "PYTEST_XDIST_WORKER" in os.environ or (report.when != "call" and report.passed):
        return
    line = {
        "node_id": report.nodeid,
        "when": report.when,
        "outcome": report.outcome,
        "duration_s": round(report.duration, 3),
        "detail": "" if report.passed else str(report.longrepr)[-_DETAIL_LENGTH_MAX:],
    }
    with Path(_plan()["results"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
