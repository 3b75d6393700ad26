"""What became of each test, and why."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from conformance.errors import ResultsError
from conformance.selection import ListedTest, Selection
from rucket_platform.reports.content import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FORMAT_VERSION = 1
FILE_NAME = "results.json"
_NOT_RUN = "not run"
_CAUSE_LENGTH_MAX = 160
_CLIENT_ERROR = re.compile(r"An error occurred \(([^)]*)\) when calling the (\w+) operation")
_TIMEOUT = re.compile(r"Timeout \(>([\d.]+)s\)")
_STATUS = re.compile(r"^(?:AssertionError: )?assert (\d{3}) == (\d{3})$")
_NOT_RAISED = "ClientError not raised"
_RAISED = re.compile(r"^E\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a listed test; one with parameters has passed if all of them have.

    Attributes:
        cause: In a line, why it hasn't passed.
        detail: The end of what pytest said.
    """

    node_id: str
    outcome: Outcome
    duration_s: float
    cause: str = ""
    detail: str = ""

    @property
    def has_passed(self) -> bool:
        """Skipped is not passed."""
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run.

    Attributes:
        suite_commit: Of s3-tests.
        started: ISO 8601, UTC.
    """

    target: str
    selection: Selection
    suite_commit: str
    started: str
    duration_s: float
    results: tuple[Result, ...]

    @property
    def by_id(self) -> Mapping[str, Result]:
        """The results by node id."""
        return {result.node_id: result for result in self.results}

    def score(self, selection: Selection, tests: Iterable[ListedTest]) -> tuple[int, int] | None:
        """How many of a selection have passed, of how many; None if it wasn't all run."""
        found = self.by_id
        wanted = [test.node_id for test in tests if test.is_in(selection)]
        if not all(node_id in found for node_id in wanted):
            return None
        return sum(found[node_id].has_passed for node_id in wanted), len(wanted)


def collect(lines: Iterable[str], tests: Sequence[ListedTest]) -> tuple[Result, ...]:
    """The results of `tests`, from what the recorder wrote, in the order of `tests`."""
    found: dict[str, list[dict[str, Any]]] = {test.node_id: [] for test in tests}
    for line in lines:
        entry = json.loads(line)
        node_id = entry["node_id"]
        name = node_id if node_id in found else node_id.partition("[")[0]
        if name in found:
            found[name].append(entry)
    return tuple(_result(node_id, entries) for node_id, entries in found.items())


def _result(node_id: str, entries: list[dict[str, Any]]) -> Result:
    duration_s = round(sum(entry["duration_s"] for entry in entries), 3)
    if not entries:
        return Result(node_id, Outcome.ERROR, 0, _NOT_RUN)
    for entry in entries:
        if entry["outcome"] == "failed":
            outcome = Outcome.FAILED if entry["when"] == "call" else Outcome.ERROR
            cause = cause_of(entry["detail"])
            if outcome is Outcome.ERROR:
                cause = f"{entry['when']}: {cause}"
            return Result(node_id, outcome, duration_s, cause, entry["detail"])
    for entry in entries:
        if entry["outcome"] == "skipped":
            reason = entry["detail"].rpartition("Skipped: ")[2].strip("')\n ")
            return Result(node_id, Outcome.SKIPPED, duration_s, reason[:_CAUSE_LENGTH_MAX])
    return Result(node_id, Outcome.PASSED, duration_s)


def cause_of(detail: str) -> str:
    """A line for what pytest said: the server's error and the operation where there is one."""
    if match := _TIMEOUT.search(detail):
        return f"timeout after {match[1]} s"
    if matches := _CLIENT_ERROR.findall(detail):
        code, operation = matches[-1]
        return f"{operation}: {code}"
    raised = _RAISED.findall(detail)
    first = raised[0] if raised else (detail.strip().splitlines() or ["no word"])[-1]
    if match := _STATUS.match(first.strip()):
        return f"answered {match[1]} instead of {match[2]}"
    if _NOT_RAISED in first:
        return "answered well where an error is right"
    return first.strip()[:_CAUSE_LENGTH_MAX]


def count_causes(results: Iterable[Result]) -> list[tuple[str, int, str]]:
    """How often each cause kept a test from passing, the most frequent first, with one of them."""
    failed = [result for result in results if not result.has_passed]
    first: dict[str, str] = {}
    for result in failed:
        first.setdefault(result.cause, result.node_id.rpartition("::")[2])
    counts = Counter(result.cause for result in failed)
    return [(cause, count, first[cause]) for cause, count in counts.most_common()]


def to_json(run: Run) -> str:
    """The file that is kept."""
    return json.dumps({"format_version": FORMAT_VERSION, **asdict(run)}, indent=1) + "\n"


def read_run(path: Path) -> Run:
    """A run from its file, or from the folder of its report.

    Raises:
        ResultsError: There is none, or a newer version wrote it.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.pop("format_version") != FORMAT_VERSION:
            raise ResultsError(f"{file} was written by another version of this kit")
        results = tuple(
            Result(**{**entry, "outcome": Outcome(entry["outcome"])})
            for entry in content.pop("results")
        )
        selection = Selection(content.pop("selection"))
        return Run(selection=selection, results=results, **content)
    except OSError as error:
        raise ResultsError(f"there are no results in {path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{file} isn't a file of results: {error}") from error
