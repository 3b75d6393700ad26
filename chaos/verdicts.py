"""What the clients' notes prove: one verdict for each promise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chaos.workload import keys_of
from rucket_platform.histories.availability import recovery_s, success_share
from rucket_platform.histories.history import Answer, Kind
from rucket_platform.histories.linearizability import (
    ConsistencyError,
    HistoryTooWideError,
    check_key,
)
from rucket_platform.histories.listing import listing_problems
from rucket_platform.histories.versions import version_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chaos.scenario import Scenario
    from chaos.workload import Notes
    from rucket_platform.histories.history import Operation

_PROBLEMS_TOLD = 5
_WARM_UP_S = 1.0
_EVIDENCE_LINES_MAX = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one promise was kept.

    Attributes:
        seen: What was measured, in a few words.
        problems: What broke it, a line each.
        evidence: What clients did and saw around the first problem of each key, a line each.
    """

    promise: str
    kept: bool
    seen: str
    problems: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def judge(scenario: Scenario, notes: Notes, healed_s: float) -> tuple[Verdict, ...]:
    """All verdicts of a scenario whose last fault was put right at `healed_s`."""
    histories: dict[str, list[Operation]] = {key: [] for key in keys_of(scenario.load)}
    histories |= notes.history.by_key()
    return (
        _durability(histories),
        _atomicity(notes),
        _linearizability(histories),
        _listings(notes, histories),
        _monotone_versions(notes),
        *([_kept_versions(notes)] if scenario.load.keeps_versions else []),
        _availability(scenario, notes, healed_s),
        _recovery(scenario, notes, healed_s),
        _work(scenario, notes, histories),
    )


def _verdict(promise: str, problems: Sequence[str], seen: str) -> Verdict:
    told = tuple(problems[:_PROBLEMS_TOLD])
    if len(problems) > _PROBLEMS_TOLD:
        told += (f"… and {len(problems) - _PROBLEMS_TOLD} more",)
    return Verdict(promise, not problems, seen, told)


def _durability(histories: Mapping[str, Sequence[Operation]]) -> Verdict:
    """The last read of each key shows the newest acknowledged change, or a later or open one."""
    problems = []
    acknowledged = 0
    for key, history in histories.items():
        changes = [operation for operation in history if operation.kind is not Kind.READ]
        done = [operation for operation in changes if operation.answer is Answer.DONE]
        acknowledged += len(done)
        reads = [operation for operation in history if operation.kind is Kind.READ]
        if not done or not reads:
            continue
        last = max(reads, key=lambda read: read.started_s)
        if last.started_s < max(change.ended_s for change in done):
            problems.append(f"{key} could not be read after its last acknowledged change")
            continue
        newest_start_s = max(change.started_s for change in done)
        admissible = {
            value
            for change in changes
            if change.answer is not Answer.REFUSED and change.ended_s >= newest_start_s
            for value in change.values
        }
        if not set(last.values) & admissible:
            problems.append(
                f"{key} shows {last.values[0]} at the end; "
                f"acknowledged last: {sorted(map(str, admissible))}"
            )
    return _verdict("durability", problems, f"{acknowledged} acknowledged changes")


def _atomicity(notes: Notes) -> Verdict:
    reads = sum(operation.kind is Kind.READ for operation in notes.history.operations)
    return _verdict("atomicity", notes.torn, f"{reads} reads, every byte compared")


def _linearizability(histories: Mapping[str, Sequence[Operation]]) -> Verdict:
    problems = []
    evidence: list[str] = []
    for key, history in histories.items():
        ordered = sorted(history, key=lambda operation: operation.started_s)
        try:
            check_key(key, ordered)
        except ConsistencyError as error:
            problems.append(f"{key}: nothing explains {error.operation}")
            evidence += _around(error.operation, ordered)
        except HistoryTooWideError as error:
            problems.append(f"{key} can't be decided: {error}")
    count = sum(len(history) for history in histories.values())
    seen = f"{count} operations on {len(histories)} keys"
    return replace(_verdict("linearizability", problems, seen), evidence=tuple(evidence))


def _around(unexplained: Operation, ordered: Sequence[Operation]) -> Iterator[str]:
    """The operations up to the one that nothing explains, and those that were under way then."""
    before = [known for known in ordered if known.started_s <= unexplained.ended_s]
    for known in before[-_EVIDENCE_LINES_MAX:]:
        mark = " <-- nothing explains this" if known is unexplained else ""
        yield f"{known}{mark}"


