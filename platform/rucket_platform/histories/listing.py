"""Whether a listing agrees with the history of the keys it covers.

Not linearizability of the whole listing, which no S3 store promises over pages; but a key that was
there all the while has to be in it, and one that wasn't there at any moment must not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket_platform.histories.history import Answer, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rucket_platform.histories.history import Operation


@dataclass(frozen=True, slots=True)
class Listing:
    """All keys under the workload's prefix, as one client got them page by page."""

    client: str
    keys: frozenset[str]
    started_s: float
    ended_s: float


def listing_problems(
    listings: Iterable[Listing], operations: Mapping[str, Sequence[Operation]]
) -> list[str]:
    """What is wrong with `listings`, a line each.

    Args:
        listings: Each covers all keys of `operations`.
        operations: By key; no key is there at first.
    """
    problems = []
    for listing in listings:
        for key, history in operations.items():
            if key not in listing.keys and _was_there_throughout(history, listing):
                problems.append(f"{key} was there, but isn't in {_named(listing)}")
            if key in listing.keys and not _may_have_been_there(history, listing):
                problems.append(f"{key} was never there, but is in {_named(listing)}")
        problems += [
            f"{key}, which nobody wrote, is in {_named(listing)}"
            for key in sorted(listing.keys - operations.keys())
        ]
    return problems


def _named(listing: Listing) -> str:
    return f"{listing.client}'s listing of {listing.started_s:.3f}..{listing.ended_s:.3f} s"


def _writes(operation: Operation) -> bool:
    return operation.kind in {Kind.WRITE, Kind.CREATE} and operation.answer is not Answer.REFUSED


def _was_there_throughout(history: Sequence[Operation], listing: Listing) -> bool:
    """Whether a write had taken effect before, and no delete could have, from then to its end."""
    written_s = [
        operation.started_s
        for operation in history
        if _writes(operation)
        and operation.answer is Answer.DONE
        and operation.ended_s < listing.started_s
    ]
    if not written_s:
        return False
    newest_s = max(written_s)
    return not any(
        operation.kind is Kind.DELETE
        and operation.answer is not Answer.REFUSED
        and operation.ended_s >= newest_s
        and operation.started_s <= listing.ended_s
        for operation in history
    )


def _may_have_been_there(history: Sequence[Operation], listing: Listing) -> bool:
    """Whether some write could be in effect at some moment of the listing."""
    return any(
        _writes(operation)
        and operation.started_s <= listing.ended_s
        and not _was_deleted_since(operation, history, listing)
        for operation in history
    )


def _was_deleted_since(write: Operation, history: Sequence[Operation], listing: Listing) -> bool:
    return any(
        operation.kind is Kind.DELETE
        and operation.answer is Answer.DONE
        and operation.started_s > write.ended_s
        and operation.ended_s < listing.started_s
        for operation in history
    )
