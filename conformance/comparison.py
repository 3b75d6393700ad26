"""Two runs beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.results import Run


@dataclass(frozen=True, slots=True)
class Difference:
    """Tests that both runs have, by what changed from the first to the second."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]
    other_cause: tuple[tuple[str, str, str], ...]
    common_count: int


def compare(first: Run, second: Run) -> Difference:
    """What the second run passes that the first doesn't, and the reverse."""
    before = first.by_id
    common = [result for result in second.results if result.node_id in before]
    return Difference(
        gained=tuple(
            after.node_id
            for after in common
            if after.has_passed and not before[after.node_id].has_passed
        ),
        lost=tuple(
            after.node_id
            for after in common
            if before[after.node_id].has_passed and not after.has_passed
        ),
        other_cause=tuple(
            (after.node_id, before[after.node_id].cause, after.cause)
            for after in common
            if not after.has_passed
            and not before[after.node_id].has_passed
            and before[after.node_id].cause != after.cause
        ),
        common_count=len(common),
    )