def _listings(notes: Notes, histories: Mapping[str, Sequence[Operation]]) -> Verdict:
    problems = listing_problems(notes.listings, histories)
    return _verdict("listings", problems, f"{len(notes.listings)} listings")


def _monotone_versions(notes: Notes) -> Verdict:
    """A read that begins after another has ended never shows an older version."""
    problems = []
    count = 0
    for key, reads in notes.modified_s.items():
        newest_s = -math.inf
        by_end = sorted(reads, key=lambda read: read[1])
        ended = 0
        for started_s, _, modified_s in sorted(reads):
            while ended < len(by_end) and by_end[ended][1] < started_s:
                newest_s = max(newest_s, by_end[ended][2])
                ended += 1
            count += 1
            if modified_s < newest_s:
                problems.append(
                    f"{key}: a read at {started_s:.3f} s shows a version of "
                    f"{newest_s - modified_s:.0f} s before one that was read earlier"
                )
    return _verdict("monotone versions", problems, f"{count} reads by Last-Modified")


def _kept_versions(notes: Notes) -> Verdict:
    """Every version keeps what was written, and their order is the order of the writes."""
    versions = notes.versions
    listed = sum(len(ids) for ids in versions.listed.values())
    seen = f"{len(versions.writes)} written, {len(versions.reads)} read, {listed} listed at the end"
    return _verdict("kept versions", version_problems(versions), seen)


def _availability(scenario: Scenario, notes: Notes, healed_s: float) -> Verdict:
    hypothesis = scenario.hypothesis
    first_s = min(planned.start_s for planned in scenario.faults)
    settling_s = min(hypothesis.recovery_s_max, recovery_s(notes.attempts, healed_s))
    calm = [
        attempt
        for attempt in notes.attempts
        if attempt.ended_s < first_s or attempt.started_s > healed_s + settling_s
    ]
    calm_share = success_share(calm, -math.inf, math.inf)
    fault_share = success_share(notes.attempts, first_s, healed_s)
    problems = []
    if not calm_share >= hypothesis.calm_success_share_min:
        problems.append(
            f"{calm_share:.1%} of requests in calm times succeeded; "
            f"{hypothesis.calm_success_share_min:.0%} wanted"
        )
    if not fault_share >= hypothesis.fault_success_share_min and not (
        math.isnan(fault_share) and hypothesis.fault_success_share_min == 0
    ):
        problems.append(
            f"{fault_share:.1%} of requests under fault succeeded; "
            f"{hypothesis.fault_success_share_min:.0%} wanted"
        )
    return _verdict(
        "availability", problems, f"calm {calm_share:.1%}, under fault {fault_share:.1%}"
    )


def _recovery(scenario: Scenario, notes: Notes, healed_s: float) -> Verdict:
    seconds = recovery_s(notes.attempts, healed_s)
    limit_s = scenario.hypothesis.recovery_s_max
    problems = []
    if not seconds <= limit_s:
        problems.append(f"requests still failed {seconds:.1f} s after; {limit_s:.0f} s allowed")
    return _verdict("recovery", problems, f"{seconds:.1f} s")


def _work(
    scenario: Scenario, notes: Notes, histories: Mapping[str, Sequence[Operation]]
) -> Verdict:
    """Enough was done, and clients met often enough, that the other verdicts mean something."""
    hypothesis = scenario.hypothesis
    succeeded = sum(
        not attempt.error for attempt in notes.attempts if attempt.started_s >= _WARM_UP_S
    )
    overlap = _mean_overlap(histories)
    problems = []
    if succeeded < hypothesis.operation_count_min:
        problems.append(
            f"only {succeeded} operations succeeded; {hypothesis.operation_count_min} wanted"
        )
    if overlap < hypothesis.overlap_min:
        problems.append(
            f"an operation met {overlap:.2f} others on its key; {hypothesis.overlap_min:.2f} wanted"
        )
    seen = f"{succeeded} succeeded, each met {overlap:.2f} others on its key"
    return _verdict("enough work", problems, seen)


def _mean_overlap(histories: Mapping[str, Sequence[Operation]]) -> float:
    """How many answered operations on the same key an answered operation overlaps, on average."""
    met = count = 0
    for history in histories.values():
        spans = sorted(
            (operation.started_s, operation.ended_s)
            for operation in history
            if operation.answer is not Answer.UNKNOWN
        )
        count += len(spans)
        under_way: list[float] = []
        for started_s, ended_s in spans:
            under_way = [end_s for end_s in under_way if end_s > started_s]
            met += 2 * len(under_way)
            under_way.append(ended_s)
    return met / count if count else 0.0
