"""The suite's pytest as a child process: started, watched, ended.

Two passes, since further storage classes multiply some tests; and a third, with one worker, where
there is only one set of accounts for tests that want theirs quiet. A test that doesn't end is
ended by its time-out; a pass in which nothing ends any more, by the watchdog.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from conformance.configuration import account_sets, configuration_text
from conformance.errors import SuiteError
from conformance.recorder import PLAN_VARIABLE
from conformance.results import Result, collect
from rucket_platform.targets.leftovers import remove_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from conformance.selection import ListedTest
    from conformance.suite import Suite
    from rucket_platform.targets.target import Account, Target
    from rucket_platform.tools.progress import Progress

_POLL_INTERVAL_S = 0.5
_START_TIMEOUT_S = 60
_SILENCE_FACTOR = 3
_PLUGIN = "rucket_conformance_recorder"
_LOG_TAIL_LINES = 15
_PYTEST_RAN = frozenset({0, 1})
"""pytest's exit codes for "all passed" and "some failed"."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run goes.

    Attributes:
        worker_count: Tests at a time.
        test_timeout_s: What one test may take.
        lifecycle_day_s: See `configuration_text`.
    """

    worker_count: int
    test_timeout_s: int
    lifecycle_day_s: int


@dataclass(frozen=True, slots=True)
class _Pass:
    tests: tuple[ListedTest, ...]
    worker_count: int
    with_storage_classes: bool


def run_tests(
    suite: Suite,
    target: Target,
    tests: Sequence[ListedTest],
    pace: Pace,
    show: Callable[[int, int], None],
    progress: Progress,
) -> tuple[Result, ...]:
    """Run `tests` against `target`; `show` hears how many have ended, and passed.

    What tests left behind is removed at the end; what can't be is told on `progress`.

    Raises:
        SuiteError: pytest could not run them.
        TargetError: The target lacks accounts.
    """
    sets = account_sets(target.accounts)
    lines: list[str] = []
    with (
        _buckets_of_run(target, sets, progress) as bucket_prefix,
        tempfile.TemporaryDirectory(prefix="rucket-conformance-") as name,
    ):
        for number, one in enumerate(_passes(tests, pace.worker_count, len(sets))):
            folder = Path(name) / str(number)
            folder.mkdir()
            run = _PassRun(suite, target, sets, pace, folder, bucket_prefix)
            lines += run.carry_out(one, partial(_show_tally, show, tests, list(lines)))
    return collect(lines, tests)


@contextmanager
def _buckets_of_run(
    target: Target, sets: Sequence[Mapping[str, Account]], progress: Progress
) -> Iterator[str]:
    """The prefix of the run's buckets; they are removed when the context ends."""
    prefix = f"rkt-{secrets.token_hex(3)}-"
    try:
        yield prefix + "{random}-"
    finally:
        accounts = {account.access_key_id: account for one in sets for account in one.values()}
        connections = [target.connection(account) for account in accounts.values()]
        remove_buckets(connections, prefix, progress)


def _passes(tests: Sequence[ListedTest], worker_count: int, set_count: int) -> list[_Pass]:
    ordinary = tuple(test for test in tests if not test.needs_storage_classes)
    classes = tuple(test for test in tests if test.needs_storage_classes)
    if set_count >= worker_count:
        passes = [_Pass(ordinary, worker_count, with_storage_classes=False)]
    else:
        quiet = tuple(test for test in ordinary if test.needs_quiet_accounts)
        others = tuple(test for test in ordinary if not test.needs_quiet_accounts)
        passes = [
            _Pass(quiet, 1, with_storage_classes=False),
            _Pass(others, worker_count, with_storage_classes=False),
        ]
    passes.append(_Pass(classes, worker_count, with_storage_classes=True))
    return [one for one in passes if one.tests]


def _show_tally(
    show: Callable[[int, int], None],
    tests: Sequence[ListedTest],
    before: list[str],
    lines: list[str],
) -> None:
    show(*_tally(before + lines, tests))


