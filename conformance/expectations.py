"""Known failures, each under its cause; the gate that holds a run against them.

A TOML file:

```toml
selection = "D1"
count_max = 3          # of known failures: it only ever falls

[[known]]
cause = "ACLs: only the owner's"
tests = ["s3tests/functional/test_s3.py::test_…", …]
```

The gate fails on a test that fails and isn't known (a regression), and on a known one that passes
(the file has to say so: `python -m conformance settle`). So the file always tells the truth.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.errors import ResultsError
from conformance.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.results import Run


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """Tests that aren't passed for one cause."""

    cause: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expectations:
    """The whole file."""

    selection: Selection
    count_max: int
    known: tuple[KnownFailures, ...]

    @property
    def causes(self) -> dict[str, str]:
        """The cause of each known failure."""
        return {test: group.cause for group in self.known for test in group.tests}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run held against expectations.

    Attributes:
        regressions: Fail, and aren't known to.
        unexpected_passes: Are known to fail, and pass.
    """

    regressions: tuple[str, ...]
    unexpected_passes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return not self.regressions and not self.unexpected_passes


def read_expectations(path: Path) -> Expectations:
    """The file, checked.

    Raises:
        ResultsError: It isn't such a file, names a test twice, or more than `count_max`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"the expectations can't be read: {error}") from error
    return parse_expectations(text, str(path))


def parse_expectations(text: str, name: str) -> Expectations:
    """The text of the file called `name`; otherwise as `read_expectations`."""
    try:
        content = tomllib.loads(text)
        known = tuple(
            KnownFailures(str(group["cause"]), tuple(map(str, group["tests"])))
            for group in content.get("known", [])
        )
        expectations = Expectations(
            Selection(content["selection"]), int(content["count_max"]), known
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{name} isn't a file of expectations: {error!r}") from error
    tests = [test for group in known for test in group.tests]
    if len(set(tests)) < len(tests):
        raise ResultsError(f"{name} names a test twice")
    if len(tests) > expectations.count_max:
        raise ResultsError(
            f"{name} knows {len(tests)} failures, but count_max is {expectations.count_max}: "
            "the count may only fall"
        )
    if not all(group.cause.strip() for group in known):
        raise ResultsError(f"{name} has known failures without a cause")
    return expectations


def judge(run: Run, expectations: Expectations) -> Judgement:
    """Hold a run against what is expected of it; tests that weren't run aren't judged."""
    causes = expectations.causes
    return Judgement(
        tuple(
            result.node_id
            for result in run.results
            if not result.has_passed and result.node_id not in causes
        ),
        tuple(
            result.node_id
            for result in run.results
            if result.has_passed and result.node_id in causes
        ),
    )


def settle(run: Run, expectations: Expectations) -> Expectations:
    """Expectations without what passes by now; regressions are never taken in."""
    passed = {result.node_id for result in run.results if result.has_passed}
    groups = [
        replace(group, tests=tuple(test for test in group.tests if test not in passed))
        for group in expectations.known
    ]
    known = tuple(group for group in groups if group.tests)
    return replace(
        expectations,
        count_max=min(expectations.count_max, sum(len(group.tests) for group in known)),
        known=known,
    )


def first_expectations(run: Run) -> Expectations:
    """What a first run leaves: every failure under the cause that the run itself tells."""
    groups: dict[str, list[str]] = {}
    for result in run.results:
        if not result.has_passed:
            groups.setdefault(result.cause, []).append(result.node_id)
    known = tuple(
        KnownFailures(cause, tuple(tests))
        for cause, tests in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    )
    count = sum(len(group.tests) for group in known)
    return Expectations(run.selection, count, known)


def to_toml(expectations: Expectations) -> str:
    """The file's text."""
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    blocks = [
        f"selection = {json.dumps(expectations.selection)}\ncount_max = {expectations.count_max}\n"
    ]
    for group in expectations.known:
        tests = "".join(f"    {_text(test)},\n" for test in group.tests)
        blocks.append(f"[[known]]\ncause = {_text(group.cause)}\ntests = [\n{tests}]\n")
    return "\n".join(blocks)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
