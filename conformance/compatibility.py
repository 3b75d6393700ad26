"""docs/s3-compatibility.md, from the results of a run: what is written there was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.features import by_feature, feature_of
from conformance.presentation import score_lines

if TYPE_CHECKING:
    from conformance.expectations import Expectations
    from conformance.results import Run

_HEAD = """# S3 compatibility

Written by `python -m conformance page`; don't edit. It tells what Ceph's
[s3-tests](https://github.com/ceph/s3-tests) found, run against a real server by
`make conformance SUITE=…`. D1 is what a correct S3 server can pass, D0 its part that AWS passes as
well, D2 is D1 with IAM, STS and SNS; how they are drawn is in `conformance/selection.py`.
"""


def page(run: Run, expectations: Expectations | None) -> str:
    """The page."""
    lines = [
        _HEAD,
        f"Suite {run.suite_commit[:12]}, {run.started[:10]}: **{', '.join(score_lines(run))}**.",
        "",
        "| part of S3 | passed | of |",
        "|---|---:|---:|",
        *(
            f"| {feature} | {passed} | {total} |"
            for feature, passed, total in by_feature(run.results)
        ),
        "",
        "## What isn't passed, and why",
        "",
    ]
    causes = expectations.causes if expectations is not None else {}
    groups: dict[str, list[str]] = {}
    for result in run.results:
        if not result.has_passed:
            cause = causes.get(result.node_id, result.cause)
            groups.setdefault(cause, []).append(result.node_id)
    for cause, names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        features = ", ".join(sorted({feature_of(name) for name in names}))
        lines.append(f"- {_escaped(cause)} ({len(names)}; {features})")
    if not groups:
        lines.append("Nothing.")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_<>|[]" else sign for sign in text)
