"""Whether a history of one key could have come from one object that changes at moments.

Every answered operation takes effect at some moment between its start and its end; one without an
answer, at any moment after its start, or never. Crashes change nothing about that: what was
acknowledged or read stays true, and nothing comes back that was never there.

Going through starts and ends in time order, `check_key` keeps every *configuration* that explains
what has been seen: the value now, and which of the operations under way have taken effect.
Source: Lowe, "Testing for linearizability" (2017), just-in-time linearization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.history import Answer, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.history import Operation

UNSEEN = "(one that nobody has read)"
CONFIGURATION_COUNT_MAX = 200_000

_Configuration = tuple[str | None, frozenset[int]]


class ConsistencyError(Exception):
    """No order of the operations explains what the clients saw."""

    def __init__(self, key: str, operation: Operation, operations: Sequence[Operation]) -> None:
        lines = "\n  ".join(str(known) for known in operations)
        super().__init__(f"key {key}: nothing explains\n  {operation}\nin\n  {lines}")
        self.key = key
        self.operation = operation


class HistoryTooWideError(Exception):
    """Too many operations without an answer to decide."""


def check_key(key: str, operations: Sequence[Operation]) -> None:
    """Checks the operations on one key, which doesn't exist at first.

    Raises:
        ConsistencyError: they aren't linearizable.
    """
    values = _without_unseen(operations)
    events = []
    for number, operation in enumerate(operations):
        events.append((operation.started_s, 1, number))
        if operation.answer is not Answer.UNKNOWN:
            # Of equal moments, a start comes first: the operations may have overlapped.
            events.append((operation.ended_s, 2, number))
    configurations: set[_Configuration] = {(None, frozenset())}
    under_way: dict[int, None] = {}
    for _, what, number in sorted(events):
        if what == 1:
            under_way[number] = None
            continue
        configurations = _explaining(number, under_way, configurations, operations, values)
        del under_way[number]
        if not configurations:
            raise ConsistencyError(key, operations[number], operations)


def _explaining(
    wanted: int,
    under_way: dict[int, None],
    configurations: set[_Configuration],
    operations: Sequence[Operation],
    values: Sequence[tuple[str | None, ...]],
) -> set[_Configuration]:
    """The configurations in which `wanted` has taken effect, without further mention of it."""
    found: set[_Configuration] = set()
    seen = set(configurations)
    to_do = list(configurations)
    while to_do:
        value, effective = to_do.pop()
        if wanted in effective:
            found.add((value, effective - {wanted}))
            continue
        for number in under_way:
            if number in effective:
                continue
            for after in _effects(operations[number], values[number], value):
                configuration = (after, effective | {number})
                if configuration not in seen:
                    seen.add(configuration)
                    to_do.append(configuration)
        if len(seen) > CONFIGURATION_COUNT_MAX:
            raise HistoryTooWideError(f"{len(under_way)} operations on one key are under way")
    return found


def _effects(
    operation: Operation, values: tuple[str | None, ...], now: str | None
) -> tuple[str | None, ...]:
    """The value after `operation` takes effect on `now`; nothing where it can't."""
    match operation.kind:
        case Kind.READ:
            return (now,) if now in values else ()
        case Kind.DELETE:
            return (None,)
        case Kind.WRITE:
            return values
        case Kind.CREATE if operation.answer is Answer.REFUSED:
            return () if now is None else (now,)
        case Kind.CREATE:
            return values if now is None else ()


def _without_unseen(operations: Sequence[Operation]) -> list[tuple[str | None, ...]]:
    """The operations' values; all those that no read mentions are the same one, which keeps the
    configurations few."""
    seen = {
        value
        for operation in operations
        if operation.kind is Kind.READ
        for value in operation.values
    }
    return [
        tuple(value if value in seen or value is None else UNSEEN for value in operation.values)
        for operation in operations
    ]