def _tally(lines: Sequence[str], tests: Sequence[ListedTest]) -> tuple[int, int]:
    """How many of `tests` have ended, and passed so far; one with parameters counts once."""
    listed = {test.node_id for test in tests}
    outcomes: dict[str, str] = {}
    for line in lines:
        entry = json.loads(line)
        node_id = entry["node_id"]
        name = node_id if node_id in listed else node_id.partition("[")[0]
        before = outcomes.get(name, "passed")
        outcomes[name] = entry["outcome"] if before == "passed" else before
    return len(outcomes), sum(outcome == "passed" for outcome in outcomes.values())


class _PassRun:
    """One run of pytest."""

    def __init__(
        self,
        suite: Suite,
        target: Target,
        sets: Sequence[Mapping[str, Account]],
        pace: Pace,
        folder: Path,
        bucket_prefix: str,
    ) -> None:
        self._suite = suite
        self._target = target
        self._sets = sets
        self._pace = pace
        self._folder = folder
        self._bucket_prefix = bucket_prefix
        self._results = folder / "results.jsonl"
        self._log = folder / "pytest.log"

    def carry_out(self, one: _Pass, show: Callable[[list[str]], None]) -> list[str]:
        """The lines of the recorder."""
        self._results.touch()
        plugin = files("conformance").joinpath("recorder.py").read_text(encoding="utf-8")
        (self._folder / f"{_PLUGIN}.py").write_text(plugin, encoding="utf-8")
        self._write_plan(one)
        with self._log.open("wb") as log, self._process(one, log) as process:
            self._watch(process, show)
        if process.returncode not in _PYTEST_RAN:
            tail = self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
            raise SuiteError(
                f"the suite's pytest ended with {process.returncode}:\n"
                + "\n".join(f"    {line}" for line in tail)
            )
        return self._lines()

    def _write_plan(self, one: _Pass) -> None:
        names = []
        for number, accounts in enumerate(self._sets):
            text = configuration_text(
                self._target,
                accounts,
                bucket_prefix=self._bucket_prefix,
                lifecycle_day_s=self._pace.lifecycle_day_s,
                with_storage_classes=one.with_storage_classes,
            )
            path = self._folder / f"s3tests-{number}.conf"
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
            names.append(str(path))
        plan = {
            "conf_files": names,
            "node_ids": [test.node_id for test in one.tests],
            "bucket_prefix": self._bucket_prefix,
            "results": str(self._results),
        }
        (self._folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")

    @contextmanager
    def _process(self, one: _Pass, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        modules = sorted({test.node_id.partition("::")[0] for test in one.tests})
        process = subprocess.Popen(
            [
                *(str(self._suite.python), "-m", "pytest", "-p", _PLUGIN, *modules),
                *("-q", "-p", "no:cacheprovider", "-W", "ignore", "-n", str(one.worker_count)),
                *("--timeout", str(self._pace.test_timeout_s)),
            ],
            cwd=self._suite.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            # The workers are in its session; none may go on against a server that is going.
            _kill_group(process.pid)
            process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "PYTEST_", "PYTHON", "S3TEST")) and "proxy" not in name
        }
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(self._folder), str(self._suite.directory)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            PLAN_VARIABLE: str(self._folder / "plan.json"),
        }

    def _watch(self, process: subprocess.Popen[bytes], show: Callable[[list[str]], None]) -> None:
        silence_s_max = _START_TIMEOUT_S + _SILENCE_FACTOR * self._pace.test_timeout_s
        silent_since_s = time.monotonic()
        seen = -1
        while process.poll() is None:
            lines = self._lines()
            if len(lines) != seen:
                seen, silent_since_s = len(lines), time.monotonic()
                show(lines)
            if time.monotonic() - silent_since_s > silence_s_max:
                _kill_group(process.pid)
                raise SuiteError(
                    f"no test has ended for {silence_s_max} s, "
                    f"though each has a time-out of {self._pace.test_timeout_s} s; "
                    f"the last of pytest's output: {self._log.read_text(errors='replace')[-500:]}"
                )
            time.sleep(_POLL_INTERVAL_S)
        show(self._lines())

    def _lines(self) -> list[str]:
        text = self._results.read_text(encoding="utf-8")
        return text[: text.rfind("\n") + 1].splitlines()


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
